import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { keyOf, makePod, openBed, server, shell, whyNot } from './pod-bed.ts';
import type { Bed } from './pod-bed.ts';

for (const kind of ['root', 'user'] as const) {
  describe(`pods as ${kind}`, { skip: whyNot(kind) }, () => {
    let bed: Bed;
    before(async () => {
      bed = await openBed(kind);
    });
    after(async () => {
      await bed.close();
    });

    test('a pod answers on its address, under its own name and with its own files', async () => {
      const pod = makePod('web', {
        containers: [server('web', 80, `require('os').hostname() + ' ' + req.url`)],
        hostAliases: [{ ip: '10.9.9.9', hostnames: ['elsewhere'] }],
      });
      const address = await bed.ready(pod);
      assert.match(address, /^10\.44\.0\.\d+$/u);
      assert.deepEqual(await bed.call('fetch', { url: `http://${address}/x` }), { status: 200, body: 'web /x' });
      const { stdout } = await bed.sh(
        'shop/web',
        'cat /etc/hosts /etc/resolv.conf /etc/hostname; hostname; echo $HOSTNAME; grep -c "" /etc/passwd',
      );
      assert.match(stdout, new RegExp(`^${address}\tweb$`, 'mu'));
      assert.match(stdout, /^10\.9\.9\.9\telsewhere$/mu);
      assert.match(
        stdout,
        /search shop\.svc\.cluster\.local svc\.cluster\.local cluster\.local\noptions ndots:5\nweb\nweb\nweb\n[1-9]/u,
      );
      await bed.call('stop', { key: 'shop/web' });
      assert.equal(await bed.call('status', { key: 'shop/web' }), undefined);
      await assert.rejects(bed.call('fetch', { url: `http://${address}/` }));
    });

    test('two pods reach each other and nothing outside; IPv6 is refused at once', async () => {
      const first = makePod('first', { containers: [server('main', 8080, '"first for " + req.socket.remoteAddress')] });
      const second = makePod('second', { containers: [server('main', 8080, '"second"')] });
      const [one, two] = [await bed.ready(first), await bed.ready(second)];
      const ask = (url: string): string =>
        `${process.execPath} -e 'fetch("${url}").then(r => r.text()).then(console.log, e => console.log(e.cause.code))'`;
      assert.equal((await bed.sh('shop/second', ask(`http://${one}:8080`))).stdout, `first for ::ffff:${two}\n`);
      assert.match((await bed.sh('shop/second', ask('http://192.0.2.1:80'))).stdout, /ENETUNREACH|EHOSTUNREACH/u);
      assert.match((await bed.sh('shop/second', ask('http://[2001:db8::1]:80'))).stdout, /ENETUNREACH|EADDRNOTAVAIL/u);
      assert.equal((await bed.sh('shop/first', ask('http://[::1]:8080'))).stdout, 'first for ::1\n');
      await Promise.all([bed.call('stop', { key: keyOf(first) }), bed.call('stop', { key: keyOf(second) })]);
    });

    test('volumes of every kind lie where they should, on mount points that the host lacks', async () => {
      writeFileSync(`${bed.shared}/from-host`, 'host file');
      await bed.call('configMap', {
        name: 'settings',
        content: { data: { a: 'one', b: 'two' }, binaryData: { c: Buffer.from('three').toString('base64') } },
      });
      await bed.call('secret', { name: 'keys', content: { data: { key: Buffer.from('hidden').toString('base64') } } });
      const pod = makePod('volumes', {
        containers: [
          shell('main', 'sleep 1000', {
            volumeMounts: [
              { name: 'settings', mountPath: '/app/settings' },
              { name: 'picked', mountPath: '/etc/picked/deep' },
              { name: 'settings', mountPath: '/opt/one file', subPath: 'a' },
              { name: 'keys', mountPath: '/var/lib/keys' },
              { name: 'scratch', mountPath: '/scratch' },
              { name: 'settings', mountPath: '/scratch/nested' },
              { name: 'host', mountPath: '/data/host', readOnly: true },
              { name: 'pod', mountPath: '/etc/podinfo' },
              { name: 'mixed', mountPath: '/var/run/secrets/mixed' },
              { name: 'scratch', mountPath: '/tmp/below', subPath: 'sub/folder' },
            ],
          }),
          shell('other', 'echo from-other > /elsewhere/file; sleep 1000', {
            volumeMounts: [{ name: 'scratch', mountPath: '/elsewhere' }],
          }),
        ],
        volumes: [
          { name: 'settings', configMap: { name: 'settings' } },
          { name: 'picked', configMap: { name: 'settings', items: [{ key: 'b', path: 'sub/b.txt', mode: 0o600 }] } },
          { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
          { name: 'scratch', emptyDir: {} },
          { name: 'host', hostPath: { path: bed.shared } },
          { name: 'pod', downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] } },
          {
            name: 'mixed',
            projected: {
              sources: [
                { serviceAccountToken: { path: 'token', audience: 'istio-ca', expirationSeconds: 3600 } },
                { configMap: { name: 'settings', items: [{ key: 'a', path: 'a' }] } },
              ],
            },
          },
        ],
      });
      await bed.ready(pod);
      const { stdout } = await bed.sh(
        'shop/volumes',
        `
        cat /app/settings/a /app/settings/b /app/settings/c; echo
        cat /etc/picked/deep/sub/b.txt '/opt/one file' /var/lib/keys/key /scratch/nested/a /data/host/from-host /etc/podinfo/labels; echo
        cat /var/run/secrets/mixed/token /var/run/secrets/mixed/a; echo
        stat -L -c %a /etc/picked/deep/sub/b.txt /var/lib/keys/key
        echo x > /scratch/new && echo writable; (echo x > /app/settings/new) 2>/dev/null || echo read-only; (echo x > /data/host/new) 2>/dev/null || echo read-only too
        echo below > /tmp/below/file; cat /scratch/sub/folder/file; cat /scratch/file; ls -d /usr/bin /etc/passwd`,
      );
      assert.equal(
        stdout,
        `onetwothree
twoonehiddenonehost fileapp="volumes"
token 1 of volumes for istio-ca (3600)one
600
400
writable
read-only
read-only too
below
from-other
/etc/passwd
/usr/bin
`.replace('token 1', /token \d+/u.exec(stdout)?.[0] ?? ''),
      );
      await bed.call('configMap', { name: 'settings', content: { data: { a: 'changed', d: 'new' } } });
      await assert.rejects(bed.call('refresh', { key: 'shop/volumes' }), /has no key "b"/u);
      assert.equal(
        (await bed.sh('shop/volumes', 'cat /app/settings/a /app/settings/d; ls /app/settings')).stdout,
        'changednewa\nd\n',
      );
      await bed.call('stop', { key: 'shop/volumes' });
      assert.equal(readFileSync(`${bed.shared}/from-host`, 'utf8'), 'host file');
    });

    test('environment, expansion, image commands and working folders are those of Kubernetes', async () => {
      await bed.call('configMap', { name: 'env', content: { data: { GREETING: 'hello', OTHER: 'there' } } });
      const pod = makePod('env', {
        containers: [
          shell('main', 'echo "$0 $1"; pwd; sleep 1000', {
            args: ['$(GREETING) $(MISSING) $$(GREETING)', '$(BOTH)'],
            workingDir: '/usr',
            envFrom: [{ prefix: 'P_', configMapRef: { name: 'env' } }],
            env: [
              { name: 'GREETING', valueFrom: { configMapKeyRef: { name: 'env', key: 'GREETING' } } },
              { name: 'BOTH', value: '$(GREETING) $(P_OTHER)' },
              { name: 'NOT', valueFrom: { secretKeyRef: { name: 'absent', key: 'x', optional: true } } },
              { name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
              { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
              { name: 'APP', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
              { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
              { name: 'with.dots-and=', value: 'odd' },
            ],
            resources: { limits: { cpu: '1500m' } },
          }),
          { name: 'image', image: 'sleeper' },
        ],
      });
      const address = await bed.ready(pod);
      assert.equal(await bed.call('logs', { key: 'shop/env' }), 'hello $(MISSING) $(GREETING) hello there\n/usr\n');
      const { stdout } = await bed.sh('shop/env', 'env');
      assert.match(stdout, /^P_GREETING=hello$/mu);
      assert.match(stdout, new RegExp(`^IP=${address.replaceAll('.', '\\.')}$`, 'mu'));
      assert.match(stdout, /^POD=env$/mu);
      assert.match(stdout, /^APP=env$/mu);
      assert.match(stdout, /^CPU=2$/mu);
      assert.doesNotMatch(stdout, /^NOT=/mu);
      assert.match((await bed.sh('shop/env', 'env; ps ax', 'image')).stdout, /^FROM_IMAGE=yes$[\s\S]*sleep 1000/mu);
      await bed.call('stop', { key: 'shop/env' });
    });

    test('folders that an overlay cannot stand for are rebuilt from their entries; /dev and /run can hold volumes', async () => {
      // As in a container of Docker: a file of /etc is a mount of its own, which an overlay would lose or not be allowed.
      await bed.call('run', { argv: ['mount', '-n', '--bind', '/etc/passwd', '/etc/passwd'] });
      const volumeMounts = ['/etc/made/here', '/dev/shm', '/dev/made', '/run/made/here'].map((mountPath) => ({
        name: 'v',
        mountPath,
      }));
      const pod = makePod('rebuilt', {
        containers: [shell('main', 'sleep 1000', { volumeMounts })],
        volumes: [{ name: 'v', emptyDir: {} }],
      });
      await bed.ready(pod);
      const { stdout, stderr } = await bed.sh(
        'shop/rebuilt',
        'echo one > /etc/made/here/file; cat /dev/shm/file /dev/made/file /run/made/here/file /etc/hostname; stat -f -c %T /etc; test -s /etc/passwd && test -s /etc/group && ls -d /etc/ssl; echo x > /dev/null',
      );
      assert.equal(stdout + stderr, 'one\none\none\nrebuilt\ntmpfs\n/etc/ssl\n');
      await bed.call('run', { argv: ['umount', '-n', '/etc/passwd'] });
      await bed.call('stop', { key: 'shop/rebuilt' });
    });

    test('a volume that cannot be mounted is said', async () => {
      const pod = makePod('refused', {
        containers: [
          shell('main', 'sleep 1000', { volumeMounts: [{ name: 'v', mountPath: '/proc/here' }] }),
          shell('file', 'sleep 1000', { volumeMounts: [{ name: 'v', mountPath: '/etc/passwd' }] }),
          shell('lost', 'true', { workingDir: '/no/such/folder' }),
        ],
        volumes: [{ name: 'v', emptyDir: {} }],
      });
      await bed.call('start', { pod });
      const told =
        /cannot be mounted at \/proc\/here.*\/etc\/passwd is a file on this machine.*can't cd to \/no\/such\/folder/u;
      await bed.until('shop/refused', (status) => told.test(JSON.stringify(status)));
      await bed.call('stop', { key: 'shop/refused' });
    });
  });
}
