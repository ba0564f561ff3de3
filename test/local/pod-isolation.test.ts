import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { interceptionRules } from '../../src/inject/interception.ts';
import type { Container } from '../../src/local/pod/spec.ts';
import { machineState, makePod, openBed, processesBelow, server, shell, stillRunning, whyNot } from './pod-bed.ts';
import type { Bed } from './pod-bed.ts';

const hasPython = spawnSync('python3', ['--version']).status === 0;
const needsPython = hasPython ? false : 'needs python3, which can set socket marks';
/** Python, because Node cannot mark a socket: connects, marked or not, and prints what it reads. */
const caller = `
import socket, sys
s = socket.socket()
if len(sys.argv) > 3: s.setsockopt(socket.SOL_SOCKET, 36, 1337)
s.connect((sys.argv[1], int(sys.argv[2])))
s.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
print(s.makefile().read().splitlines()[-1])`;

const exclusions = {
  inboundPorts: [],
  includeInboundPorts: ['*'],
  outboundPorts: [],
  outboundRanges: [],
  includeOutboundRanges: ['*'],
};

for (const kind of ['root', 'user'] as const) {
  describe(`isolation of pods as ${kind}`, { skip: whyNot(kind) }, () => {
    let bed: Bed;
    const token = {
      name: 'token',
      projected: { sources: [{ serviceAccountToken: { path: 'istio-token', audience: 'istio-ca' } }] },
    };
    const tokenMount = {
      volumeMounts: [
        { name: 'token', mountPath: '/var/run/secrets/tokens' },
        { name: 'admin', mountPath: '/etc/istio/proxy' },
      ],
    };
    const rules: Container = shell('istio-init', 'printf %s "$RULES" | iptables-restore --noflush', {
      env: [{ name: 'RULES', value: interceptionRules(kind === 'root' ? 'owner' : 'mark', exclusions) }],
      securityContext: { runAsUser: 0, runAsGroup: 0, capabilities: { add: ['NET_ADMIN', 'NET_RAW'], drop: ['ALL'] } },
    });
    const proxy = server('istio-proxy', 15_001, '"intercepted"', {
      ...tokenMount,
      restartPolicy: 'Always',
      readinessProbe: { exec: { command: ['true'] } },
    });

    before(async () => {
      bed = await openBed(kind);
      writeFileSync(`${bed.stateFolder}/ca-key`, 'the key of the mesh');
      await bed.ready(makePod('target', { containers: [server('main', 8080, '"direct"')] }));
      await bed.ready(
        makePod('meshed', {
          initContainers: [rules, proxy],
          containers: [shell('main', 'sleep 1000')],
          volumes: [token, { name: 'admin', emptyDir: {} }],
        }),
      );
      await bed.sh('shop/meshed', 'echo socket > /etc/istio/proxy/admin.sock', 'istio-proxy');
    });
    after(async () => {
      await bed.close();
    });

    const app = async (line: string): Promise<string> => {
      const { stdout, stderr } = await bed.sh('shop/meshed', line, 'main');
      return stdout + stderr;
    };
    const addressOf = async (name: string): Promise<string> =>
      (await bed.call<{ podIP: string }>('status', { key: `shop/${name}` })).podIP;

    test('an application has no capability and no way to one', async () => {
      const caps = await app(
        'grep -E "^Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs" /proc/self/status; grep -E "^Cap(Prm|Bnd)" /proc/1/status',
      );
      assert.doesNotMatch(caps, /Cap...:\t0*[1-9a-f]/u);
      assert.match(caps, /NoNewPrivs:\t1/u);
      for (const line of [
        'iptables -t nat -F',
        'ip link set eth0 down',
        'ip addr add 10.44.9.9 dev eth0',
        'mount -t tmpfs x /mnt',
        'umount /tmp',
        'setpriv --reuid 1337 true',
        'mknod /tmp/disk b 254 0',
        'hostname other',
        'chroot / true',
        'nsenter --target 1 --net true',
      ]) {
        assert.notEqual((await bed.sh('shop/meshed', line, 'main')).code, 0, line);
      }
    });

    test(
      'an application is intercepted and cannot set the mark of the proxy, which goes its own way',
      { skip: needsPython },
      async () => {
        const target = await addressOf('target');
        const call = (
          container: string,
          ...mark: readonly string[]
        ): Promise<{ code: number; stdout: string; stderr: string }> =>
          bed.call('exec', { key: 'shop/meshed', container, argv: ['python3', '-c', caller, target, '8080', ...mark] });
        assert.equal((await call('main')).stdout, 'intercepted\n');
        const marked = await call('main', 'mark');
        assert.match(marked.stderr, /Operation not permitted/u);
        assert.equal(marked.stdout, '');
        assert.equal((await (kind === 'root' ? call('istio-proxy') : call('istio-proxy', 'mark'))).stdout, 'direct\n');
        const proxyStatus = await bed.sh('shop/meshed', 'id -u; grep CapEff /proc/self/status', 'istio-proxy');
        assert.equal(
          proxyStatus.stdout,
          kind === 'root' ? '1337\nCapEff:\t0000000000000000\n' : '0\nCapEff:\t0000000000001000\n',
        );
      },
    );

    test('an application sees neither token nor admin socket of its proxy, nor other pods, nor the state of the mesh', async () => {
      assert.match(
        (await bed.sh('shop/meshed', 'cat /var/run/secrets/tokens/istio-token', 'istio-proxy')).stdout,
        /^token \d+ of meshed/u,
      );
      assert.match(await app('cat /var/run/secrets/tokens/istio-token'), /No such file/u);
      assert.match(await app('cat /etc/istio/proxy/admin.sock'), /No such file/u);
      assert.equal(await app('ls /run/mizzen'), 'bin\n');
      assert.equal(await app(`ls -A ${bed.stateFolder}`), '');
      assert.match(await app(`echo x > ${bed.stateFolder}/x`), /Read-only|cannot create/u);
      assert.doesNotMatch(await app('cat /proc/[0-9]*/cmdline | tr "\\0" " "'), /createServer|pod-driver/u);
      assert.match(
        await app('echo 1 > /proc/sys/kernel/panic; echo 1 > /proc/sys/net/ipv4/ip_forward'),
        /(?:Read-only file system|Permission denied)[\s\S]*(?:Read-only file system|Permission denied)/u,
      );
    });

    test('a pod cannot mount what is the mesh’s, and a folder above it shows nothing of it', async () => {
      const hostPath = (name: string, path: string) =>
        makePod(name, {
          containers: [shell('main', 'sleep 1000', { volumeMounts: [{ name: 'host', mountPath: '/host' }] })],
          volumes: [{ name: 'host', hostPath: { path } }],
        });
      for (const [name, path] of [
        ['greedy', bed.stateFolder],
        ['greedier', '/run/mizzen/pods'],
        ['crooked', `${bed.shared}/../state/logs`],
      ] as const) {
        await bed.call('start', { pod: hostPath(name, path) });
        assert.match(
          (await bed.until(`shop/${name}`, (status) => status.message !== undefined)).message ?? '',
          /belongs to the mesh/u,
        );
        await bed.call('stop', { key: `shop/${name}` });
      }
      await bed.ready(hostPath('above', '/'));
      assert.equal(
        (await bed.sh('shop/above', `ls -A /host${bed.stateFolder} /host/run/mizzen; ls -d /host/etc`)).stdout,
        `/host/run/mizzen:\n\n/host${bed.stateFolder}:\n/host/etc\n`,
      );
      await bed.call('stop', { key: 'shop/above' });
      await bed.call('start', { pod: hostPath('chosen', bed.stateFolder), systemPaths: [bed.stateFolder] });
      await bed.until('shop/chosen', (status) => status.containerStatuses[0]?.ready === true);
      assert.equal((await bed.sh('shop/chosen', 'cat /host/ca-key')).stdout, 'the key of the mesh');
      await bed.call('stop', { key: 'shop/chosen' });
    });

    test('two containers of a pod see one network and not each other’s files and processes', async () => {
      await bed.ready(
        makePod('pair', {
          containers: [server('one', 8080, '"one"'), shell('two', 'echo mine > /tmp/mine; sleep 1000')],
        }),
      );
      assert.match((await bed.sh('shop/pair', 'ls /tmp; ps ax', 'one')).stdout, /^(?![\s\S]*(?:mine|sleep 1000))/u);
      assert.equal(
        (
          await bed.sh(
            'shop/pair',
            `${process.execPath} -e 'fetch("http://127.0.0.1:8080").then(r => r.text()).then(console.log)'`,
            'two',
          )
        ).stdout,
        'one\n',
      );
      await bed.call('stop', { key: 'shop/pair' });
    });
  });

  describe(`nothing is left as ${kind}`, { skip: whyNot(kind) }, () => {
    const daemon = 'setsid sh -c "sleep 1000 & sleep 1000" & sleep 1000';
    for (const how of ['killed from outside', 'ended by its supervisor'] as const) {
      test(`processes, links, rules, mounts and files when it is ${how}`, async () => {
        const before = machineState();
        const bed = await openBed(kind);
        await bed.ready(
          makePod('left', {
            containers: [shell('main', daemon), server('other', 8080, '"x"')],
            volumes: [{ name: 'v', emptyDir: {} }],
          }),
        );
        await bed.sh('shop/left', 'echo x > /tmp/x; echo x > /dev/shm/x');
        const processes = processesBelow(bed.outer.pid ?? 0);
        assert.ok(processes.length >= 12, `only ${String(processes.length)} processes`);
        assert.deepEqual(readdirSync(bed.stateFolder), ['logs']);
        if (how === 'killed from outside') bed.outer.kill('SIGKILL');
        else bed.outer.stdin?.end();
        for (let tries = 0; tries < 100 && stillRunning(processes).length > 0; tries += 1) await sleep(50);
        assert.deepEqual(stillRunning(processes), []);
        assert.equal(machineState(), before);
        await bed.close();
      });
    }
  });
}
