import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openTokenIssuer, type TokenIssuer } from '../../identity/pod-token.ts';
import { MizzenError } from '../../base/error.ts';
import { reviewToken } from '../../server/token-review.ts';
import { serveStore } from '../store/serve-store.ts';
import { createStore, type Store } from '../store/store.ts';
import { answerTokenReview } from './token-reviews.ts';

let folder = '';
let socketPath = '';
let tokens: TokenIssuer;
let store: Store;
let served: { close(): Promise<void> };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mizzen-review-'));
  socketPath = join(folder, 'store.sock');
  tokens = await openTokenIssuer({ folder: join(folder, 'tokens') });
  store = createStore({ now: () => new Date(), newUid: () => 'uid-1' });
  store.put({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'client', namespace: 'shop' } });
  served = await serveStore(store, {
    socketPath,
    reviewToken: (review) => Promise.resolve(answerTokenReview(tokens, store, review)),
  });
});

after(async () => {
  await served.close();
  await rm(folder, { recursive: true, force: true });
});

function mint(changes: Partial<Parameters<TokenIssuer['mint']>[0]> = {}): string {
  const request = {
    namespace: 'shop',
    serviceAccount: 'buyer',
    podName: 'client',
    podUid: 'uid-1',
    audience: 'istio-ca',
    ttlMs: 60_000,
    nowMs: Date.now(),
  };
  return tokens.mint({ ...request, ...changes });
}

test('a token of a pod that is there says who it is', async () => {
  assert.deepEqual(await reviewToken(socketPath, mint()), {
    kind: 'authenticated',
    pod: { namespace: 'shop', serviceAccount: 'buyer', podName: 'client', podUid: 'uid-1' },
  });
});

for (const [what, token] of [
  ['of another audience', () => mint({ audience: 'elsewhere' })],
  ['that is past its time', () => mint({ nowMs: Date.now() - 3_600_000 })],
  ['of a pod that is gone', () => mint({ podName: 'gone' })],
  ['of an earlier pod of that name', () => mint({ podUid: 'uid-0' })],
  ['with another signature', () => `${mint().slice(0, -6)}AAAAAA`],
  ['that is none', () => 'x'],
  ['that is empty', () => ''],
] as const) {
  test(`a token ${what} is refused, and the reason holds nothing of it`, async () => {
    const text = token();
    const result = await reviewToken(socketPath, text);
    assert.equal(result.kind, 'refused');
    const parts = text.split('.').filter((part) => part.length > 8);
    assert.ok(result.kind === 'refused' && parts.every((part) => !result.message.includes(part)));
  });
}

test('nobody to ask is neither yes nor no', async () => {
  await assert.rejects(
    reviewToken(join(folder, 'nobody.sock'), mint()),
    (error) => error instanceof MizzenError && error.code === 'review-unanswered',
  );
});
