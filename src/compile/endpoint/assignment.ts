/** Endpoint assignments: what EDS clusters balance over. */
import { defineQuery } from '../../base/engine/index.ts';
import { hashText } from '../../base/hash.ts';
import { meshSettings } from '../../model/settings.ts';
import {
  outboundClusterResource,
  ruleOfCluster,
  subsetLabels,
  resolutionFor,
  type ClusterKey,
} from '../cluster/outbound.ts';
import { portPolicy } from '../cluster/policy.ts';
import type { Resource } from '../../proto/resource.ts';
import { outboundCluster } from '../names.ts';
import { wholeResource } from '../resource.ts';
import { localityEndpoints } from './locality.ts';

/**
 * The assignment of an EDS cluster, empty if there are no endpoints; `undefined` if there is no such cluster. Its version
 * covers the cluster, because Envoy warms a changed cluster again and waits for its endpoints.
 */
export const assignment = defineQuery<ClusterKey, Resource | undefined>('assignment', (read, key) => {
  const found = ruleOfCluster(read, key);
  if (found === undefined) return undefined;
  const { service, rule } = found;
  const policy = portPolicy(rule, key.subset, key.port);
  const labels = subsetLabels(rule, key.subset);
  const cluster = read.get(outboundClusterResource, key);
  const port = service.ports.find((candidate) => candidate.number === key.port);
  if (
    labels === undefined ||
    port === undefined ||
    cluster === undefined ||
    resolutionFor(key.view, service, policy) !== 'eds'
  )
    return undefined;
  const name = outboundCluster(key.port, key.subset, key.host);
  const endpoints = localityEndpoints(read, {
    key: { source: port.source ?? service.source, host: service.host, port: key.port },
    labels,
    policy,
    settings: read.get(meshSettings, ''),
    clientLocality: key.view.locality,
    clientLabels: key.view.labels,
  });
  const resource = wholeResource('endpoint', name, { cluster_name: name, endpoints });
  return { ...resource, version: hashText(`${cluster.version} ${resource.version}`) };
});
