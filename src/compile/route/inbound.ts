/** Route configurations of a workload's own ports. They carry its HTTP policy, so that a change bites on open connections. */
import { defineQuery } from '../../base/engine/index.ts';
import type { JsonObject } from '../../base/json.ts';
import type { Inbound } from '../../model/inbound.ts';
import type { Resource } from '../../proto/resource.ts';
import { httpPolicy } from '../authz/http.ts';
import { inboundCluster, inboundPassthroughCluster, inboundPassthroughRoute, inboundRoute } from '../names.ts';
import { assembled, unitOf } from '../resource.ts';

/** Names the routes of one port of a workload. */
export interface InboundRouteKey {
  readonly [key: string]: number | Inbound['workload'];
  readonly workload: Inbound['workload'];
  /** 0 for the ports that no service names. */
  readonly port: number;
  /** For the virtual host's name. */
  readonly servicePort: number;
}

/** The route configuration of one inbound port. */
export const inboundRouteResource = defineQuery<InboundRouteKey, Resource>('inbound routes', (read, key) => {
  const passthrough = key.port === 0;
  const cluster = passthrough ? inboundPassthroughCluster : inboundCluster(key.port);
  const policy = read.get(httpPolicy, key.workload);
  const virtualHost: JsonObject = {
    name: passthrough ? 'inbound|passthrough' : `inbound|http|${key.servicePort}`,
    domains: ['*'],
    routes: [
      {
        name: 'default',
        match: { prefix: '/' },
        route: {
          cluster,
          timeout: '0s',
          max_stream_duration: { max_stream_duration: '0s', grpc_timeout_header_max: '0s' },
          retry_policy: resetBeforeRequest,
        },
      },
    ],
    ...(Object.keys(policy).length === 0 ? {} : { typed_per_filter_config: policy }),
  };
  const name = passthrough ? inboundPassthroughRoute : inboundRoute(key.port);
  return assembled('route', { name, validate_clusters: false }, [unitOf('route', virtualHost)]);
});

// The application may close an idle connection just as a request goes out on it; nothing was sent then.
const resetBeforeRequest: JsonObject = { retry_on: 'reset-before-request', num_retries: 2 };
