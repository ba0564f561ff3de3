/** The proxy's own cluster: Envoy prefers its zone by comparing where its peers are with where a call can go. */
import { defineQuery } from '../../base/engine/index.ts';
import { serviceBySource } from '../../model/endpoint.ts';
import { meshSettings } from '../../model/settings.ts';
import type { Resource } from '../../proto/resource.ts';
import { localCluster } from '../names.ts';
import { wholeResource } from '../resource.ts';
import { localityEndpoints } from './locality.ts';

/** Names the service that a workload stands behind. */
export interface LocalKey {
  readonly [key: string]: string | number;
  readonly host: string;
  readonly name: string;
  readonly namespace: string;
  readonly port: number;
}

/** Endpoints of the workload's own service, itself among them; empty for a workload behind no service. */
export const localAssignment = defineQuery<LocalKey, Resource>('local cluster', (read, key) => {
  const named = `${key.namespace}/${key.name}`;
  const service = ['Service', 'ServiceEntry']
    .map((kind) => serviceBySource(read, `${kind}/${named}`, key.host))
    .find((found) => found !== undefined);
  const endpoints =
    service === undefined
      ? []
      : localityEndpoints(read, {
          key: { source: service.source, host: service.host, port: key.port },
          labels: {},
          settings: read.get(meshSettings, ''),
          policy: {},
          clientLocality: '',
        });
  return wholeResource('endpoint', localCluster, { cluster_name: localCluster, endpoints });
});
