import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import { openAuthority } from './authority.ts';
import { splitCertificatePem } from './certificate.ts';

const workload = { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'sleep' };
const hourMs = 3_600_000;
let root = '';

before(async () => {
  root = await mkdtemp(join(tmpdir(), 'mizzen-ca-'));
});
after(async () => rm(root, { recursive: true, force: true }));

/** Text lines of a key that must show nowhere. */
async function keyLines(folder: string): Promise<readonly string[]> {
  const text = await readFile(join(folder, 'ca-key.pem'), 'utf8');
  return text.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
}

test('the first start makes a CA whose key is private, later starts keep it, and two at once agree', async () => {
  const folder = join(root, 'deep', 'ca');
  const [first, rival] = await Promise.all([openAuthority({ folder }), openAuthority({ folder })]);
  assert.equal(first.fingerprint, rival.fingerprint);
  assert.equal((await openAuthority({ folder })).fingerprint, first.fingerprint);
  assert.deepEqual((await readdir(folder)).toSorted(), [
    'ca-cert.pem',
    'ca-key.pem',
    'cert-chain.pem',
    'root-cert.pem',
  ]);
  assert.deepEqual(await readdir(join(root, 'deep')), ['ca'], 'no draft is left');
  assert.equal((await stat(folder)).mode & 0o777, 0o700);
  assert.equal((await stat(join(folder, 'ca-key.pem'))).mode & 0o777, 0o600);
  assert.equal(first.trustBundlePem, await readFile(join(folder, 'root-cert.pem'), 'utf8'));
  const years = (first.notAfterMs - Date.now()) / (365 * 24 * hourMs);
  assert.ok(years > 9.99 && years < 10.01);
});

test('workload and server certificates: names, validity, key, chain without the root', async () => {
  const nowMs = Date.UTC(2027, 5, 1);
  const authority = await openAuthority({ folder: join(root, 'leaf'), clock: () => nowMs });
  const issued = authority.issueWorkload({ ...workload, ttlMs: hourMs });
  const [leafPem, ...rest] = splitCertificatePem(issued.certificateChainPem);
  assert.deepEqual(rest, []);
  const leaf = new X509Certificate(leafPem ?? '');
  assert.equal(leaf.subjectAltName, 'URI:spiffe://cluster.local/ns/default/sa/sleep');
  assert.ok(leaf.checkPrivateKey(createPrivateKey(issued.privateKeyPem.reveal())));
  assert.deepEqual([leaf.validFromDate.getTime(), leaf.validToDate.getTime()], [nowMs - 120_000, nowMs + hourMs]);
  assert.deepEqual([issued.notBeforeMs, issued.notAfterMs], [nowMs - 120_000, nowMs + hourMs]);

  const dnsNames = ['istiod.istio-system.svc', 'istiod.istio-system.svc.cluster.local'];
  const server = new X509Certificate(authority.issueServer({ dnsNames, ttlMs: hourMs }).certificateChainPem);
  assert.ok(dnsNames.every((name) => server.checkHost(name, { subject: 'never' }) === name));
  assert.equal(server.checkHost('istiod.other.svc'), undefined);

  const longest = authority.issueWorkload({ ...workload, ttlMs: 1_000 * 24 * hourMs });
  assert.equal(longest.notAfterMs, nowMs + 90 * 24 * hourMs);
});

test('no certificate outlives its CA, and an expired CA issues none', async () => {
  let nowMs = Date.now();
  const authority = await openAuthority({ folder: join(root, 'old'), clock: () => nowMs });
  nowMs = authority.notAfterMs - hourMs;
  assert.equal(authority.issueWorkload({ ...workload, ttlMs: 2 * hourMs }).notAfterMs, authority.notAfterMs);
  nowMs = authority.notAfterMs;
  assert.throws(() => authority.issueWorkload({ ...workload, ttlMs: hourMs }), { code: 'ca-expired' });
  await assert.rejects(openAuthority({ folder: join(root, 'old'), clock: () => nowMs }), { code: 'ca-invalid' });
});

test('names that would say something else than they are for are refused', async () => {
  const authority = await openAuthority({ folder: join(root, 'names') });
  for (const serviceAccount of ['a/b', '', '..', 'a b', 'ä', '../x', 'a%2Fb', 'x\n', 'a'.repeat(254)]) {
    assert.throws(() => authority.issueWorkload({ ...workload, serviceAccount, ttlMs: hourMs }), {
      code: 'identity-invalid',
    });
  }
  assert.throws(() => authority.issueWorkload({ ...workload, trustDomain: 'Cluster.Local', ttlMs: hourMs }), {
    code: 'identity-invalid',
  });
  for (const name of ['', '-x', 'a..b', 'a b', 'x\n', '*', 'a.*.b', 'é.test']) {
    assert.throws(() => authority.issueServer({ dnsNames: [name], ttlMs: hourMs }), { code: 'identity-invalid' });
  }
  assert.throws(() => authority.issueServer({ dnsNames: [], ttlMs: hourMs }), { code: 'identity-invalid' });
  for (const ttlMs of [0, -1, Number.NaN]) {
    assert.throws(() => authority.issueWorkload({ ...workload, ttlMs }), { code: 'ttl-invalid' });
  }
});

test('a CA that is broken in any way is an error that shows no key, and is never replaced', async () => {
  const good = join(root, 'good');
  const other = join(root, 'other');
  await openAuthority({ folder: good });
  await openAuthority({ folder: other });
  const secretLines = [...(await keyLines(good)), ...(await keyLines(other))];
  const breakages: readonly (readonly [string, string, (folder: string) => Promise<void>])[] = [
    ['ca-incomplete', 'no key', (folder) => rm(join(folder, 'ca-key.pem'))],
    ['ca-incomplete', 'no certificate', (folder) => rm(join(folder, 'ca-cert.pem'))],
    ['ca-incomplete', 'no root', (folder) => rm(join(folder, 'root-cert.pem'))],
    ['ca-invalid', "another CA's key", (folder) => copyFile(join(other, 'ca-key.pem'), join(folder, 'ca-key.pem'))],
    [
      'ca-invalid',
      "another CA's root",
      (folder) => copyFile(join(other, 'root-cert.pem'), join(folder, 'root-cert.pem')),
    ],
    [
      'ca-invalid',
      'a key of garbage',
      async (folder) =>
        writeFile(join(folder, 'ca-key.pem'), (await readFile(join(good, 'ca-key.pem'), 'utf8')).slice(0, -60)),
    ],
    ['ca-invalid', 'an empty certificate', (folder) => writeFile(join(folder, 'ca-cert.pem'), '')],
    ['ca-exposed', 'a key for all', (folder) => chmod(join(folder, 'ca-key.pem'), 0o644)],
  ];
  for (const [index, [code, what, breakIt]] of breakages.entries()) {
    const folder = join(root, `broken-${index}`);
    await mkdir(folder, { mode: 0o700 });
    for (const file of await readdir(good)) await copyFile(join(good, file), join(folder, file));
    await breakIt(folder);
    const filesBefore = (await readdir(folder)).toSorted();
    const error = await openAuthority({ folder }).then(
      () => assert.fail(`${what}: opened`),
      (caught: unknown) => caught,
    );
    assert.ok(error instanceof Error && 'code' in error);
    assert.equal(error.code, code, what);
    const shown = inspect(error, { depth: 9, showHidden: true });
    assert.ok(
      secretLines.every((line) => !shown.includes(line)),
      what,
    );
    assert.deepEqual((await readdir(folder)).toSorted(), filesBefore, `${what}: nothing is made anew`);
  }
});

test('what holds a key does not show it', async () => {
  const folder = join(root, 'sealed');
  const authority = await openAuthority({ folder });
  const issued = authority.issueWorkload({ ...workload, ttlMs: hourMs });
  const key = issued.privateKeyPem.reveal();
  assert.match(key, /PRIVATE KEY/u);
  const hidden = [...key.split('\n').filter((line) => line.length > 20), ...(await keyLines(folder))].filter(
    (line) => !line.startsWith('-----'),
  );
  const shown = [issued, authority]
    .map((one) => `${inspect(one, { depth: 9, showHidden: true })}${JSON.stringify(one)}`)
    .join('');
  const text = `${shown}${String(issued.privateKeyPem)}${inspect(issued.privateKeyPem)}`;
  assert.ok(hidden.length >= 4);
  assert.ok(hidden.every((line) => !text.includes(line)));
});

const openssl = ((): string | undefined => {
  try {
    return execFileSync('openssl', ['version'], { encoding: 'utf8' });
  } catch {
    return undefined;
  }
})();

test(
  "the user's own intermediate of openssl's making is taken, and openssl verifies what it issues",
  { skip: openssl === undefined && 'there is no openssl' },
  async () => {
    const folder = join(root, 'cacerts');
    await mkdir(folder);
    const run = (...args: readonly string[]): string =>
      execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    const ca = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'];
    run(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'root-key.pem',
      '-out',
      'root-cert.pem',
      '-days',
      '30',
      '-subj',
      '/O=Test/CN=Root',
      ...ca,
    );
    run(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'ca-key.pem',
      '-out',
      'ca-cert.pem',
      '-days',
      '30',
      '-subj',
      '/O=Test/CN=Intermediate/L=here',
      '-CA',
      'root-cert.pem',
      '-CAkey',
      'root-key.pem',
      ...ca,
    );
    const [intermediate, top] = await Promise.all(
      ['ca-cert.pem', 'root-cert.pem'].map((file) => readFile(join(folder, file), 'utf8')),
    );
    await writeFile(join(folder, 'cert-chain.pem'), `${intermediate}${top}`);

    const authority = await openAuthority({ folder, pluggedIn: true });
    const issued = authority.issueWorkload({ ...workload, ttlMs: hourMs });
    const chain = splitCertificatePem(issued.certificateChainPem);
    assert.equal(chain.length, 3, "leaf, intermediate, and the root that the user's chain file holds");
    await writeFile(join(folder, 'leaf.pem'), issued.certificateChainPem);
    assert.match(
      run(
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-CAfile',
        'root-cert.pem',
        '-untrusted',
        'leaf.pem',
        'leaf.pem',
      ),
      /OK/u,
    );
    assert.match(
      run(
        'verify',
        '-x509_strict',
        '-purpose',
        'sslclient',
        '-CAfile',
        'root-cert.pem',
        '-untrusted',
        'leaf.pem',
        'leaf.pem',
      ),
      /OK/u,
    );
    const text = run('x509', '-in', 'leaf.pem', '-noout', '-text');
    assert.match(
      text,
      /X509v3 Subject Alternative Name: critical\s+URI:spiffe:\/\/cluster.local\/ns\/default\/sa\/sleep/u,
    );
    assert.match(text, /Issuer: O ?= ?Test, CN ?= ?Intermediate, L ?= ?here/u);

    await writeFile(join(folder, 'cert-chain.pem'), '');
    const without = await openAuthority({ folder, pluggedIn: true });
    assert.equal(
      splitCertificatePem(without.issueWorkload({ ...workload, ttlMs: hourMs }).certificateChainPem).length,
      2,
    );
    await assert.rejects(openAuthority({ folder: join(root, 'nowhere'), pluggedIn: true }), { code: 'ca-incomplete' });
  },
);
