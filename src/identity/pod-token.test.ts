import assert from 'node:assert/strict';
import { createPrivateKey, sign } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { largestTokenBytes, meshAudience, openTokenIssuer, type ReviewWorld, type TokenIssuer } from './pod-token.ts';

const nowMs = Date.UTC(2026, 3, 1);
const pod = { namespace: 'default', serviceAccount: 'bookinfo-reviews', podName: 'reviews-v1-abc', podUid: 'uid-1' };
const request = { ...pod, audience: meshAudience, ttlMs: 3_600_000, nowMs };
const world: ReviewWorld = {
  nowMs,
  podUid: (namespace, name) => (namespace === 'default' && name === pod.podName ? 'uid-1' : undefined),
};
let folder = '';
let issuer: TokenIssuer;
let privatePem = '';

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mizzen-token-'));
  issuer = await openTokenIssuer({ folder });
  privatePem = await readFile(join(folder, 'token-key.pem'), 'utf8');
});
after(async () => rm(folder, { recursive: true, force: true }));

function part(token: string, index: number): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[index] ?? '', 'base64url').toString('utf8')) as Record<
    string,
    unknown
  >;
}

/** A token with other contents, signed by the right key: what a bug of the minting side could bring. */
function forge(header: Record<string, unknown>, claims: unknown): string {
  const signed = [header, claims].map((one) => Buffer.from(JSON.stringify(one)).toString('base64url')).join('.');
  const key = { key: createPrivateKey(privatePem), dsaEncoding: 'ieee-p1363' as const };
  return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
}

function refusal(token: string, audience = meshAudience, where = world): string {
  const review = issuer.review(token, audience, where);
  return review.kind === 'refused' ? review.reason : review.kind;
}

test('a token carries the claims of Kubernetes and is reviewed to the pod it was made for', () => {
  const token = issuer.mint(request);
  assert.deepEqual(issuer.review(`${token}\n`, meshAudience, world), { kind: 'authenticated', ...pod });
  const seconds = nowMs / 1_000;
  const { jti, 'kubernetes.io': bound, ...claims } = part(token, 1);
  assert.deepEqual(claims, {
    iss: 'https://kubernetes.default.svc.cluster.local',
    sub: 'system:serviceaccount:default:bookinfo-reviews',
    aud: [meshAudience],
    iat: seconds,
    nbf: seconds,
    exp: seconds + 3_600,
  });
  assert.equal(typeof jti, 'string');
  const { pod: boundPod, namespace } = bound as Record<string, unknown>;
  assert.deepEqual([namespace, boundPod], ['default', { name: 'reviews-v1-abc', uid: 'uid-1' }]);
  assert.equal(part(token, 0)['alg'], 'ES256');
});

test('each reason for a refusal is told apart', () => {
  const token = issuer.mint(request);
  assert.equal(refusal(token, 'vault'), 'wrong-audience');
  assert.equal(refusal(token, meshAudience, { ...world, nowMs: nowMs + 3_600_000 }), 'expired');
  assert.equal(refusal(token, meshAudience, { ...world, nowMs: nowMs + 3_599_999 }), 'authenticated');
  assert.equal(refusal(token, meshAudience, { ...world, nowMs: nowMs - 60_000 }), 'not-yet-valid');
  assert.equal(refusal(token, meshAudience, { ...world, podUid: () => undefined }), 'unknown-pod');
  assert.equal(refusal(token, meshAudience, { ...world, podUid: () => 'uid-2' }), 'wrong-uid');
  assert.equal(refusal(`${token}x`.padEnd(largestTokenBytes + 1, 'x')), 'too-large');
  for (const text of ['', 'x', 'a.b', 'a.b.c.d', ` ${token}`, `${token}\n\n`, `Bearer ${token}`])
    assert.equal(refusal(text), 'malformed');
});

test('only the one algorithm, key, issuer and shape of claims are taken, also when the signature holds', () => {
  const token = issuer.mint(request);
  const header = part(token, 0);
  const claims = part(token, 1);
  assert.equal(refusal(forge(header, claims)), 'authenticated');
  for (const alg of ['none', 'HS256', 'RS256', 'es256', undefined])
    assert.equal(refusal(forge({ ...header, alg }, claims)), 'wrong-algorithm');
  assert.equal(refusal(forge({ ...header, crit: ['exp'] }, claims)), 'wrong-algorithm');
  assert.equal(refusal(forge({ ...header, kid: 'other' }, claims)), 'unknown-key');
  assert.equal(refusal(forge(header, { ...claims, iss: 'https://evil.test' })), 'wrong-issuer');
  assert.equal(refusal(forge(header, { ...claims, aud: meshAudience.slice(0, 5) })), 'wrong-audience');
  assert.equal(refusal(forge(header, { ...claims, sub: 'system:serviceaccount:kube-system:admin' })), 'malformed');
  assert.equal(refusal(forge(header, { ...claims, exp: '9999999999' })), 'malformed');
  assert.equal(refusal(forge(header, { ...claims, 'kubernetes.io': { namespace: 'default' } })), 'malformed');
  assert.equal(refusal(forge(header, [])), 'malformed');
  const [first = '', second = ''] = token.split('.');
  assert.equal(refusal(`${first}.${second}.`), 'malformed');
  assert.equal(refusal(`${first}.${second}.AAAA`), 'bad-signature');
  const otherClaims = Buffer.from(JSON.stringify({ ...claims, sub: 'x' })).toString('base64url');
  assert.equal(refusal(`${first}.${otherClaims}.${token.split('.')[2]}`), 'bad-signature');
});

test('any text and any change of a good token is refused, without a throw and without a word of the token', () => {
  const token = issuer.mint(request);
  fc.assert(
    fc.property(fc.oneof(fc.string({ maxLength: 300 }), fc.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/u)), (text) => {
      const review = issuer.review(text, meshAudience, world);
      assert.equal(review.kind, 'refused');
    }),
  );
  fc.assert(
    fc.property(fc.nat(token.length - 1), fc.constantFrom('A', 'a', '0', '-', '_', '.', '=', '\n'), (at, character) => {
      fc.pre(token[at] !== character);
      const review = issuer.review(token.slice(0, at) + character + token.slice(at + 1), meshAudience, world);
      assert.equal(review.kind, 'refused');
      assert.ok(token.split('.').every((piece) => !inspect(review).includes(piece.slice(0, 16))));
    }),
    { numRuns: 300 },
  );
});

test("the key is made once, is its user's alone, and never shows", async () => {
  const fresh = join(folder, 'fresh');
  const [one, two] = await Promise.all([openTokenIssuer({ folder: fresh }), openTokenIssuer({ folder: fresh })]);
  assert.equal(two.review(one.mint(request), meshAudience, world).kind, 'authenticated');
  assert.equal(
    (await openTokenIssuer({ folder: fresh })).review(one.mint(request), meshAudience, world).kind,
    'authenticated',
  );
  assert.equal(issuer.review(one.mint(request), meshAudience, world).kind, 'refused');
  assert.deepEqual(await readdir(fresh), ['token-key.pem']);
  const path = join(fresh, 'token-key.pem');
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  const pem = await readFile(path, 'utf8');
  const lines = pem.split('\n').filter((line) => line.length > 20 && !line.startsWith('-----'));
  await chmod(path, 0o640);
  await assert.rejects(openTokenIssuer({ folder: fresh }), { code: 'token-key-exposed' });
  await chmod(path, 0o600);
  await writeFile(path, pem.slice(0, 100));
  const error = await openTokenIssuer({ folder: fresh }).catch((caught: unknown) => caught);
  assert.ok(error instanceof Error && 'code' in error && error.code === 'token-key-invalid');
  const shown = inspect(error, { showHidden: true, depth: 9 }) + inspect(one, { showHidden: true, depth: 9 });
  assert.ok(lines.every((line) => !shown.includes(line.slice(0, 20))));
});
