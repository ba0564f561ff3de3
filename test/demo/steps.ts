/** What the demo claims, one step each: it says what it saw, or it fails. */
import { setTimeout as pause } from 'node:timers/promises';
import { loadLine, openLoop } from '../load/open-loop.ts';
import { applied, exec, get, loadFrom, proxyStats, until, type TestMesh } from './context.ts';

/** One claim. `run` resolves with what it saw. */
export interface Step {
  readonly name: string;
  readonly run: (mesh: TestMesh) => Promise<string>;
}

/** Fails with what was expected and seen. */
export function expect(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

const reviewsRoute = (v1: number, v2: number): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http:
    - retries: { attempts: 0 }
      route:
        - { destination: { host: reviews, subset: v1 }, weight: ${v1} }
        - { destination: { host: reviews, subset: v2 }, weight: ${v2} }
`;

const jasonRoute = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec:
  hosts: [reviews]
  http:
    - match: [{ headers: { end-user: { exact: jason } } }]
      route: [{ destination: { host: reviews, subset: v2 } }]
    - route: [{ destination: { host: reviews, subset: v1 } }]
`;

const ratingsFault = (fault: string): string => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ratings }
spec:
  hosts: [ratings]
  http:
    - fault: ${fault}
      route: [{ destination: { host: ratings, subset: v1 } }]
`;

const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

const denyDetails = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: deny-details }
spec:
  action: DENY
  selector: { matchLabels: { app: details } }
  rules: [{ to: [{ operation: { methods: [GET] } }] }]
`;

/** A pod without a sidecar, for who stands outside of the mesh. */
export const plainClient = `apiVersion: v1
kind: Pod
metadata: { name: plain, annotations: { sidecar.istio.io/inject: 'false' } }
spec: { terminationGracePeriodSeconds: 0, containers: [{ name: plain, image: none, command: [sleep, infinity] }] }
`;

const reviewsUrl = 'http://reviews:9080/reviews/0';
const fromCurl = 'deploy/curl';
const podOfReview = 'reviews-v[0-9]';

const allSynced: Step = {
  name: 'all proxies SYNCED',
  run: async (mesh) => {
    const { proxies } = await mesh.control.status();
    const others = proxies.filter((proxy) => proxy.state !== 'SYNCED');
    expect(proxies.length >= 8 && others.length === 0, `not SYNCED: ${JSON.stringify(others)}`);
    return `${proxies.length} proxies`;
  },
};

const inboundDeployments = ['productpage-v1', 'details-v1', 'ratings-v1', 'reviews-v1', 'reviews-v2', 'reviews-v3'];

/** Connections and TLS handshakes that sidecars took on 15006, together. */
async function inboundConnections(
  mesh: TestMesh,
): Promise<{ readonly connections: number; readonly handshakes: number }> {
  let [connections, handshakes] = [0, 0];
  for (const name of inboundDeployments) {
    const stats = await proxyStats(mesh, `deploy/${name}`, 'listener.0.0.0.0_15006');
    connections += stats.get('listener.0.0.0.0_15006.downstream_cx_total') ?? 0;
    handshakes += stats.get('listener.0.0.0.0_15006.ssl.handshake') ?? 0;
  }
  return { connections, handshakes };
}

const everyHopSecured: Step = {
  name: '1,000 requests through the gateway, every hop on mutual TLS',
  run: async (mesh) => {
    const before = await inboundConnections(mesh);
    const result = await openLoop({
      url: `${await mesh.gateway()}/productpage`,
      ratePerSecond: 50,
      count: 1_000,
      expectBody: 'Simple Bookstore App',
      patienceMs: 5_000,
    });
    expect(result.failed === 0, loadLine(result));
    const after = await inboundConnections(mesh);
    const connections = after.connections - before.connections;
    const handshakes = after.handshakes - before.handshakes;
    expect(
      connections > 0 && connections === handshakes,
      `${connections} connections on 15006, ${handshakes} TLS handshakes`,
    );
    return `${loadLine(result)}; ${connections} connections between sidecars, ${handshakes} TLS handshakes`;
  },
};

const plaintextRefused: Step = {
  name: 'plaintext refused under STRICT',
  run: async (mesh) => {
    const ask = [
      'curl',
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '--max-time',
      '5',
      'http://details:9080/health',
    ];
    const before = await exec(mesh, 'plain', ask);
    expect(before.stdout === '200', `before STRICT a pod without a sidecar got ${before.stdout} ${before.stderr}`);
    await applied(mesh, () => mesh.write('strict.yaml', strict));
    const after = await exec(mesh, 'plain', ask);
    const inMesh = await exec(mesh, fromCurl, ask);
    await applied(mesh, () => mesh.remove('strict.yaml'));
    expect(after.code === 56 || after.code === 52, `under STRICT it got ${after.stdout}, exit code ${after.code}`);
    expect(inMesh.stdout === '200', `under STRICT a pod of the mesh got ${inMesh.stdout}`);
    return `in clear: 200, then a reset (curl ${after.code}); over mutual TLS: 200`;
  },
};

const weights: Step = {
  name: 'reviews 80/20, then 0/100 by editing a file under load',
  run: async (mesh) => {
    await applied(mesh, () => mesh.write('reviews-route.yaml', reviewsRoute(80, 20)));
    const count = 1_000;
    const split = await loadFrom(mesh, fromCurl, [
      '--url',
      reviewsUrl,
      '--rate',
      '150',
      '--count',
      String(count),
      '--tally',
      podOfReview,
    ]);
    expect(split.failed === 0, loadLine(split));
    const share = (split.tallied['reviews-v2'] ?? 0) / count;
    const sigma = Math.sqrt((0.8 * 0.2) / count);
    expect(Math.abs(share - 0.2) < 3 * sigma, `reviews-v2 got ${(share * 100).toFixed(1)} %`);
    const load = loadFrom(mesh, fromCurl, [
      '--url',
      reviewsUrl,
      '--rate',
      '150',
      '--count',
      '1500',
      '--tally',
      podOfReview,
    ]);
    await pause(3_000);
    await applied(mesh, () => mesh.write('reviews-route.yaml', reviewsRoute(0, 100)));
    const moved = await load;
    expect(moved.failed === 0, loadLine(moved));
    const after = await loadFrom(mesh, fromCurl, [
      '--url',
      reviewsUrl,
      '--rate',
      '100',
      '--count',
      '100',
      '--tally',
      podOfReview,
    ]);
    expect(after.tallied['reviews-v2'] === 100, `after the move: ${JSON.stringify(after.tallied)}`);
    return `v2 got ${(share * 100).toFixed(1)} % (3 sigma are ${(300 * sigma).toFixed(1)}); move under load: ${loadLine(moved)}; then v2 100 of 100`;
  },
};

const byHeader: Step = {
  name: 'end-user: jason goes to v2, everybody else to v1',
  run: async (mesh) => {
    await applied(mesh, () => mesh.write('reviews-route.yaml', jasonRoute));
    const jason = await loadFrom(mesh, fromCurl, [
      '--url',
      reviewsUrl,
      '--count',
      '50',
      '--header',
      'end-user=jason',
      '--tally',
      podOfReview,
    ]);
    const others = await loadFrom(mesh, fromCurl, ['--url', reviewsUrl, '--count', '50', '--tally', podOfReview]);
    await applied(mesh, () => mesh.remove('reviews-route.yaml'));
    expect(
      jason.tallied['reviews-v2'] === 50 && others.tallied['reviews-v1'] === 50,
      JSON.stringify([jason.tallied, others.tallied]),
    );
    return 'jason 50 of 50 at v2, others 50 of 50 at v1';
  },
};

const faults: Step = {
  name: 'a delay of 2 s and an abort of 50 % injected and seen',
  run: async (mesh) => {
    const url = 'http://ratings:9080/ratings/0';
    await applied(mesh, () =>
      mesh.write('ratings-fault.yaml', ratingsFault('{ delay: { fixedDelay: 2s, percentage: { value: 100 } } }')),
    );
    const delayed = await loadFrom(mesh, fromCurl, [
      '--url',
      url,
      '--rate',
      '20',
      '--count',
      '20',
      '--patience',
      '4000',
    ]);
    expect(
      delayed.failed === 0 && delayed.medianMs >= 2_000 && delayed.medianMs < 2_500,
      `median ${delayed.medianMs.toFixed(0)} ms`,
    );
    await applied(mesh, () =>
      mesh.write('ratings-fault.yaml', ratingsFault('{ abort: { httpStatus: 500, percentage: { value: 50 } } }')),
    );
    const aborted = await loadFrom(mesh, fromCurl, ['--url', url, '--rate', '200', '--count', '1000']);
    await applied(mesh, () => mesh.remove('ratings-fault.yaml'));
    const share = (aborted.reasons['status 500'] ?? 0) / aborted.sent;
    expect(Math.abs(share - 0.5) < 3 * Math.sqrt(0.25 / aborted.sent), `${(share * 100).toFixed(1)} % answered 500`);
    return `median ${delayed.medianMs.toFixed(0)} ms; ${(share * 100).toFixed(1)} % answered 500`;
  },
};

const backendBack: Step = {
  name: 'a backend killed and back',
  run: async (mesh) => {
    const restartsOf = async (): Promise<number> =>
      (await mesh.control.status()).pods.find((pod) => pod.name.startsWith('details-v1'))?.restarts ?? -1;
    const before = await restartsOf();
    // The application of the pod is process 1 of its container or a child of it.
    await exec(mesh, 'deploy/details-v1', [
      'sh',
      '-c',
      'kill -9 $(cat /proc/*/stat 2>/dev/null | awk \'$2 == "(node)" || $2 == "(MainThread)" {print $1}\')',
    ]);
    await until('the backend was restarted', async () => (await restartsOf()) > before);
    await until('it serves again', async () => {
      const page = await get(`${await mesh.gateway()}/productpage`);
      return page.body.includes('PublisherA');
    });
    return `restarts ${before} → ${await restartsOf()}, and the page has its details again`;
  },
};

const denyBites: Step = {
  name: 'a DENY that bites on an open connection',
  run: async (mesh) => {
    const script = `
      const { Agent, request } = require('node:http');
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const ports = new Set();
      const one = () => new Promise((resolve, reject) => request('http://details:9080/details/0', { agent }, (r) => {
        ports.add(r.socket.localPort); r.resume(); r.on('end', () => resolve(r.statusCode)); }).on('error', reject).end());
      (async () => {
        const seen = [await one()];
        process.stdout.write('open\\n');
        for (const end = Date.now() + 15000; Date.now() < end && seen.at(-1) !== 403;) { await new Promise((r) => setTimeout(r, 20)); seen.push(await one()); }
        process.stdout.write(JSON.stringify({ first: seen[0], last: seen.at(-1), ports: ports.size }) + '\\n');
        process.exit(0);
      })();`;
    const running = exec(mesh, fromCurl, ['node', '-e', script]);
    await pause(1_000);
    await mesh.write('deny-details.yaml', denyDetails);
    const result = await running;
    await applied(mesh, () => mesh.remove('deny-details.yaml'));
    const seen = JSON.parse(result.stdout.split('\n')[1] ?? '{}') as { first?: number; last?: number; ports?: number };
    expect(seen.first === 200 && seen.last === 403 && seen.ports === 1, `${result.stdout} ${result.stderr}`);
    return '200, then 403 on the same connection';
  },
};

const controlPlaneKilled: Step = {
  name: 'the control plane killed under load',
  run: async (mesh) => {
    await applied(mesh, () => mesh.write('reviews-route.yaml', reviewsRoute(50, 50)));
    const counters = [
      'cluster_manager.cluster_added',
      'cluster_manager.cluster_modified',
      'cluster_manager.cluster_removed',
      'listener_manager.listener_added',
      'listener_manager.listener_modified',
      'listener_manager.listener_removed',
    ];
    const read = async (): Promise<string> => {
      const stats = await proxyStats(mesh, fromCurl, '_manager');
      return counters.map((name) => `${name}=${stats.get(name) ?? 'none'}`).join(' ');
    };
    const before = await read();
    const load = loadFrom(mesh, fromCurl, [
      '--url',
      reviewsUrl,
      '--rate',
      '150',
      '--count',
      '2000',
      '--tally',
      podOfReview,
    ]);
    await pause(2_000);
    const restarts = async (): Promise<number> =>
      (await mesh.control.status()).pods.find((pod) => pod.name.startsWith('istiod'))?.restarts ?? -1;
    const count = await restarts();
    await exec(mesh, 'deploy/istiod', [
      'sh',
      '-c',
      'kill -9 $(cat /proc/*/stat 2>/dev/null | awk \'$2 == "(node)" || $2 == "(MainThread)" {print $1}\')',
    ]);
    await until('the control plane was restarted', async () => (await restarts()) > count);
    const result = await load;
    expect(result.failed === 0, loadLine(result));
    await until(
      'every proxy is SYNCED again',
      async () => (await mesh.control.status()).proxies.every((proxy) => proxy.state === 'SYNCED'),
      30_000,
    );
    const after = await read();
    expect(before === after, `before: ${before}; after: ${after}`);
    await applied(mesh, () => mesh.remove('reviews-route.yaml'));
    return `${loadLine(result)}; no listener or cluster changed on reconnect`;
  },
};

/** The claims in their order. */
export const steps: readonly Step[] = [
  allSynced,
  everyHopSecured,
  plaintextRefused,
  weights,
  byHeader,
  faults,
  backendBack,
  denyBites,
  controlPlaneKilled,
];
