/** From documents to the mesh: the one function that sources, `analyze`, `explain` and the corpus runners call. */
import { createEngine, type Engine, type Transaction } from '../base/engine/index.ts';
import type { MeshConfig } from '../schema/index.ts';
import { objectKey, type KubeObject } from '../schema/object.ts';
import { inputsByKind, meshConfigKey, meshConfigs } from './inputs.ts';

/** True if objects of this kind reach the engine. */
export function isMeshKind(kind: string): kind is keyof typeof inputsByKind {
  return Object.hasOwn(inputsByKind, kind);
}

/** Puts an accepted object into the mesh; kinds that the mesh does not read are left alone. */
export function putObject(transaction: Transaction, object: KubeObject): void {
  if (!isMeshKind(object.kind)) return;
  // The kind chose the input, and acceptance has checked the object against that kind's schema.
  transaction.set(inputsByKind[object.kind] as never, objectKey(object), object as never);
}

/** Takes an object out of the mesh. */
export function removeObject(transaction: Transaction, object: { readonly kind: string; readonly key: string }): void {
  if (isMeshKind(object.kind)) transaction.remove(inputsByKind[object.kind] as never, object.key);
}

/** Puts the mesh's settings. */
export function putMeshConfig(transaction: Transaction, config: MeshConfig): void {
  transaction.set(meshConfigs, meshConfigKey, config);
}

/** A mesh of its own from a list of accepted objects. */
export function loadMesh(objects: readonly KubeObject[], config: MeshConfig = {}): Engine {
  const engine = createEngine();
  engine.transact((transaction) => {
    putMeshConfig(transaction, config);
    for (const object of objects) putObject(transaction, object);
  });
  return engine;
}
