/** The table of kinds, and what every kind is asked: its validation, its normal form, its ledger. */
import { deepFreeze } from '../base/json.ts';
import { authorizationPolicy } from './authorization-policy.ts';
import { destinationRule } from './destination-rule.ts';
import { envoyFilter } from './envoy-filter.ts';
import { gateway } from './gateway.ts';
import type { Kind } from './kit/kind.ts';
import { rowsOf, type LedgerRow } from './kit/ledger.ts';
import { nearest } from './kit/nearest.ts';
import type { Node } from './kit/node.ts';
import { withoutNulls } from './kit/nulls.ts';
import { pathText } from './kit/path.ts';
import { startRun } from './kit/run.ts';
import { isRecord } from '../base/json.ts';
import { checkOf } from './kit/validate.ts';
import { deployment } from './kubernetes/deployment.ts';
import { configMap, endpointSlice, namespace, node, secret, serviceAccount } from './kubernetes/objects.ts';
import { pod } from './kubernetes/pod.ts';
import { service } from './kubernetes/service.ts';
import { meshConfig } from './mesh-config.ts';
import type { KubeObject, Violation } from './object.ts';
import { peerAuthentication } from './peer-authentication.ts';
import { proxyConfigKind } from './proxy-config.ts';
import { requestAuthentication } from './request-authentication.ts';
import { serviceEntry } from './service-entry.ts';
import { sidecar } from './sidecar.ts';
import { telemetry } from './telemetry.ts';
import { virtualService } from './virtual-service.ts';
import { trafficExtension, wasmPlugin } from './wasm.ts';
import { workloadEntry } from './workload-entry.ts';
import { workloadGroup } from './workload-group.ts';

/** Every kind that is known, Istio's first. */
export const kinds: readonly Kind[] = Object.freeze([
  virtualService,
  destinationRule,
  gateway,
  serviceEntry,
  sidecar,
  peerAuthentication,
  authorizationPolicy,
  workloadEntry,
  workloadGroup,
  requestAuthentication,
  telemetry,
  wasmPlugin,
  trafficExtension,
  envoyFilter,
  proxyConfigKind,
  namespace,
  serviceAccount,
  service,
  deployment,
  pod,
  configMap,
  secret,
  endpointSlice,
  node,
]);

const byGroupKind = new Map(kinds.map((kind) => [`${kind.group}/${kind.kind}`, kind]));
const groups = new Set(kinds.map((kind) => kind.group));

/** The kind of an object by group and kind, whatever its version; `undefined` for a kind that is not known. */
export function kindOf(object: { readonly apiVersion: string; readonly kind: string }): Kind | undefined {
  return byGroupKind.get(`${groupOf(object.apiVersion)}/${object.kind}`);
}

/** A kind by its name, plural or short name, in any case; Istio's come first. */
export function kindNamed(name: string): Kind | undefined {
  const wanted = name.toLowerCase();
  return kinds.find(
    (kind) => kind.kind.toLowerCase() === wanted || kind.plural === wanted || kind.shortNames.includes(wanted),
  );
}

/** What a check is asked for. */
export interface CheckOptions {
  /** Report fields without effect of Kubernetes' kinds too; Istio's always are. False by default. */
  readonly strict?: boolean;
}

/**
 * Everything that is wrong with an object, or worth knowing about it. An object without errors may be compiled; warnings
 * name fields without effect. A kind that is not known is one warning.
 */
export function check(object: unknown, options: CheckOptions = {}): readonly Violation[] {
  if (!isRecord(object)) return [violation('', 'must be an object with apiVersion, kind and metadata')];
  const { apiVersion, kind: name } = object;
  if (typeof apiVersion !== 'string' || apiVersion === '')
    return [violation('apiVersion', 'is missing: group and version of the object')];
  if (typeof name !== 'string' || name === '') return [violation('kind', 'is missing: kind of the object')];
  if (name === 'List' && apiVersion === 'v1') return checkList(object, options);
  const kind = kindOf({ apiVersion, kind: name });
  if (kind === undefined) return [unknownKind(apiVersion, name)];
  const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
  if (!kind.versions.includes(version)) {
    return [
      violation(
        'apiVersion',
        `${name} has no version "${version}"; there are ${kind.versions.join(', ')}`,
        `write ${apiVersionOf(kind)}`,
      ),
    ];
  }
  return checkKnown(kind, object, options);
}

function checkKnown(
  kind: Kind,
  object: Readonly<Record<string, unknown>>,
  options: CheckOptions,
): readonly Violation[] {
  const run = startRun(kind.reportsUnsupported || options.strict === true);
  const clean = withoutNulls(kind.schema, object, [], (path) => {
    if (kind.reportsUnsupported && path[0] === 'spec')
      run.found.push({
        level: 'warning',
        path: pathText(path),
        message: 'has no value and counts as absent',
        fix: 'give it a value or take it away',
      });
  });
  checkOf(kind.schema)(withSpec(kind, clean), run);
  const { metadata } = object;
  if (isRecord(metadata) && absent(metadata['name']) && absent(metadata['generateName'])) {
    run.found.push(violation('metadata.name', 'is missing: name of the object'));
  }
  return Object.freeze(run.found);
}

function checkList(list: Readonly<Record<string, unknown>>, options: CheckOptions): readonly Violation[] {
  const { items } = list;
  if (items === undefined || items === null) return [];
  if (!Array.isArray(items)) return [violation('items', 'must be a list of objects')];
  return items.flatMap((item, i) =>
    check(item, options).map((found) =>
      Object.freeze({ ...found, path: found.path === '' ? `items[${i}]` : `items[${i}].${found.path}` }),
    ),
  );
}

/** Everything that is wrong with the settings of the mesh. */
export function checkMeshConfig(settings: unknown): readonly Violation[] {
  const run = startRun(true);
  checkOf(meshConfig)(
    withoutNulls(meshConfig, settings, [], () => undefined),
    run,
  );
  return Object.freeze(run.found);
}

/**
 * The one shape of an object: the stored version, no fields without value, a `spec` where the kind has one. No defaults.
 * Objects of unknown kinds come back as they are.
 */
export function normalise(object: KubeObject): KubeObject {
  const kind = kindOf(object);
  if (kind === undefined) return deepFreeze(object);
  const clean = withSpec(
    kind,
    withoutNulls(kind.schema, object, [], () => undefined),
  );
  return deepFreeze({ ...(clean as KubeObject), apiVersion: apiVersionOf(kind) });
}

/** Rows of the ledger of a kind: every field that the user may write, metadata left out. */
export function ledger(kind: Kind): readonly LedgerRow[] {
  let rows = ledgers.get(kind);
  if (rows === undefined) {
    rows = Object.freeze(
      Object.entries(kind.schema.fields).flatMap(([name]) =>
        mechanical.has(name) ? [] : rowsOf({ ...kind.schema, fields: pick(kind.schema.fields, name) }, ''),
      ),
    );
    ledgers.set(kind, rows);
  }
  return rows;
}

/** How many rows of the ledger are honoured, of how many. */
export function supportedCount(kind: Kind): { readonly supported: number; readonly total: number } {
  return count(ledger(kind));
}

/** What `explain-api` prints about a kind. */
export interface Explanation {
  readonly kind: string;
  readonly apiVersion: string;
  readonly supported: number;
  readonly total: number;
  readonly fields: readonly LedgerRow[];
}

/** The ledger of a kind by its name, plural or short name; `MeshConfig` is one of them. `undefined` if there is none. */
export function explain(name: string): Explanation | undefined {
  if (/^mesh(?:config)?$/iu.test(name)) {
    const fields = rowsOf(meshConfig, '');
    return Object.freeze({ kind: 'MeshConfig', apiVersion: 'istio.mesh.v1alpha1', ...count(fields), fields });
  }
  const kind = kindNamed(name);
  if (kind === undefined) return undefined;
  return Object.freeze({
    kind: kind.kind,
    apiVersion: apiVersionOf(kind),
    ...supportedCount(kind),
    fields: ledger(kind),
  });
}

/** Group and stored version, as an object writes them. */
export function apiVersionOf(kind: Kind): string {
  const version = kind.versions[0] ?? 'v1';
  return kind.group === '' ? version : `${kind.group}/${version}`;
}

const ledgers = new WeakMap<Kind, readonly LedgerRow[]>();
const mechanical: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata', 'status']);

function pick<T>(record: Readonly<Record<string, T>>, name: string): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key === name));
}

function count(rows: readonly LedgerRow[]): { readonly supported: number; readonly total: number } {
  return { supported: rows.filter((row) => row.support === 'yes').length, total: rows.length };
}

function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? '' : apiVersion.slice(0, slash);
}

function absent(value: unknown): boolean {
  return value === undefined || value === null || value === '';
}

/** A missing spec is an empty one, except where the kind demands it. */
function withSpec(kind: Kind, object: unknown): unknown {
  const field: { readonly schema: Node; readonly required: boolean } | undefined = kind.schema.fields['spec'];
  if (
    field === undefined ||
    field.required ||
    field.schema.type !== 'object' ||
    !isRecord(object) ||
    object['spec'] !== undefined
  )
    return object;
  return kind.reportsUnsupported ? { ...object, spec: {} } : object;
}

function violation(path: string, message: string, fix?: string): Violation {
  return Object.freeze({ level: 'error', path, message, ...(fix === undefined ? {} : { fix }) });
}

function unknownKind(apiVersion: string, name: string): Violation {
  const group = groupOf(apiVersion);
  const elsewhere = kinds.find((kind) => kind.kind === name);
  if (elsewhere !== undefined && groups.has(group))
    return violation('apiVersion', `${name} is not in ${apiVersion}`, `write apiVersion: ${apiVersionOf(elsewhere)}`);
  if (group !== '' && group !== 'apps' && groups.has(group)) {
    const meant = nearest(
      name,
      kinds.filter((kind) => kind.group === group).map((kind) => kind.kind),
    );
    return violation(
      'kind',
      `there is no kind "${name}" in ${group}`,
      meant === undefined ? undefined : `write ${meant}`,
    );
  }
  return Object.freeze({
    level: 'warning',
    path: 'kind',
    message: `${name} (${apiVersion}) is not a kind that the mesh reads; it is left out`,
  });
}
