/** Which outbound listeners a view has, and which services stand behind each. */
import { defineQuery, type Read } from '../../base/engine/index.ts';
import { isWide } from '../../model/address.ts';
import { endpointsOf } from '../../model/endpoint.ts';
import { isHttp, type Protocol } from '../../model/protocol.ts';
import type { MeshService, ServicePort } from '../../model/service.ts';
import { visibleServices, type View } from '../../model/view.ts';
import { listenerName } from '../names.ts';

/** One service port behind a listener. */
export interface Behind {
  readonly host: string;
  readonly namespace: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly external: boolean;
  /** Ranges of addresses that tell it from others on the same listener; empty for none. */
  readonly ranges: readonly string[];
}

/** One outbound listener. */
export interface ListenerPlan {
  readonly name: string;
  /** `0.0.0.0`, a virtual address, or an endpoint of a headless service. */
  readonly address: string;
  readonly port: number;
  /** True if plain HTTP of the port's hosts is served by it. */
  readonly http: boolean;
  readonly behind: readonly Behind[];
}

const anyAddress = '0.0.0.0';

/** All outbound listeners of a view by name, without `virtualOutbound`. */
export const outboundPlan = defineQuery<View, Readonly<Record<string, ListenerPlan>>>('outbound plan', (read, view) => {
  const plans: Record<string, ListenerPlan> = {};
  for (const service of read.get(visibleServices, view)) {
    for (const port of service.ports) {
      if (port.protocol === 'udp') continue;
      for (const address of addressesOf(read, service, port)) add(plans, { service, port, address });
    }
  }
  return plans;
});

/** The plan of one listener; `undefined` if there is none of that name. */
export const listenerPlan = defineQuery<{ readonly view: View; readonly name: string }, ListenerPlan | undefined>(
  'listener plan',
  (read, key) => read.get(outboundPlan, key.view)[key.name],
);

interface Placed {
  readonly service: MeshService;
  readonly port: ServicePort;
  readonly address: string;
}

// HTTP is told apart by host, so one listener a port will do; TCP only by the address that was dialled.
function addressesOf(read: Read, service: MeshService, port: ServicePort): readonly string[] {
  if (isHttp(port.protocol)) return [anyAddress];
  const single = service.addresses.filter((address) => !isWide(address));
  if (single.length > 0) return single;
  if (service.addresses.length > 0 || !service.headless) return [anyAddress];
  // A listener on any address would conflict with others of the port as soon as the last endpoint goes.
  const endpoints = read.get(endpointsOf, { source: service.source, host: service.host, port: port.number });
  return [...new Set(endpoints.map((endpoint) => endpoint.address))];
}

function add(plans: Record<string, ListenerPlan>, { service, port, address }: Placed): void {
  const plain = address.split('/', 1)[0] ?? address;
  const name = listenerName(plain, port.number);
  const known = plans[name] ?? { name, address: plain, port: port.number, http: false, behind: [] };
  const behind: Behind = {
    host: service.host,
    namespace: service.namespace,
    port: port.number,
    protocol: port.protocol,
    external: service.external,
    ranges: plain === anyAddress ? service.addresses : [],
  };
  const http = known.http || isHttp(port.protocol);
  plans[name] = { ...known, http, behind: isHttp(port.protocol) ? known.behind : [...known.behind, behind] };
}
