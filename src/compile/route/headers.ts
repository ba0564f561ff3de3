/** Header changes of routes and destinations. */
import type { JsonObject } from '../../base/json.ts';
import { compact } from '../any.ts';
import { soundFormat } from '../log-format.ts';

/** Istio's header operations. */
export interface HeaderOperations {
  readonly request?: HeaderOperation;
  readonly response?: HeaderOperation;
}

interface HeaderOperation {
  readonly set?: Readonly<Record<string, string>>;
  readonly add?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
}

/** The fields of a route, virtual host or weighted cluster that change headers. */
export function headerFields(operations: HeaderOperations | undefined): JsonObject {
  return compact({
    request_headers_to_add: toAdd(operations?.request),
    request_headers_to_remove: operations?.request?.remove,
    response_headers_to_add: toAdd(operations?.response),
    response_headers_to_remove: operations?.response?.remove,
  });
}

/** Both, the second one's after the first one's. */
export function bothHeaderFields(
  first: HeaderOperations | undefined,
  second: HeaderOperations | undefined,
): JsonObject {
  const [a, b] = [headerFields(first), headerFields(second)];
  const joined = [...new Set([...Object.keys(a), ...Object.keys(b)])].map((key) => [
    key,
    [...list(a[key]), ...list(b[key])],
  ]);
  return Object.fromEntries(joined) as JsonObject;
}

function list(value: JsonObject[string]): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly JsonObject[]) : [];
}

/** Text that can stand in a header: Envoy refuses a whole route configuration for one line end. */
export function oneLine(text: string | undefined): string | undefined {
  // oxlint-disable-next-line no-control-regex -- these are the three characters that Envoy names
  return text?.replaceAll(/[\u0000\r\n]/gu, '');
}

/** The authority that header operations set: Envoy takes it as a rewrite of the host and not as a header. */
export function authorityOf(operations: HeaderOperations | undefined): string | undefined {
  return Object.entries(operations?.request?.set ?? {}).find(([name]) => isAuthority(name))?.[1];
}

function isAuthority(name: string): boolean {
  return name.toLowerCase() === 'host' || name.toLowerCase() === ':authority';
}

function toAdd(operation: HeaderOperation | undefined): readonly JsonObject[] {
  const set = Object.entries(operation?.set ?? {}).filter(([name]) => !isAuthority(name));
  const add = Object.entries(operation?.add ?? {});
  return [
    ...set.map(([name, value]) => headerOption(name, value, 'OVERWRITE_IF_EXISTS_OR_ADD')),
    ...add.map(([name, value]) => headerOption(name, value, 'APPEND_IF_EXISTS_OR_ADD')),
  ];
}

function headerOption(key: string, value: string, action: string): JsonObject {
  return { header: { key, value: soundFormat(value) }, append_action: action };
}
