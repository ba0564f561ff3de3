import { defineQuery } from '../../base/engine/index.ts';
import { resolveHost } from '../../model/host.ts';
import { clusterDomain } from '../../model/inputs.ts';
import { scopeOf, serviceByHost, type View } from '../../model/view.ts';
import { outboundCluster, passthroughCluster } from '../names.ts';

/** The cluster that gets what no host and no address of the mesh is known for; `undefined` where it is refused. */
export const unknownTarget = defineQuery<View, string | undefined>('unknown target', (read, view) => {
  const { allowAny, egressProxy } = read.get(scopeOf, view);
  if (!allowAny) return undefined;
  if (egressProxy === undefined) return passthroughCluster;
  const host = resolveHost(egressProxy.host, view.namespace, clusterDomain);
  const port = egressProxy.port?.number ?? read.get(serviceByHost, { view, host })?.ports[0]?.number ?? 0;
  return outboundCluster(port, egressProxy.subset ?? '', host);
});
