import { availableParallelism, totalmem } from 'node:os';
import type { Container, EnvVar, KeyRef, Pod, ResourceFieldRef } from './spec.ts';
import { gatewayAddress } from '../net/pod-network.ts';

/** Content of a ConfigMap or Secret as the object has it; a Secret's `data` is base64 like a ConfigMap's `binaryData`. */
export interface KeyedContent {
  readonly data?: Readonly<Record<string, string>>;
  readonly binaryData?: Readonly<Record<string, string>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

/** Where a pod's references lead. Undefined means that the object does not exist. */
export interface ContentSource {
  configMap(name: string): KeyedContent | undefined;
  secret(name: string): KeyedContent | undefined;
}

/** A reference that leads nowhere; the container waits with reason CreateContainerConfigError until it does. */
export class MissingReference extends Error {
  override readonly name = 'MissingReference';
}

/** All keys of a ConfigMap as bytes. */
export function configMapFiles(content: KeyedContent): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(content.data ?? {})) files.set(key, Buffer.from(text));
  for (const [key, text] of Object.entries(content.binaryData ?? {})) files.set(key, Buffer.from(text, 'base64'));
  return files;
}

/** All keys of a Secret as bytes; `stringData` wins, as the API server has it. */
export function secretFiles(content: KeyedContent): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(content.data ?? {})) files.set(key, Buffer.from(text, 'base64'));
  for (const [key, text] of Object.entries(content.stringData ?? {})) files.set(key, Buffer.from(text));
  return files;
}

/** Paths of a `fieldRef` (Kubernetes API reference, "Downward API"). */
const fields: Readonly<Record<string, (pod: Pod, address: string) => string>> = {
  'metadata.name': (pod) => pod.metadata.name,
  'metadata.namespace': (pod) => pod.metadata.namespace ?? 'default',
  'metadata.uid': (pod) => pod.metadata.uid ?? '',
  'metadata.labels': (pod) => keyedLines(pod.metadata.labels),
  'metadata.annotations': (pod) => keyedLines(pod.metadata.annotations),
  'spec.nodeName': (pod) => pod.spec?.nodeName ?? 'mizzen',
  'spec.serviceAccountName': (pod) => pod.spec?.serviceAccountName ?? 'default',
  'status.podIP': (_, address) => address,
  'status.podIPs': (_, address) => address,
  'status.hostIP': () => gatewayAddress,
  'status.hostIPs': () => gatewayAddress,
};

/** Value of a `fieldRef`; undefined for a path that Kubernetes does not have. */
export function fieldValue(pod: Pod, path: string, address: string): string | undefined {
  const { labels, annotations } = pod.metadata;
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/u.exec(path);
  if (keyed !== null) return (keyed[1] === 'labels' ? labels : annotations)?.[keyed[2] ?? ''] ?? '';
  return Object.hasOwn(fields, path) ? fields[path]?.(pod, address) : undefined;
}

/** Labels as the downward API writes them: `key="value"`, sorted, one a line. */
function keyedLines(record: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(record ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

const binaryUnits: Readonly<Record<string, number>> = {
  '': 1,
  m: 0.001,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A Kubernetes quantity as a number; undefined where it is none. */
export function quantity(text: string | number): number | undefined {
  const match = /^([0-9.]+)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/u.exec(String(text));
  return match === null ? undefined : Number(match[1]) * (binaryUnits[match[2] ?? ''] ?? 1);
}

/** Value of a `resourceFieldRef`; a limit that is not set is the machine's, as in Kubernetes. Rounded up. Undefined where a quantity is none. */
export function resourceValue(pod: Pod, container: Container, ref: ResourceFieldRef): string | undefined {
  const all = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const of = ref.containerName === undefined ? container : all.find((one) => one.name === ref.containerName);
  const amount = quantity(resourceSet(of, ref.resource));
  const divisor = quantity(ref.divisor ?? 1);
  return amount === undefined || divisor === undefined
    ? undefined
    : String(Math.ceil(amount / (divisor === 0 ? 1 : divisor)));
}

function resourceSet(container: Container | undefined, resource: string): string | number {
  const { limits, requests } = container?.resources ?? {};
  const [group = '', name = ''] = resource.split('.', 2);
  if (group === 'requests') return requests?.[name] ?? limits?.[name] ?? 0;
  const machine: Readonly<Record<string, number>> = { cpu: availableParallelism(), memory: totalmem() };
  return limits?.[name] ?? machine[name] ?? 0;
}

/** Replaces `$(NAME)` by its value; `$$` is a dollar, and a name without a value stays as it is (Kubernetes' rule). */
export function expand(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(/\$(?:\$|\(([^)]*)\))/gu, (whole, name: string | undefined) =>
    name === undefined ? '$' : Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
  );
}

/** What a container's environment is made of. */
export interface EnvironmentRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly address: string;
  readonly content: ContentSource;
  /** What is there before the pod's own: PATH, HOME, an image's variables. */
  readonly base: Readonly<Record<string, string>>;
}

/** The environment of a container: base, HOSTNAME, `envFrom`, `env` in their order. Throws MissingReference. */
export function environmentOf(request: EnvironmentRequest): Record<string, string> {
  const { pod, container, content } = request;
  const values: Record<string, string> = { ...request.base, HOSTNAME: pod.spec?.hostname ?? pod.metadata.name };
  for (const from of container.envFrom ?? []) {
    const config =
      from.configMapRef === undefined
        ? undefined
        : required('config map', from.configMapRef, content.configMap(from.configMapRef.name ?? ''));
    const secret =
      from.secretRef === undefined
        ? undefined
        : required('secret', from.secretRef, content.secret(from.secretRef.name ?? ''));
    const files = [
      ...(config === undefined ? [] : configMapFiles(config)),
      ...(secret === undefined ? [] : secretFiles(secret)),
    ];
    for (const [key, bytes] of files) values[(from.prefix ?? '') + key] = bytes.toString();
  }
  for (const variable of container.env ?? []) {
    const value =
      variable.valueFrom === undefined ? expand(variable.value ?? '', values) : referenced(request, variable);
    if (value !== undefined) values[variable.name] = value;
  }
  return values;
}

function referenced({ pod, container, address, content }: EnvironmentRequest, variable: EnvVar): string | undefined {
  const from = variable.valueFrom;
  if (from?.fieldRef !== undefined)
    return found(
      fieldValue(pod, from.fieldRef.fieldPath, address),
      `env ${variable.name}: no field ${from.fieldRef.fieldPath}`,
    );
  if (from?.resourceFieldRef !== undefined)
    return found(
      resourceValue(pod, container, from.resourceFieldRef),
      `env ${variable.name}: no resource ${from.resourceFieldRef.resource}`,
    );
  const ref = from?.configMapKeyRef ?? from?.secretKeyRef;
  return ref === undefined ? undefined : keyValue(ref, from?.configMapKeyRef === undefined, content);
}

function keyValue(ref: KeyRef, isSecret: boolean, content: ContentSource): string | undefined {
  const object = required(
    isSecret ? 'secret' : 'config map',
    ref,
    isSecret ? content.secret(ref.name ?? '') : content.configMap(ref.name ?? ''),
  );
  const bytes =
    object === undefined ? undefined : (isSecret ? secretFiles(object) : configMapFiles(object)).get(ref.key);
  if (bytes !== undefined) return bytes.toString();
  if (ref.optional === true) return undefined;
  throw new MissingReference(`${isSecret ? 'secret' : 'config map'} "${ref.name ?? ''}" has no key "${ref.key}"`);
}

function found(value: string | undefined, message: string): string {
  if (value === undefined) throw new MissingReference(message);
  return value;
}

/** The object, or nothing where it may be missing. */
export function required<T>(
  kind: string,
  ref: { readonly name?: string; readonly optional?: boolean },
  object: T | undefined,
): T | undefined {
  if (object === undefined && ref.optional !== true)
    throw new MissingReference(`${kind} "${ref.name ?? ''}" does not exist`);
  return object;
}
