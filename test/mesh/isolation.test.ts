/** What an application of a running mesh cannot do, as root and as an ordinary user. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { projectFolder } from '../demo/by-command.ts';
import { sandboxMode } from '../../src/local/sandbox/sandbox-mode.ts';
import { applied, exec, startBookinfo, until, type ExecResult, type TestMesh } from '../demo/context.ts';
import { plainClient } from '../demo/steps.ts';

const allowed = await sandboxMode();
const whyNot = {
  root: allowed.kind === 'root' ? false : 'only root can run a mesh as root',
  user: allowed.kind === 'refused' ? allowed.message : false,
} as const;
const needsPython =
  spawnSync('python3', ['--version']).status === 0 ? false : 'needs python3, which can set socket options';

/** Python that leaves the namespaces it is in; nothing that it may not do is left to a tool's own checks. */
const unshare = `
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
def unshare(flags):
  if libc.unshare(flags) != 0: sys.exit("no namespaces: " + str(ctypes.get_errno()))
`;
const [newUser, newMount] = ['0x10000000', '0x20000'];

const app = 'deploy/curl';
const details = 'deploy/details-v1';

const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: strict, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

/** An application that asks to be the proxy's user, in its own container and for all of its pod. */
const impostors = `apiVersion: v1
kind: Pod
metadata: { name: impostor }
spec: { containers: [{ name: app, image: none, command: [sleep, infinity], securityContext: { runAsUser: 1337 } }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: impostors }
spec:
  selector: { matchLabels: { app: impostors } }
  template:
    metadata: { labels: { app: impostors } }
    spec:
      securityContext: { runAsUser: 1337 }
      containers: [{ name: app, image: none, command: [sleep, infinity] }]
`;

for (const mode of ['root', 'user'] as const) {
  describe(`applications of a mesh as ${mode}`, { skip: whyNot[mode] }, () => {
    let mesh: TestMesh;
    const tmpdir = process.env['TMPDIR'];

    before(async () => {
      // Below a folder that applications see, so that nothing is hidden by their own /tmp.
      process.env['TMPDIR'] = '/var/tmp';
      mesh = await startBookinfo({ mode, files: { 'plain.yaml': plainClient } });
    });
    after(async () => {
      if (tmpdir === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = tmpdir;
      await mesh.end();
    });

    const shell = (line: string, pod = app, container?: string): Promise<ExecResult> =>
      exec(mesh, pod, ['sh', '-c', line], container);
    const python = (script: string, pod = app): Promise<ExecResult> => exec(mesh, pod, ['python3', '-c', script]);
    const statusOf = async (args: string, pod = app): Promise<string> =>
      (await shell(`curl -s -o /dev/null -m 5 -w '%{http_code}' ${args}`, pod)).stdout;
    const addressOf = async (name: string): Promise<string> => {
      const pod = (await mesh.control.status()).pods.find((candidate) => candidate.name.startsWith(name));
      assert.ok(pod !== undefined && pod.ip !== '');
      return pod.ip;
    };
    const stateFolder = (): string => `${dirname(mesh.folder)}/state`;

    test('it cannot set the mark of the proxy, nor make packets of its own', { skip: needsPython }, async () => {
      const mark = "import socket; socket.socket().setsockopt(socket.SOL_SOCKET, 36, 1337); print('marked')";
      // With a user namespace of its own it has every capability, but none over the network it was born into.
      for (const flags of ['0', newUser, `${newUser} | ${newMount}`]) {
        const { stdout, stderr } = await python(`${unshare}unshare(${flags}); ${mark}`);
        assert.equal(stdout, '', flags);
        assert.match(stderr, /PermissionError: \[Errno 1\]/u, flags);
      }
      for (const kind of ['AF_INET, socket.SOCK_RAW, 6', 'AF_PACKET, socket.SOCK_RAW, 768']) {
        const raw = await python(`import socket; socket.socket(socket.${kind})`);
        assert.match(raw.stderr, /PermissionError: \[Errno 1\]/u, kind);
      }
    });

    test('it cannot become the user of the proxy', { skip: needsPython }, async () => {
      for (const call of ['setuid(1337)', 'setreuid(1337, 1337)', 'setresuid(0, 1337, 0)', 'setgid(1337)']) {
        const { code, stderr } = await python(`import os; os.${call}`);
        assert.notEqual(code, 0, call);
        assert.match(stderr, /PermissionError|Invalid argument/u, call);
      }
      assert.notEqual((await shell('touch /tmp/x && chown 1337 /tmp/x')).code, 0);
    });

    test('a pod that asks to be the user of the proxy is not made, and the reason is told', async () => {
      await mesh.write('impostors.yaml', impostors);
      const told = async (): Promise<readonly string[]> =>
        (await mesh.control.status()).problems
          .filter(({ file, level }) => file === 'mesh/impostors.yaml' && level === 'error')
          .map(({ line, message, fix }) => `${line} ${message}; ${fix ?? ''}`);
      await until('both are refused', async () => (await told()).length === 2);
      const [first = '', second = ''] = (await told()).toSorted();
      assert.match(first, /^1 Pod default\/impostor: .*container app must not run as user 1337.*runAsUser/u);
      assert.match(
        second,
        /^6 Deployment default\/impostors: its pods .*must not run as user 1337.*the pod's securityContext/u,
      );
      const { pods } = await mesh.control.status();
      assert.deepEqual(
        pods.filter(({ name }) => name.startsWith('impostor')),
        [],
      );
      await mesh.remove('impostors.yaml');
      await until('the problems are gone', async () => (await told()).length === 0);
    });

    test('it does not reach the admin interface of its proxy, but for reading and the log level', async () => {
      assert.match((await shell('ls /etc/istio/proxy', details, 'istio-proxy')).stdout, /admin\.sock/u);
      assert.notEqual((await shell('ls /etc/istio/proxy/admin.sock')).code, 0);
      assert.equal((await shell('find /run /var/run /etc /tmp /dev -name admin.sock 2>/dev/null')).stdout, '');
      const door = 'http://127.0.0.1:15000';
      for (const path of ['/server_info', '/stats', '/clusters', '/listeners', '/certs', '/config_dump', '/ready'])
        assert.equal(await statusOf(`${door}${path}`), '200', path);
      assert.equal(await statusOf(`-X POST '${door}/logging?level=warning'`), '200');
      for (const request of [
        `-X POST ${door}/quitquitquit`,
        `${door}/quitquitquit`,
        `-X POST ${door}/drain_listeners`,
        `-X POST ${door}/healthcheck/fail`,
        `-X POST '${door}/runtime_modify?a=b'`,
        `-X POST ${door}/reset_counters`,
        `-X POST ${door}/cpuprofiler`,
        `-X POST ${door}/config_dump`,
        `-X PUT ${door}/logging`,
        `${door}/logging`,
        `${door}/`,
        `${door}/help`,
        `--path-as-is -X POST ${door}/ready/../quitquitquit`,
        `--path-as-is -X POST ${door}//quitquitquit`,
        `-H 'Host: attacker.example' ${door}/stats`,
      ])
        assert.equal(await statusOf(request), '403', request);
      const dump = (await shell(`curl -s ${door}/config_dump`)).stdout;
      assert.doesNotMatch(dump, /BEGIN [A-Z ]*PRIVATE KEY|LS0tLS1CRUdJTiBQUklWQVRF/u);
      assert.equal(await statusOf('http://details:9080/health'), '200', 'the proxy still works');
    });

    test('from elsewhere nobody reaches the door', async () => {
      const address = await addressOf('details-v1');
      for (const pod of [app, 'plain'])
        assert.notEqual(await statusOf(`http://${address}:15000/stats`, pod), '200', pod);
    });

    test('it reads no token: neither that of its own proxy nor that of another pod', async () => {
      const token = (await shell('cat /var/run/secrets/tokens/istio-token', details, 'istio-proxy')).stdout;
      assert.match(token, /^[\w-]+\.[\w-]+\.[\w-]+$/u);
      for (const pod of [app, details, 'plain']) {
        const { code } = await shell('cat /var/run/secrets/tokens/istio-token', pod);
        assert.notEqual(code, 0, pod);
        const found = await shell(
          // A checkout below /tmp is shown to pods, and has files about tokens.
          `find /run/ /var/run/ /tmp -path ${projectFolder} -prune -o -name '*token*' -print 2>/dev/null; ls -d /proc/[0-9]*/root/var/run/secrets/tokens 2>/dev/null`,
          pod,
        );
        assert.equal(found.stdout, '', pod);
      }
    });

    test('it sees no process but its own, and nothing of the mesh', async () => {
      const { stdout } = await shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' '");
      assert.match(stdout, /sleep infinity/u);
      assert.doesNotMatch(stdout, /envoy|supervisor|server\/main|productpage/u);
      assert.equal((await shell('ls -A /run/mizzen')).stdout, 'bin\n');
    });

    test(
      'it sees nothing of the state of the mesh, not even in namespaces of its own making',
      { skip: needsPython },
      async () => {
        const state = stateFolder();
        assert.equal((await shell(`ls -A ${state}`)).stdout, '');
        assert.notEqual((await shell(`echo x > ${state}/x`)).code, 0);
        const covers = JSON.stringify([state, '/run', '/run/mizzen', '/tmp', '/etc']);
        const revealed = await python(
          `${unshare}
import os; unshare(${newUser} | ${newMount})
for path in ${covers}:
  print(path, libc.umount2(path.encode(), 2), os.listdir(path) if path != '/etc' else '')`,
        );
        assert.match(revealed.stdout, new RegExp(`^${state} -1 \\[\\]$`, 'mu'), revealed.stderr);
        assert.match(revealed.stdout, /^\/run -1 /mu);
        assert.match(revealed.stdout, /^\/run\/mizzen -1 \['bin'\]$/mu);
      },
    );

    test('no connection goes around the proxy by IPv6', { skip: needsPython }, async () => {
      const addresses = (await shell('cat /proc/net/if_inet6 2>/dev/null')).stdout;
      assert.doesNotMatch(addresses, /^(?!.* lo$).+$/mu, 'no address but loopback');
      const attempt = await python(
        'import socket\ns = socket.socket(socket.AF_INET6); s.settimeout(3)\ns.connect(("2001:db8::1", 80))',
      );
      assert.match(attempt.stderr, /unreachable|Address family not supported|Cannot assign|Permission denied/iu);
    });

    test('the ports of interception take nothing themselves', async () => {
      const address = await addressOf('details-v1');
      for (const port of [15_001, 15_006]) {
        for (const pod of [app, 'plain'])
          assert.notEqual(await statusOf(`http://${address}:${port}/health`, pod), '200');
        assert.equal(await statusOf(`http://127.0.0.1:${port}/`), '000');
      }
    });

    test('under STRICT nobody is reached in clear, by service, by address, or by the ports of interception', async () => {
      const address = await addressOf('details-v1');
      const ways = ['http://details:9080/health', `http://${address}:9080/health`];
      for (const url of ways) assert.equal(await statusOf(url, 'plain'), '200', `PERMISSIVE: ${url}`);
      await applied(mesh, () => mesh.write('strict.yaml', strict));
      try {
        for (const url of [...ways, `http://${address}:15006/health`, `http://${address}:15001/health`])
          assert.equal(await statusOf(url, 'plain'), '000', url);
        // A hop by hop upgrade, an old protocol or TLS without a certificate of the mesh opens it no more.
        for (const args of ['--http1.0', '--http2-prior-knowledge', '-H "Upgrade: h2c" -H "Connection: Upgrade"'])
          assert.equal(await statusOf(`${args} http://${address}:9080/health`, 'plain'), '000', args);
        for (const args of ['-k', '-k --alpn --http2', '-k --no-alpn'])
          assert.equal(await statusOf(`${args} https://${address}:9080/health`, 'plain'), '000', args);
        assert.equal(await statusOf('http://details:9080/health'), '200', 'a pod of the mesh still gets in');
      } finally {
        await applied(mesh, () => mesh.remove('strict.yaml'));
      }
      assert.equal(await statusOf(ways[0] ?? '', 'plain'), '200');
    });
  });
}
