/** What one machine's runtime does with Kubernetes' objects, seen from within the pods of a running mesh. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import type { PodState } from '../../src/local/control/protocol.ts';
import type { Service } from '../../src/schema/index.ts';
import { sandboxMode } from '../../src/local/sandbox/sandbox-mode.ts';
import { applied, exec, loadFrom, startBookinfo, until, type TestMesh } from '../demo/context.ts';
import { answering, grpcServers, mistakes, mortals, otherServices, settings, tcpEcho } from './local-manifests.ts';

const allowed = await sandboxMode();
const skip = allowed.kind === 'refused' ? allowed.message : false;
const curl = 'deploy/curl';

/** Asks the pod's own name server by TCP and prints code and last address. */
const byTcp = `
const [server] = require('dns').getServers();
const question = Buffer.concat([...process.argv[1].split('.').map((label) => Buffer.concat([Buffer.of(label.length), Buffer.from(label)])), Buffer.of(0, 0, 1, 0, 1)]);
const message = Buffer.concat([Buffer.of(0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0), question]);
const socket = require('net').connect(53, server, () => socket.write(Buffer.concat([Buffer.of(0, message.length), message])));
socket.once('data', (data) => { console.log(data[5] & 15, data[9], [...data.subarray(-4)].join('.')); socket.destroy(); });
`;
const byUdp = `
const { Resolver } = require('dns').promises;
new Resolver().resolve4(process.argv[1]).then((all) => console.log(all.sort().join(' ')), (error) => console.log(error.code));
`;

describe('one machine', { skip }, () => {
  let mesh: TestMesh;
  let outside: Server;

  before(async () => {
    outside = createServer((request, response) => response.end(`outside ${request.headers.host ?? ''}`));
    await new Promise<void>((resolve) => {
      outside.listen(0, '127.0.0.1', resolve);
    });
    const { port } = outside.address() as AddressInfo;
    mesh = await startBookinfo({ meshFile: `outside: [{ host: outside.example, port: 80, to: '127.0.0.1:${port}' }]` });
  });
  after(async () => {
    outside.closeAllConnections();
    outside.close();
    await mesh.end();
  });

  const sh = async (line: string, pod = curl): Promise<string> => (await exec(mesh, pod, ['sh', '-c', line])).stdout;
  const body = (url: string): Promise<string> => sh(`curl -s -m 5 ${url}`);
  const code = (url: string): Promise<string> => sh(`curl -s -m 5 -o /dev/null -w '%{http_code}' ${url}`);
  const ask = async (script: string, name: string): Promise<string> =>
    (await exec(mesh, curl, ['node', '-e', script, name])).stdout.trim();
  const podsOf = async (prefix: string): Promise<readonly PodState[]> =>
    (await mesh.control.status()).pods.filter(({ name }) => name.startsWith(prefix));
  const readyPods = async (prefix: string): Promise<readonly string[]> =>
    (await podsOf(prefix)).filter(({ ready }) => ready).map(({ name }) => name);
  const serviceAddress = async (name: string): Promise<string> => {
    const [found] = await mesh.control.objects({ kind: 'Service', namespace: 'default', name });
    return (found?.object as Service | undefined)?.spec.clusterIP ?? '';
  };

  /** Adds a file for as long as somebody looks; `ready` pods of that name have to be there first. */
  async function withFile(
    text: string,
    ready: Readonly<Record<string, number>>,
    look: () => Promise<void>,
  ): Promise<void> {
    await mesh.write('test.yaml', text);
    try {
      for (const [prefix, count] of Object.entries(ready)) {
        await until(
          `${count} pods ${prefix} are ready`,
          async () => (await readyPods(prefix)).length === count,
          30_000,
        );
      }
      await settled();
      await look();
    } finally {
      await mesh.remove('test.yaml');
    }
  }

  /** Every proxy has what is there now. */
  async function settled(): Promise<void> {
    await until('every proxy is SYNCED', async () => {
      const { proxies, generation } = await mesh.control.status();
      return proxies.every((proxy) => proxy.state === 'SYNCED' && proxy.generation === generation);
    });
  }

  async function logOf(
    name: string,
    options: { readonly tail?: number; readonly previous?: boolean } = {},
  ): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of mesh.control.logs({ name, namespace: 'default', follow: false, ...options }))
      chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }

  test('names are those of a cluster, by UDP and by TCP', async () => {
    const address = await serviceAddress('reviews');
    assert.match(address, /^10\.96\./u);
    for (const name of ['reviews', 'reviews.default', 'reviews.default.svc', 'reviews.default.svc.cluster.local'])
      assert.match(await sh(`getent hosts ${name}`), new RegExp(`^${address}\\s`, 'u'), name);
    assert.equal(await ask(byUdp, 'reviews.default.svc.cluster.local'), address);
    assert.equal(await ask(byTcp, 'reviews.default.svc.cluster.local'), `0 1 ${address}`);
    assert.equal(await ask(byUdp, 'nobody.default.svc.cluster.local'), 'ENOTFOUND');
    assert.match(await ask(byTcp, 'nobody.default.svc.cluster.local'), /^3 0 /u);
    assert.equal((await exec(mesh, curl, ['getent', 'hosts', 'nobody'])).code, 2);
  });

  test('settings reach a pod as variables and as files, and files follow their edits', async () => {
    await withFile(settings, { reader: 1 }, async () => {
      assert.equal(await sh('echo "$COLOR|$PASSWORD|$GREETING"', 'reader'), 'blue|open sesame|I am reader\n');
      assert.equal(
        await sh('cat /etc/settings/color /etc/settings/size /var/password/PASSWORD', 'reader'),
        'bluelargeopen sesame',
      );
      assert.equal((await exec(mesh, 'reader', ['sh', '-c', 'echo x > /etc/settings/color'])).code === 0, false);
      assert.equal(await sh('echo x > /scratch/x && cat /scratch/x', 'reader'), 'x\n');
      await mesh.write('test.yaml', settings.replace('color: blue', 'color: green'));
      await until('the file has the edit', async () => (await sh('cat /etc/settings/color', 'reader')) === 'green');
      assert.equal(await sh('echo $COLOR', 'reader'), 'blue\n', 'a running process keeps its variables');
    });
  });

  test('a pod may end; one that fails is started again, later each time, and its state says so', async () => {
    await mesh.write('test.yaml', mortals);
    try {
      await until('the job has ended', async () => (await podsOf('job'))[0]?.phase === 'Succeeded', 30_000);
      assert.equal(await logOf('job'), 'the work is done\n');
      await until(
        'it waits',
        async () => {
          const [crash] = await podsOf('crash');
          return (crash?.restarts ?? 0) >= 2 && /CrashLoopBackOff.*back-off 2s/u.test(crash?.reason ?? '');
        },
        30_000,
      );
      assert.equal((await podsOf('job'))[0]?.restarts, 0);
      assert.equal(await logOf('crash', { previous: true }), 'going down\n');
    } finally {
      await mesh.remove('test.yaml');
    }
  });

  test('only pods whose probe succeeds get traffic', async () => {
    const probe =
      'readinessProbe: { exec: { command: [test, -e, /tmp/ready] }, periodSeconds: 1, failureThreshold: 1 }';
    await mesh.write('test.yaml', answering('picky', { replicas: 2, container: probe }));
    try {
      await until(
        'two run',
        async () => (await podsOf('picky')).filter(({ phase }) => phase === 'Running').length === 2,
        30_000,
      );
      await until(
        'both have their proxies',
        async () => (await podsOf('picky')).every(({ containers }) => containers === '1/2'),
        30_000,
      );
      assert.equal(await code('http://picky/'), '503', 'nobody is ready');
      const [first = '', second = ''] = (await podsOf('picky')).map(({ name }) => name);
      await sh('touch /tmp/ready', first);
      await until('the first is ready', async () => (await readyPods('picky')).includes(first));
      const names = async (): Promise<string> => {
        await settled();
        const answers = (await sh('for i in $(seq 30); do curl -s http://picky/; echo; done')).split('\n');
        return [...new Set(answers)]
          .filter((name) => name !== '')
          .toSorted()
          .join(' ');
      };
      assert.equal(await names(), first);
      await sh('touch /tmp/ready', second);
      await until('both are ready', async () => (await readyPods('picky')).length === 2);
      assert.equal(await names(), [first, second].toSorted().join(' '));
      await sh('rm /tmp/ready', first);
      await until('one is left', async () => (await readyPods('picky')).length === 1);
      assert.equal(await names(), second);
    } finally {
      await mesh.remove('test.yaml');
    }
  });

  test('a Deployment scaled from 1 to 3 and back under load loses nothing', async () => {
    // No retries, or they would hide what is lost.
    const route = `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: scaled }
spec: { hosts: [scaled], http: [{ retries: { attempts: 0 }, route: [{ destination: { host: scaled } }] }] }
`;
    const scaled = (replicas: number): string => `${answering('scaled', { replicas })}${route}`;
    await withFile(scaled(1), { scaled: 1 }, async () => {
      const args = ['--url', 'http://scaled/', '--rate', '100', '--count', '1500', '--tally', 'scaled-[a-z0-9-]+'];
      const load = loadFrom(mesh, curl, args);
      await pause(1_000);
      await mesh.write('test.yaml', scaled(3));
      await until('three are ready', async () => (await readyPods('scaled')).length === 3, 30_000);
      await pause(2_000);
      await mesh.write('test.yaml', scaled(1));
      await until('one is left', async () => (await podsOf('scaled')).length === 1, 30_000);
      const result = await load;
      assert.equal(result.failed, 0, JSON.stringify(result));
      assert.equal(Object.keys(result.tallied).length, 3, JSON.stringify(result.tallied));
    });
  });

  test('named ports, headless Services, names for what is outside, and a List of them', async () => {
    await withFile(`${answering('pair', { replicas: 2 })}---${otherServices}`, { pair: 2 }, async () => {
      assert.match(await body('http://pair/'), /^pair-/u);
      const addresses = (await podsOf('pair'))
        .map(({ ip }) => ip)
        .toSorted()
        .join(' ');
      assert.equal(await ask(byUdp, 'headless.default.svc.cluster.local'), addresses);
      assert.match(await body('http://headless:8080/'), /^pair-/u);
      // Whom to call is the caller's choice there, and the proxy must not make another one.
      for (const { ip, name } of await podsOf('pair'))
        for (let i = 0; i < 5; i += 1) assert.equal(await body(`-H 'Host: headless:8080' http://${ip}:8080/`), name);
      assert.match(await body('http://elsewhere/'), /^outside elsewhere$/u);
      assert.match(await body('http://outside.example/'), /^outside outside\.example$/u);
      assert.equal(await ask(byUdp, 'alias.default.svc.cluster.local'), await serviceAddress('reviews'));
      assert.match(await body('http://alias:9080/reviews/0'), /"podname":"reviews-v/u);
    });
  });

  test('an application that listens on loopback alone is not reached', async () => {
    const probe = 'readinessProbe: { exec: { command: [sh, -c, "curl -s 127.0.0.1:8080"] }, periodSeconds: 1 }';
    const text = answering('private', { listen: "8080, '127.0.0.1'", container: probe });
    await withFile(text, { private: 1 }, async () => {
      assert.match(await sh('curl -s http://127.0.0.1:8080', 'deploy/private'), /^private-/u);
      assert.equal(await code('http://private/'), '503');
    });
  });

  test('TCP goes through both proxies, the server speaking first; a TCP probe asks the application itself', async () => {
    await withFile(tcpEcho, { 'tcp-echo': 1 }, async () => {
      const script = "const s = require('net').connect(9000, 'tcp-echo', () => s.end('hello')); s.pipe(process.stdout)";
      const { stdout } = await exec(mesh, curl, ['node', '-e', script]);
      assert.equal(stdout, 'welcome hello');
      const stats = await sh('curl -s "http://127.0.0.1:15000/stats?filter=15006.ssl.handshake"', 'deploy/tcp-echo');
      assert.match(stats, /ssl\.handshake: [1-9]/u);
      const [closed] = await podsOf('closed');
      assert.equal(closed?.ready, false, 'nobody opens that port');
      assert.match(closed?.reason ?? '', /not ready/u);
    });
  });

  test('a gRPC probe asks the application for its service', async () => {
    await withFile(grpcServers(mesh.projectFolder), { 'grpc-good': 1 }, async () => {
      assert.equal(
        await sh('curl -s -o /dev/null -w "%{http_code}" http://127.0.0.1:15020/app-health/app/readyz', 'grpc-bad'),
        '503',
      );
      assert.deepEqual(await readyPods('grpc-bad'), []);
    });
  });

  test('mistakes are told with file, line, field and fix; what is right beside them is taken', async () => {
    await mesh.write('test.yaml', mistakes);
    const told = async () => (await mesh.control.status()).problems.filter(({ file }) => file === 'mesh/test.yaml');
    try {
      await until('all three are told', async () => (await told()).length >= 3);
      const problems = await told();
      const about = (object: string) => problems.filter((problem) => problem.object.startsWith(object));
      const [widget] = problems.filter(({ message }) => message.includes('Widget'));
      assert.deepEqual([widget?.level, widget?.line], ['warning', 2]);
      assert.match(widget?.message ?? '', /not a kind that is known here: skipped/u);
      const route = about('VirtualService default/mistaken').find(({ field }) => field.includes('rout'));
      assert.deepEqual([route?.level, route?.field, route?.line], ['error', 'spec.http[0].rout', 11]);
      assert.match(`${route?.message} ${route?.fix}`, /route/u);
      const [replicas] = about('Deployment default/mistaken');
      assert.deepEqual([replicas?.level, replicas?.field, replicas?.line], ['error', 'spec.replicas', 18]);
      assert.ok((replicas?.fix ?? replicas?.message ?? '').length > 0);
      assert.equal((await mesh.control.objects({ kind: 'ConfigMap', name: 'right' })).length, 1);
      assert.deepEqual(await podsOf('mistaken'), []);
    } finally {
      await applied(mesh, () => mesh.remove('test.yaml'));
    }
    await until('nothing is told any more', async () => (await told()).length === 0);
    await until(
      'its objects are gone',
      async () => (await mesh.control.objects({ kind: 'ConfigMap', name: 'right' })).length === 0,
    );
  });

  test('a file that is deleted takes its pods and services with it', async () => {
    await withFile(answering('guest'), { guest: 1 }, async () => assert.equal(await code('http://guest/'), '200'));
    await until('its pods are gone', async () => (await podsOf('guest')).length === 0, 30_000);
    assert.equal(await ask(byUdp, 'guest.default.svc.cluster.local'), 'ENOTFOUND');
    assert.deepEqual(await mesh.control.objects({ kind: 'Deployment', name: 'guest' }), []);
  });

  test('a command in a pod has standard input, output, error and an exit code', async () => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    const lines = 'one\ntwo\n'.repeat(20_000);
    const code = await mesh.control.exec({
      name: curl,
      namespace: 'default',
      argv: ['sh', '-c', 'wc -l; echo to error >&2; exit 7'],
      stdin: Readable.from([lines]),
      stdout,
      stderr,
    });
    assert.equal(code, 7);
    assert.equal(String(stdout.read()).trim(), '40000');
    assert.equal(String(stderr.read()), 'to error\n');
    assert.equal((await exec(mesh, curl, ['sh', '-c', 'kill -9 $$'])).code, 137);
    assert.equal((await exec(mesh, curl, ['no-such-program'])).code, 127);
    assert.match((await exec(mesh, curl, ['cat', '/proc/1/cmdline'], 'istio-proxy')).stdout, /envoy/u);
    await assert.rejects(exec(mesh, 'deploy/nobody', ['true']), { code: 'pod-unknown' });
    await assert.rejects(exec(mesh, curl, ['true'], 'nobody'), { code: 'container-unknown' });
  });

  test('logs are what a container wrote: all, the last lines, and what comes', async () => {
    await withFile(answering('talker'), { talker: 1 }, async () => {
      for (const path of ['a', 'b', 'c']) await body(`http://talker/${path}`);
      assert.match(await logOf('deploy/talker'), /\/a\n\/b\n\/c\n$/u);
      assert.equal(await logOf('deploy/talker', { tail: 2 }), '/b\n/c\n');
      const reading = new AbortController();
      let heard = '';
      const follow = (async () => {
        const request = { name: 'deploy/talker', namespace: 'default', follow: true, tail: 1, signal: reading.signal };
        for await (const chunk of mesh.control.logs(request)) heard += Buffer.from(chunk).toString();
      })();
      await until('the last line is heard', () => Promise.resolve(heard === '/c\n'));
      await body('http://talker/later');
      await until('the new line is heard', () => Promise.resolve(heard === '/c\n/later\n'));
      reading.abort();
      await follow;
    });
  });
});
