/** The way out of the sandbox: an Envoy that takes pods' connections to outside addresses and hands them to the relay. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { JsonObject } from '../../base/json.ts';

/** Port of the egress listener in the sandbox's own network; rules redirect to it what belongs to no pod or service. */
export const egressPort = 15_101;

/** Bootstrap of the egress proxy. Where a connection was going travels in the PROXY protocol. */
export function egressBootstrap(relaySocket: string): JsonObject {
  const v3 = 'type.googleapis.com/envoy.extensions';
  return {
    static_resources: {
      listeners: [
        {
          name: 'egress',
          address: { socket_address: { address: '0.0.0.0', port_value: egressPort } },
          listener_filters: [
            {
              name: 'envoy.filters.listener.original_dst',
              typed_config: { '@type': `${v3}.filters.listener.original_dst.v3.OriginalDst` },
            },
          ],
          filter_chains: [
            {
              filters: [
                {
                  name: 'envoy.filters.network.tcp_proxy',
                  typed_config: {
                    '@type': `${v3}.filters.network.tcp_proxy.v3.TcpProxy`,
                    stat_prefix: 'egress',
                    cluster: 'relay',
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: 'relay',
          type: 'STATIC',
          connect_timeout: '5s',
          load_assignment: {
            cluster_name: 'relay',
            endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: relaySocket } } } }] }],
          },
          transport_socket: {
            name: 'envoy.transport_sockets.upstream_proxy_protocol',
            typed_config: {
              '@type': `${v3}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
              config: { version: 'V1' },
              transport_socket: {
                name: 'envoy.transport_sockets.raw_buffer',
                typed_config: { '@type': `${v3}.transport_sockets.raw_buffer.v3.RawBuffer` },
              },
            },
          },
        },
      ],
    },
  };
}

/** A running egress proxy. */
export interface Egress {
  close(): void;
}

/** Runs the egress proxy and starts it again when it ends, after a pause that doubles up to ten seconds. */
export function startEgress(envoy: string, relaySocket: string, onEnd: (message: string) => void): Egress {
  let child: ChildProcess | undefined;
  let stopped = false;
  let pauseMs = 200;
  const run = (): void => {
    const args = [
      '--disable-hot-restart',
      '--concurrency',
      '1',
      '--log-level',
      'error',
      '--config-yaml',
      JSON.stringify(egressBootstrap(relaySocket)),
    ];
    child = spawn(envoy, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', (error) => onEnd(`the egress proxy did not start: ${error.message}`));
    child.on('exit', (code, signal) => {
      if (stopped) return;
      onEnd(`the egress proxy ended (${signal ?? String(code)}); it is started again`);
      setTimeout(run, pauseMs).unref();
      pauseMs = Math.min(pauseMs * 2, 10_000);
    });
  };
  run();
  return {
    close: () => {
      stopped = true;
      child?.kill('SIGTERM');
    },
  };
}
