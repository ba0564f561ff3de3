import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { openAuthority } from '../../src/identity/authority.ts';
import {
  backendsAt,
  bookJson,
  countOf,
  createBed,
  get,
  jsonAnswer,
  noRating,
  startApp,
  statusAndBody,
} from './running-app.ts';

const { app, fake, onEnd } = createBed();

describe('back ends', { concurrency: 4 }, () => {
  test('details answers from memory, keys in their order', async () => {
    const { url } = await app('details');
    assert.deepEqual(await statusAndBody(`${url}/health`), [200, '{"status":"Details is healthy"}']);
    assert.deepEqual(await statusAndBody(`${url}/details/0`), [200, bookJson]);
    assert.match((await get(`${url}/details/17`)).body, /^\{"id":17,/u);
    for (const id of ['abc', '1.5', '', '1/2']) {
      assert.deepEqual(await statusAndBody(`${url}/details/${id}`), [
        400,
        '{"error":"please provide numeric product id"}',
      ]);
    }
    assert.equal((await get(`${url}/other`)).status, 404);
  });

  test('details asks the book service: in clear when the mesh encrypts, over TLS otherwise', async () => {
    const volume = {
      authors: ['William Shakespeare'],
      publishedDate: '2002-01-01',
      printType: 'BOOK',
      pageCount: 64,
      publisher: 'Courier',
      language: 'en',
      industryIdentifiers: [
        { type: 'ISBN_10', identifier: '0486424618' },
        { type: 'ISBN_13', identifier: '9780486424613' },
      ],
    };
    const expected =
      '{"id":0,"author":"William Shakespeare","year":"2002-01-01","type":"paperback","pages":64,"publisher":"Courier",' +
      '"language":"English","ISBN-10":"0486424618","ISBN-13":"9780486424613"}';
    const external = { ENABLE_EXTERNAL_BOOK_SERVICE: 'true' };
    const books = await fake(jsonAnswer({ items: [{ volumeInfo: volume }] }));
    const clear = await app('details', {
      ...external,
      DO_NOT_ENCRYPT: 'true',
      BOOK_SERVICE: `127.0.0.1:${books.port}`,
    });
    const headers = { 'end-user': 'jason', 'x-b3-traceid': 'abc' };
    assert.deepEqual(await statusAndBody(`${clear.url}/details/0`, { headers }), [200, expected]);
    assert.equal(books.requests[0]?.path, '/books/v1/volumes?q=isbn:0486424618');
    assert.deepEqual(
      [books.requests[0]?.headers['end-user'], books.requests[0]?.headers['x-b3-traceid']],
      ['jason', 'abc'],
    );

    const folder = await mkdtemp(join(tmpdir(), 'mizzen-books-'));
    onEnd(() => rm(folder, { recursive: true, force: true }));
    const authority = await openAuthority({ folder: join(folder, 'ca') });
    const issued = authority.issueServer({ dnsNames: ['localhost'], ttlMs: 600_000 });
    const secure = createServer(
      { cert: issued.certificateChainPem, key: issued.privateKeyPem.reveal() },
      (_incoming, outgoing) => {
        outgoing.end(JSON.stringify({ items: [{ volumeInfo: volume }] }));
      },
    );
    secure.listen(0);
    await once(secure, 'listening');
    onEnd(() => secure.close());
    await writeFile(join(folder, 'roots.pem'), authority.trustBundlePem);
    const at = { ...external, BOOK_SERVICE: `localhost:${(secure.address() as AddressInfo).port}` };
    const trusting = await app('details', { ...at, NODE_EXTRA_CA_CERTS: join(folder, 'roots.pem') });
    assert.deepEqual(await statusAndBody(`${trusting.url}/details/0`), [200, expected]);
    const distrusting = await app('details', at);
    assert.equal((await get(`${distrusting.url}/details/0`)).status, 502);
  });

  test('ratings: memory, POST, refusals, one line a request, and exit 0 on SIGTERM', async () => {
    const ratings = await startApp('ratings');
    const { url } = ratings;
    assert.deepEqual(await statusAndBody(`${url}/health`), [200, '{"status":"Ratings is healthy"}']);
    assert.deepEqual(await statusAndBody(`${url}/ratings/0`), [
      200,
      '{"id":0,"ratings":{"Reviewer1":5,"Reviewer2":4}}',
    ]);
    assert.deepEqual(await statusAndBody(`${url}/ratings/x`), [400, '{"error":"please provide numeric product ID"}']);
    const body = '{"Reviewer1":1,"Reviewer2":2}';
    const echo = `{"id":7,"ratings":${body}}`;
    assert.deepEqual(await statusAndBody(`${url}/ratings/7`, { method: 'POST', body }), [200, echo]);
    assert.deepEqual(await statusAndBody(`${url}/ratings/7`), [200, echo]);
    for (const bad of ['{', '3', 'null']) {
      const answer = await statusAndBody(`${url}/ratings/7`, { method: 'POST', body: bad });
      assert.deepEqual(answer, [400, '{"error":"please provide valid ratings JSON"}']);
    }
    assert.deepEqual(ratings.lines.slice(1, 4), ['GET /health', 'GET /ratings/0', 'GET /ratings/x']);
    assert.equal(await ratings.stop(), 0);

    const database = await app('ratings', { SERVICE_VERSION: 'v2', RATINGS: '1,4' });
    assert.deepEqual(await statusAndBody(`${database.url}/ratings/0`), [
      200,
      '{"id":0,"ratings":{"Reviewer1":1,"Reviewer2":4}}',
    ]);
    const refusal = '{"error":"Post not implemented for database backed ratings"}';
    assert.deepEqual(await statusAndBody(`${database.url}/ratings/0`, { method: 'POST', body }), [501, refusal]);
  });

  test('ratings that misbehave do so in their own way', async () => {
    const faulty = await app('ratings', { SERVICE_VERSION: 'v-faulty' });
    const answers = await Promise.all(Array.from({ length: 80 }, () => get(`${faulty.url}/ratings/0`)));
    assert.deepEqual(
      [...new Set(answers.map((one) => one.status))].toSorted((a, b) => a - b),
      [200, 503],
    );
    assert.equal(answers.find((one) => one.status === 503)?.body, '{"error":"Service unavailable"}');
    assert.equal((await get(`${faulty.url}/health`)).status, 200);

    const delayed = await app('ratings', { SERVICE_VERSION: 'v-delayed', RATINGS_DELAY_MS: '400' });
    const order: string[] = [];
    const late = Array.from({ length: 40 }, () => get(`${delayed.url}/ratings/0`).then(() => order.push('answer')));
    await Promise.race(late);
    assert.ok(order.length < 40, 'some answer before others');
    await Promise.all(late);
    assert.equal(order.length, 40);

    const toggling = { RATINGS_TOGGLE_MS: '300' };
    for (const [version, healthStatuses] of [
      ['v-unavailable', [200]],
      ['v-unhealthy', [200, 500]],
    ] as const) {
      const { url } = await app('ratings', { SERVICE_VERSION: version, ...toggling });
      const seen = { ratings: new Set<number>(), health: new Set<number>() };
      for (let tries = 0; tries < 500 && (seen.ratings.size < 2 || seen.health.size < healthStatuses.length); tries++) {
        seen.ratings.add((await get(`${url}/ratings/0`)).status);
        seen.health.add((await get(`${url}/health`)).status);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      assert.deepEqual(
        [...seen.ratings].toSorted((a, b) => a - b),
        [200, 503],
      );
      assert.deepEqual(
        [...seen.health].toSorted((a, b) => a - b),
        healthStatuses,
      );
    }
  });

  test('reviews: none, black, red stars, or the word that there are none; always 200', async () => {
    const ratings = await app('ratings');
    const at = backendsAt({ ratings: ratings.port });
    const v1 = await app('reviews', { ENABLE_RATINGS: 'false', HOSTNAME: 'reviews-v1-abc', ...at });
    assert.deepEqual(await statusAndBody(`${v1.url}/health`), [200, '{"status":"Reviews is healthy"}']);
    const shape = (body: string): string => body.replace(/"text":"[^"]+"/gu, '"text":"…"');
    const plain =
      '{"id":"0","podname":"reviews-v1-abc","clustername":"null","reviews":[{"reviewer":"Reviewer1","text":"…"},{"reviewer":"Reviewer2","text":"…"}]}';
    assert.equal(shape((await get(`${v1.url}/reviews/0`)).body), plain);
    assert.equal((await get(`${v1.url}/reviews/x`)).status, 404);

    for (const [env, color] of [
      [{}, 'black'],
      [{ STAR_COLOR: 'red' }, 'red'],
    ] as const) {
      const { url } = await app('reviews', { ENABLE_RATINGS: 'true', CLUSTER_NAME: 'east', ...env, ...at });
      const rated = shape((await get(`${url}/reviews/3`)).body);
      const rating = (stars: number): string => `"rating":{"stars":${stars},"color":"${color}"}`;
      assert.equal(
        rated,
        `{"id":"3","podname":"reviews-pod","clustername":"east","reviews":[{"reviewer":"Reviewer1","text":"…",${rating(5)}},{"reviewer":"Reviewer2","text":"…",${rating(4)}}]}`,
      );
    }

    const failing = await fake(jsonAnswer({ error: 'no' }, { status: 503 }));
    for (const port of [1, failing.port]) {
      const { url } = await app('reviews', { ENABLE_RATINGS: 'true', ...backendsAt({ ratings: port }) });
      const [status, body] = await statusAndBody(`${url}/reviews/0`);
      assert.equal(status, 200);
      assert.equal(countOf(body, `"rating":{"error":"${noRating}"}`), 2);
    }
  });

  test('slow ratings tell v2 from v3: black stars wait, red ones do not', async () => {
    const slow = await fake(jsonAnswer({ ratings: { Reviewer1: 5, Reviewer2: 4 } }, { afterMs: 3_500 }));
    const at = { ENABLE_RATINGS: 'true', ...backendsAt({ ratings: slow.port }) };
    const [black, red] = await Promise.all([app('reviews', at), app('reviews', { STAR_COLOR: 'red', ...at })]);
    const [patient, impatient] = await Promise.all([get(`${black.url}/reviews/0`), get(`${red.url}/reviews/0`)]);
    assert.equal(countOf(patient.body, '"stars"'), 2);
    assert.equal(countOf(impatient.body, noRating), 2);
    assert.deepEqual([patient.status, impatient.status], [200, 200]);
  });
});
