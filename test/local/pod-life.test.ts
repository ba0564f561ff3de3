import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PodStatus } from '../../src/local/pod/status.ts';
import { isReady } from '../../src/local/pod/status.ts';
import { keyOf, makePod, openBed, shell, whyNot } from './pod-bed.ts';
import type { Bed, ExecResult } from './pod-bed.ts';

for (const kind of ['root', 'user'] as const) {
  describe(`the life of pods as ${kind}`, { skip: whyNot(kind) }, () => {
    let bed: Bed;
    before(async () => {
      bed = await openBed(kind);
    });
    after(async () => {
      await bed.close();
    });
    /** A volume through which a pod tells the test what happened, also when it is over. */
    const witness = (): { volumes: [{ name: 'witness'; hostPath: { path: string } }] } => ({
      volumes: [{ name: 'witness', hostPath: { path: bed.shared } }],
    });
    const mounted = { volumeMounts: [{ name: 'witness', mountPath: '/witness' }] };
    const seen = (name: string): string =>
      existsSync(`${bed.shared}/${name}`) ? readFileSync(`${bed.shared}/${name}`, 'utf8') : '';

    test('exec gives back exit code and streams, takes input, ends when told', async () => {
      await bed.ready(
        makePod('exec', {
          containers: [
            shell('main', 'sleep 1000', { env: [{ name: 'X', value: 'y' }], workingDir: '/usr' }),
            shell('second', 'sleep 1000'),
          ],
        }),
      );
      const exec = (argv: readonly string[], more: object = {}): Promise<ExecResult> =>
        bed.call('exec', { key: 'shop/exec', argv, ...more });
      assert.deepEqual(await exec(['sh', '-c', 'echo $X; pwd; echo oops >&2; exit 42']), {
        code: 42,
        stdout: 'y\n/usr\n',
        stderr: 'oops\n',
      });
      assert.deepEqual(await exec(['cat'], { stdin: 'through' }), { code: 0, stdout: 'through', stderr: '' });
      assert.deepEqual(await exec(['sh', '-c', 'kill -9 $$']), { code: 137, stdout: '', stderr: '' });
      assert.equal((await exec(['no-such-program'])).code, 127);
      assert.equal(
        (await exec(['sh', '-c', 'echo to-device > /dev/stdout; echo ${X-unset}'], { container: 'second' })).stdout,
        'to-device\nunset\n',
      );
      assert.equal((await exec(['sleep', '4321'], { timeMs: 200 })).code, 137);
      assert.doesNotMatch((await exec(['ps', 'ax'])).stdout, /sleep 4321/u);
      await assert.rejects(exec(['true'], { container: 'third' }), /has no container "third"/u);
      await assert.rejects(bed.call('exec', { key: 'shop/absent', argv: ['true'] }), /no pod shop\/absent/u);
      await bed.call('stop', { key: 'shop/exec' });
    });

    test('init containers run in order, a sidecar counts once its startup probe passes, containers come last', async () => {
      rmSync(`${bed.shared}/order`, { force: true });
      const pod = makePod('order', {
        ...witness(),
        initContainers: [
          shell('one', 'sleep 0.1; echo one >> /witness/order', mounted),
          shell(
            'sidecar',
            'sleep 0.3; echo sidecar >> /witness/order; touch /tmp/up; trap "echo sidecar ends >> /witness/order; exit 0" TERM; while :; do sleep 0.05; done',
            {
              ...mounted,
              restartPolicy: 'Always',
              startupProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1 },
            },
          ),
          shell('two', 'echo two >> /witness/order', mounted),
        ],
        containers: [
          shell(
            'main',
            'echo main >> /witness/order; trap "sleep 0.2; echo main ends >> /witness/order; exit 0" TERM; while :; do sleep 0.05; done',
            mounted,
          ),
        ],
      });
      await bed.ready(pod);
      await sleep(100);
      assert.equal(seen('order'), 'one\nsidecar\ntwo\nmain\n');
      const status = await bed.call<PodStatus>('status', { key: keyOf(pod) });
      assert.deepEqual(
        status.initContainerStatuses.map((one) => Object.keys(one.state)[0]),
        ['terminated', 'running', 'terminated'],
      );
      await bed.call('stop', { key: keyOf(pod) });
      assert.equal(seen('order'), 'one\nsidecar\ntwo\nmain\nmain ends\nsidecar ends\n');
    });

    test('who ignores SIGTERM is killed when the grace period is over; preStop comes first', async () => {
      const pod = makePod('stubborn', {
        ...witness(),
        containers: [
          shell('main', 'trap "echo asked >> /witness/asked" TERM; while :; do sleep 0.05; done', {
            ...mounted,
            lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo before >> /witness/asked'] } } },
          }),
        ],
      });
      await bed.ready(pod);
      const tookMs = await bed.call<number>('stop', { key: keyOf(pod), graceMs: 700 });
      assert.equal(seen('asked'), 'before\nasked\n');
      assert.ok(tookMs >= 690, `took ${String(tookMs)} ms`);
    });

    test('a container that ends is started again at once, then with growing pauses; its previous log is kept', async () => {
      const pod = makePod('crashing', { containers: [shell('main', 'echo run $(date +%N); exit 3')] });
      await bed.call('start', { pod });
      const waiting = await bed.until(
        keyOf(pod),
        (status) =>
          status.containerStatuses[0]?.restartCount === 2 && 'waiting' in (status.containerStatuses[0]?.state ?? {}),
      );
      assert.match(
        JSON.stringify(waiting.containerStatuses[0]),
        /"reason":"CrashLoopBackOff".*"lastState":\{"terminated":\{"exitCode":3,"reason":"Error"/u,
      );
      assert.equal(waiting.phase, 'Running');
      const [now, previous] = [
        await bed.call<string>('logs', { key: keyOf(pod) }),
        await bed.call<string>('logs', { key: keyOf(pod), previous: true }),
      ];
      assert.match(now, /^run \d+\n$/u);
      assert.match(previous, /^run \d+\n$/u);
      assert.notEqual(now, previous);
      await bed.call('stop', { key: keyOf(pod) });
    });

    test('restart policies decide over the end of a pod, and its sidecars end with it', async () => {
      const sidecar = shell('sidecar', 'sleep 1000', { restartPolicy: 'Always' });
      const fine = makePod('fine', {
        restartPolicy: 'OnFailure',
        initContainers: [sidecar],
        containers: [shell('main', 'exit 0')],
      });
      const failed = makePod('failed', {
        restartPolicy: 'Never',
        containers: [shell('main', 'exit 7'), shell('other', 'exit 0')],
      });
      const broken = makePod('broken', {
        restartPolicy: 'Never',
        initContainers: [shell('init', 'exit 9')],
        containers: [shell('main', 'sleep 1000')],
      });
      for (const pod of [fine, failed, broken]) await bed.call('start', { pod });
      const done = await bed.until(
        'shop/fine',
        (status) => status.phase === 'Succeeded' && 'terminated' in (status.initContainerStatuses[0]?.state ?? {}),
      );
      assert.match(JSON.stringify(done.containerStatuses[0]?.state), /"exitCode":0,"reason":"Completed"/u);
      assert.match(
        JSON.stringify(await bed.until('shop/failed', (status) => status.phase === 'Failed')),
        /"exitCode":7/u,
      );
      assert.match(
        JSON.stringify(await bed.until('shop/broken', (status) => status.phase === 'Failed')),
        /"exitCode":9.*"PodInitializing"/u,
      );
      await Promise.all(['shop/fine', 'shop/failed', 'shop/broken'].map((key) => bed.call('stop', { key })));
    });

    test('readiness follows its probe both ways; a failing liveness probe restarts', async () => {
      const pod = makePod('probed', {
        containers: [
          shell('main', 'touch /tmp/alive /tmp/ready; sleep 1000', {
            readinessProbe: { exec: { command: ['test', '-e', '/tmp/ready'] }, periodSeconds: 1, failureThreshold: 1 },
            livenessProbe: {
              exec: { command: ['test', '-e', '/tmp/alive'] },
              periodSeconds: 1,
              failureThreshold: 1,
              initialDelaySeconds: 1,
              terminationGracePeriodSeconds: 0,
            },
          }),
        ],
      });
      await bed.ready(pod);
      await bed.sh('shop/probed', 'rm /tmp/ready');
      assert.match(
        JSON.stringify((await bed.until('shop/probed', (status) => !isReady(status))).conditions),
        /unready status: \[main\]/u,
      );
      await bed.sh('shop/probed', 'touch /tmp/ready');
      await bed.until('shop/probed', isReady);
      await bed.sh('shop/probed', 'rm /tmp/alive');
      const status = await bed.until('shop/probed', (now) => now.containerStatuses[0]?.restartCount === 1);
      assert.match(
        JSON.stringify(status.containerStatuses[0]?.lastState),
        /liveness probe failed: command ended with exit code 1/u,
      );
      await bed.call('stop', { key: 'shop/probed' });
    });

    test('what is missing is said and waited for', async () => {
      const pod = makePod('waiting', {
        containers: [
          shell('main', 'sleep 1000', {
            env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'late', key: 'a' } } }],
          }),
          { name: 'nothing', image: 'unheard-of' },
          shell('lost', 'cd /; no-such-program'),
        ],
        volumes: [{ name: 'v', configMap: { name: 'later' } }],
      });
      await bed.call('start', { pod });
      assert.match(
        (await bed.until('shop/waiting', (status) => status.reason === 'FailedMount')).message ?? '',
        /config map "later" does not exist/u,
      );
      await bed.call('configMap', { name: 'later', content: {} });
      const status = await bed.until(
        'shop/waiting',
        (now) =>
          'waiting' in (now.containerStatuses[0]?.state ?? {}) &&
          now.containerStatuses[0]?.restartCount === 0 &&
          JSON.stringify(now).includes('CreateContainerConfigError') &&
          JSON.stringify(now).includes('exit code 127'),
      );
      assert.match(
        JSON.stringify(status),
        /config map \\"late\\" does not exist.*nothing says what to run for image \\"unheard-of\\"/u,
      );
      await bed.call('configMap', { name: 'late', content: { data: { a: '1' } } });
      await bed.until('shop/waiting', (now) => now.containerStatuses[0]?.ready === true);
      await bed.call('stop', { key: 'shop/waiting' });
    });

    test('logs are kept whatever stream they come by, followed, and cut to their last lines', async () => {
      const pod = makePod('talking', {
        containers: [
          shell(
            'main',
            'echo a; echo b >&2; echo c > /dev/stdout; echo d >> /dev/stderr; sleep 0.5; echo later; sleep 1000',
          ),
        ],
      });
      await bed.ready(pod);
      assert.equal(await bed.call('follow', { key: 'shop/talking', timeMs: 1500 }), 'a\nb\nc\nd\nlater\n');
      assert.equal(await bed.call('logs', { key: 'shop/talking', tailLines: 2 }), 'd\nlater\n');
      assert.equal(await bed.call('logs', { key: 'shop/talking', tailLines: 0 }), '');
      await bed.call('stop', { key: 'shop/talking' });
    });

    test('a token is renewed at 80 % of its life, in one swap', async () => {
      const pod = makePod('renewed', {
        containers: [
          shell('main', 'sleep 1000', { volumeMounts: [{ name: 'token', mountPath: '/var/run/secrets/tokens' }] }),
        ],
        volumes: [
          {
            name: 'token',
            projected: { sources: [{ serviceAccountToken: { path: 'istio-token', expirationSeconds: 1 } }] },
          },
        ],
      });
      await bed.ready(pod);
      const read = async (): Promise<string> =>
        (await bed.sh('shop/renewed', 'cat /var/run/secrets/tokens/istio-token')).stdout;
      const first = await read();
      await sleep(1000);
      const second = await read();
      assert.match(first, /^token \d+ of renewed for default \(1\)$/u);
      assert.match(second, /^token \d+ of renewed for default \(1\)$/u);
      assert.notEqual(first, second);
      await bed.call('stop', { key: 'shop/renewed' });
    });

    test('a stopped pod leaves nothing of itself inside the sandbox', async () => {
      const left = await bed.call<{ stdout: string }>('run', {
        argv: [
          'sh',
          '-c',
          'ls /run/mizzen/pods /run/mizzen/ns; ip -o link | grep pod; grep /run/mizzen/ /proc/self/mountinfo; ip route | grep 10.44.0. | grep -v unreachable; ps ax | grep -c "[s]leep 1000"',
        ],
      });
      assert.equal(left.stdout, '/run/mizzen/ns:\n\n/run/mizzen/pods:\n0\n');
      assert.deepEqual(readdirSync(`${bed.stateFolder}/logs`), []);
    });
  });
}
