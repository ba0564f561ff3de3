import { MizzenError } from '../../base/error.ts';
import { deepEqual } from '../../base/json.ts';
import { refOf, refText, type KubeObject } from '../../schema/object.ts';

/** What the store takes from outside, so that it can be told. */
export interface StoreOptions {
  readonly now: () => Date;
  readonly newUid: () => string;
}

/** Largest object, in characters of JSON: a little more than a file's largest document. */
const maxObjectCharacters = 1_500_000;

/** The object with the fields that are the store's own, of which a caller's values are not taken. */
export function nextForm(given: KubeObject, before: KubeObject | undefined, options: StoreOptions): KubeObject {
  const {
    uid: _uid,
    resourceVersion: _version,
    creationTimestamp: _created,
    generation: _generation,
    deletionTimestamp: _deleted,
    ...meta
  } = given.metadata;
  const content: KubeObject = {
    ...(before !== undefined && 'status' in before ? { status: before['status'] } : {}),
    ...withBytes(given),
  };
  const first = before?.metadata;
  const metadata = {
    ...meta,
    uid: first?.uid ?? options.newUid(),
    creationTimestamp: first?.creationTimestamp ?? timeText(options.now()),
    ...(first?.resourceVersion === undefined ? {} : { resourceVersion: first.resourceVersion }),
    ...(first?.deletionTimestamp === undefined ? {} : { deletionTimestamp: first.deletionTimestamp }),
  };
  const same = before !== undefined && deepEqual(wishOf(content), wishOf(before));
  return { ...content, metadata: { ...metadata, generation: (first?.generation ?? 0) + (same ? 0 : 1) } };
}

/** What the author wants: all but metadata and status. */
function wishOf(object: KubeObject): unknown {
  return { ...object, metadata: undefined, status: undefined };
}

/** A Secret's `stringData` becomes part of its `data`, as the API server does it. */
function withBytes(object: KubeObject): KubeObject {
  if (object.kind !== 'Secret' || !('stringData' in object)) return object;
  const { stringData, ...rest } = object as KubeObject & {
    readonly stringData?: Record<string, string>;
    readonly data?: Record<string, string>;
  };
  const encoded = Object.entries(stringData ?? {}).map(
    ([key, text]) => [key, Buffer.from(text).toString('base64')] as const,
  );
  return Object.assign(rest, { data: { ...rest.data, ...Object.fromEntries(encoded) } });
}

/** Throws `object-too-large`. */
export function checkSize(object: KubeObject): void {
  const length = JSON.stringify(object).length;
  if (length <= maxObjectCharacters) return;
  throw new MizzenError(
    'object-too-large',
    `${refText(refOf(object))} has ${length} characters, more than ${maxObjectCharacters}`,
  );
}

/** A time as Kubernetes writes it. */
export function timeText(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
