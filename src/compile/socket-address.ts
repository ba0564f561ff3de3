import type { JsonObject } from '../base/json.ts';

/** A socket address in Envoy's form. */
export function socketAddress(address: string, port: number): JsonObject {
  return { socket_address: { address, port_value: port } };
}
