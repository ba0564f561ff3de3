/** Where the parts of a running mesh meet: files and sockets by path. */
import { join } from 'node:path';
import { runFolder } from '../sandbox/sandbox-script.ts';

/** Folders of the sandbox's own tmpfs that the control plane's pod sees and applications do not. */
export const storeFolder = `${runFolder}/store`;
export const storeSocket = `${storeFolder}/store.sock`;
export const istiodFolder = `${runFolder}/istiod`;
export const istiodStatusSocket = `${istiodFolder}/status.sock`;

/** Places in a mesh's state folder. */
export interface StatePlaces {
  readonly ca: string;
  readonly tokens: string;
  readonly history: string;
  /** The relay's door for connections to outside addresses. */
  readonly relaySocket: string;
  /** The relay's door for names that the mesh does not know. */
  readonly dnsSocket: string;
  /** The sandbox's door for connections from outside to gateways. */
  readonly gatewaySocket: string;
  readonly supervisorLog: string;
}

/** The places of a state folder. */
export function placesOf(stateFolder: string): StatePlaces {
  const place = (name: string): string => join(stateFolder, name);
  return {
    ca: place('ca'),
    tokens: place('tokens'),
    history: place('history'),
    relaySocket: place('relay.sock'),
    dnsSocket: place('dns.sock'),
    gatewaySocket: place('gateway.sock'),
    supervisorLog: place('supervisor.log'),
  };
}
