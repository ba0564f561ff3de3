import type { KubeObject } from '../../src/schema/index.ts';

/** Compiles the objects of a sample for every proxy they concern; says what Envoy would not take, or nothing. */
export type Translate = (objects: readonly KubeObject[]) => string | undefined;

/** The translation of samples; `undefined` until the compiler is joined to the corpus. */
export const translate = absent();

function absent(): Translate | undefined {
  return undefined;
}
