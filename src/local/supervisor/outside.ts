/** What of a mesh runs outside its sandbox: published ports, and the relay for what leaves. */
import { startDnsRelay } from '../relay/dns-relay.ts';
import { startEgressRelay } from '../relay/egress-relay.ts';
import { createOutsideHosts } from '../relay/outside-hosts.ts';
import { publishPort } from '../relay/publish.ts';
import type { Listening } from '../relay/listen.ts';
import { readHostResolvers, resolveOutside } from '../relay/host-resolvers.ts';
import type { StartMeshOptions } from '../control/protocol.ts';
import { doorOf, publishedGateway, publishedPorts, type PublishedPort } from './gateways.ts';
import type { MeshFile } from './mesh-file.ts';
import { placesOf } from './places.ts';

/** The outer part of a running mesh. */
export interface Outside {
  readonly published: readonly PublishedPort[];
  close(): Promise<void>;
}

/** Starts the relay and publishes the gateways. What was begun is taken away again if a part fails. */
export async function startOutside(options: StartMeshOptions, meshFile: MeshFile): Promise<Outside> {
  const places = placesOf(options.stateFolder);
  const hosts = createOutsideHosts(meshFile.outside);
  const open: Listening[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(open.map((listening) => listening.close()));
  };
  try {
    const policy = { allowLoopback: options.allowLoopback, allowLinkLocal: options.allowLoopback };
    open.push(await startEgressRelay({ socketPath: places.relaySocket, policy, hosts }));
    // Read at each question: a laptop changes its networks while a mesh runs.
    const resolve = async (query: Uint8Array): Promise<Uint8Array> => resolveOutside(query, await readHostResolvers());
    open.push(await startDnsRelay(places.dnsSocket, hosts, resolve));
    const published: PublishedPort[] = [];
    for (const { port, wished } of publishedPorts) {
      const asked = options.ports[port];
      // A port that the user asked for is that one or none.
      const further = asked === undefined || asked === 0 ? 100 : 0;
      const listening = await publishPort({ port: asked ?? wished, further, door: doorOf(options.stateFolder, port) });
      open.push(listening);
      published.push({ gateway: publishedGateway, port, hostPort: listening.port });
    }
    return { published, close };
  } catch (error) {
    await close();
    throw error;
  }
}
