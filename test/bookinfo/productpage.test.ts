import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  backendsAt,
  bookJson,
  countOf,
  createBed,
  get,
  hang,
  jsonAnswer,
  noRating,
  startApp,
  statusAndBody,
  type RunningApp,
} from './running-app.ts';

const { app, fake } = createBed();

const star = 'glyphicon glyphicon-star';
const sorry = {
  details: 'Sorry, product details are currently unavailable for this book.',
  reviews: 'Sorry, product reviews are currently unavailable for this book.',
  ratings: 'Sorry, product ratings are currently unavailable for this book.',
};

async function signIn(page: RunningApp, username: string): Promise<string> {
  const answer = await get(`${page.url}/login`, {
    method: 'POST',
    body: new URLSearchParams({ username, passwd: 'wrong' }),
  });
  assert.equal(answer.status, 302);
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

describe('product page', { concurrency: 4 }, () => {
  test('the whole of Bookinfo, in three versions', async () => {
    const [details, ratings] = await Promise.all([app('details'), app('ratings')]);
    const versions = [
      [{ ENABLE_RATINGS: 'false', HOSTNAME: 'reviews-v1-x' }, 'reviews-v1', 0, ''],
      [{ ENABLE_RATINGS: 'true', HOSTNAME: 'reviews-v2-x' }, 'reviews-v2', 9, 'text-black-500'],
      [{ ENABLE_RATINGS: 'true', HOSTNAME: 'reviews-v3-x', STAR_COLOR: 'red' }, 'reviews-v3', 9, 'text-red-500'],
    ] as const;
    for (const [env, pod, stars, color] of versions) {
      const reviews = await app('reviews', { ...env, ...backendsAt({ ratings: ratings.port }) });
      const page = await app(
        'productpage',
        backendsAt({ details: details.port, reviews: reviews.port, ratings: ratings.port }),
      );
      const { status, body } = await get(`${page.url}/productpage`);
      assert.equal(status, 200);
      const markers = [
        '<title>Simple Bookstore App</title>',
        'The Comedy of Errors',
        'William Shakespeare',
        'Book Details',
        'ISBN-10',
        'Publisher',
        'PublisherA',
        'Pages',
        'Type',
        'Language',
        'Book Reviews',
        'Reviewer1',
        'Reviewer2',
        'Reviews served by:',
        'Sign in',
      ];
      for (const marker of markers) assert.ok(body.includes(marker), marker);
      assert.equal(/reviews-v./u.exec(body)?.[0], pod);
      assert.equal(countOf(body, star), stars);
      assert.equal(countOf(body, color === '' ? 'text-black-500' : color), stars);
      assert.equal(countOf(body, 'star-empty'), stars === 0 ? 0 : 1);
      assert.ok(!body.includes('Sorry') && !body.includes('cluster'));
    }
  });

  test('back ends that are down or refuse: the page says so and answers 200', async () => {
    const down = await app('productpage', backendsAt({}));
    const { status, body } = await get(`${down.url}/productpage`);
    assert.equal(status, 200);
    for (const marker of [
      'William Shakespeare',
      'Error fetching product details',
      sorry.details,
      'Error fetching product reviews',
      sorry.reviews,
    ]) {
      assert.ok(body.includes(marker), marker);
    }
    assert.deepEqual(await statusAndBody(`${down.url}/api/v1/products/0`), [
      500,
      JSON.stringify({ error: sorry.details }),
    ]);
    assert.deepEqual(await statusAndBody(`${down.url}/api/v1/products/0/reviews`), [
      500,
      JSON.stringify({ error: sorry.reviews }),
    ]);
    assert.deepEqual(await statusAndBody(`${down.url}/api/v1/products/0/ratings`), [
      500,
      JSON.stringify({ error: sorry.ratings }),
    ]);

    const refusing = await fake((_incoming, outgoing) => outgoing.writeHead(403).end('RBAC: access denied'));
    const { port } = refusing;
    const denied = await app('productpage', backendsAt({ details: port, reviews: port, ratings: port }));
    const page = await get(`${denied.url}/productpage`);
    assert.ok(page.status === 200 && page.body.includes(sorry.details) && page.body.includes(sorry.reviews));
    assert.deepEqual(
      refusing.requests.map((one) => one.path),
      ['/details/0', '/reviews/0', '/reviews/0'],
    );
    assert.deepEqual(await statusAndBody(`${denied.url}/api/v1/products/0`), [
      403,
      JSON.stringify({ error: sorry.details }),
    ]);
    const metrics = (await get(`${denied.url}/metrics`)).body;
    assert.match(metrics, /^request_result_total\{destination_app="details",response_code="403"\} 2$/mu);
    assert.match(metrics, /^request_result_total\{destination_app="reviews",response_code="403"\} 1$/mu);
  });

  test('back ends that hang: one try for details, two for reviews; and a slow answer is waited for', async () => {
    const [details, reviews] = await Promise.all([fake(hang), fake(hang)]);
    const hanging = await app('productpage', backendsAt({ details: details.port, reviews: reviews.port }));
    const slow = await fake(
      jsonAnswer({ podname: 'reviews-v1-slow', reviews: [], publisher: 'Slow' }, { afterMs: 1_500 }),
    );
    const patient = await app('productpage', backendsAt({ details: slow.port, reviews: slow.port }));
    const [stuck, late] = await Promise.all([get(`${hanging.url}/productpage`), get(`${patient.url}/productpage`)]);
    assert.ok(stuck.status === 200 && stuck.body.includes(sorry.details) && stuck.body.includes(sorry.reviews));
    assert.deepEqual([details.requests.length, reviews.requests.length], [1, 2]);
    assert.ok(late.body.includes('Slow') && late.body.includes('reviews-v1-slow'));
  });

  test('ratings that are away show under each review, and what services say is never taken for markup', async () => {
    const review = { reviewer: '<script>alert(1)</script>', text: '"&<b>', rating: { error: noRating } };
    const evil = { stars: 2, color: 'red"><script>' };
    const reviews = await fake(
      jsonAnswer({ podname: '<i>pod', clustername: 'east', reviews: [review, { ...review, rating: evil }] }),
    );
    const page = await app('productpage', backendsAt({ reviews: reviews.port }));
    const { body } = await get(`${page.url}/productpage`);
    assert.equal(countOf(body, noRating), 1);
    assert.ok(body.includes('on cluster <code>east</code>') && body.includes('&lt;i&gt;pod'));
    assert.ok(!body.includes('<script>') && !body.includes('<b>'));
    assert.deepEqual([countOf(body, star), countOf(body, 'star-empty')], [2, 3]);
  });

  test('headers go along on every hop, the user only when signed in, each call on a connection of its own', async () => {
    const ratings = await fake(jsonAnswer({ ratings: { Reviewer1: 5, Reviewer2: 4 } }));
    const details = await fake(jsonAnswer({}));
    const reviews = await app('reviews', { ENABLE_RATINGS: 'true', ...backendsAt({ ratings: ratings.port }) });
    const page = await app('productpage', backendsAt({ details: details.port, reviews: reviews.port }));
    const carried = {
      'x-request-id': 'r1',
      'x-b3-traceid': '80f198ee56343ba864fe8b2a57d3eff7',
      'x-b3-spanid': 'e457b5a2e4d86bd1',
      'x-b3-parentspanid': '05e3ac9a4f6e3b90',
      'x-b3-sampled': '1',
      'x-b3-flags': '0',
      'x-ot-span-context': 'o',
      'x-datadog-trace-id': '1',
      'x-datadog-parent-id': '2',
      'x-datadog-sampling-priority': '1',
      traceparent: '00-80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-01',
      tracestate: 'a=1',
      'x-cloud-trace-context': 'c',
      'grpc-trace-bin': 'g',
      sw8: 's',
      'user-agent': 'test-agent',
      authorization: 'Bearer t',
      jwt: 'j',
    };
    await get(`${page.url}/productpage`, { headers: { ...carried, 'end-user': 'forged', 'x-other': 'no' } });
    const cookie = await signIn(page, 'jason');
    await get(`${page.url}/productpage`, { headers: { ...carried, cookie } });
    for (const backend of [details, ratings]) {
      const [anonymous, jason] = backend.requests;
      for (const [name, value] of Object.entries(carried)) assert.equal(anonymous?.headers[name], value, name);
      assert.deepEqual([anonymous?.headers['end-user'], anonymous?.headers['x-other']], [undefined, undefined]);
      assert.deepEqual([jason?.headers['end-user'], jason?.headers.cookie], ['jason', cookie]);
      assert.notEqual(anonymous?.clientPort, jason?.clientPort);
      assert.equal(anonymous?.headers.connection, 'close');
    }
  });

  test('signing in and out: a signed cookie, back to the referer, any password', async () => {
    const page = await app('productpage', backendsAt({}));
    const cookie = await signIn(page, 'jason <b>');
    const signedIn = (await get(`${page.url}/productpage`, { headers: { cookie } })).body;
    assert.ok(signedIn.includes('jason &lt;b&gt;') && signedIn.includes('Sign out') && !signedIn.includes('Sign in'));
    const forged = `${Buffer.from('session={"user":"root"}').toString('base64url')}.${cookie.split('.')[1]}`;
    for (const bad of [`session=${forged}`, cookie.slice(0, -2), `x${cookie}`, 'session=', cookie.replace('.', '')]) {
      assert.ok((await get(`${page.url}/productpage`, { headers: { cookie: bad } })).body.includes('Sign in'), bad);
    }
    const referer = `${page.url}/productpage?u=test`;
    const out = await get(`${page.url}/logout`, { headers: { cookie, referer } });
    assert.deepEqual([out.status, out.headers.get('location')], [302, referer]);
    assert.match(out.headers.get('set-cookie') ?? '', /^session=;.*Max-Age=0/u);
    const without = await get(`${page.url}/logout`);
    assert.deepEqual([without.status, without.headers.get('location')], [302, '/productpage']);
    const empty = await get(`${page.url}/login`, { method: 'POST', body: 'username=%0d%0a' });
    assert.match(empty.headers.get('set-cookie') ?? '', /^session=;/u);
  });

  test('everything else that it serves', async () => {
    const [details, ratings] = await Promise.all([app('details'), app('ratings')]);
    const flooded = await fake(jsonAnswer({ reviews: [] }));
    const page = await startApp('productpage', {
      FLOOD_FACTOR: '3',
      ...backendsAt({ details: details.port, reviews: flooded.port, ratings: ratings.port }),
    });
    const front = (await get(`${page.url}/`)).body;
    assert.ok(
      front.includes('/productpage?u=normal') &&
        front.includes('/productpage?u=test') &&
        front === (await get(`${page.url}/index.html`)).body,
    );
    assert.deepEqual(await statusAndBody(`${page.url}/health`), [200, 'Product page is healthy']);
    const products = JSON.parse((await get(`${page.url}/api/v1/products`)).body) as Record<string, unknown>[];
    assert.deepEqual(
      products.map((one) => Object.keys(one)),
      [['id', 'title', 'descriptionHtml']],
    );
    assert.deepEqual([products[0]?.['id'], products[0]?.['title']], [0, 'The Comedy of Errors']);
    assert.deepEqual(await statusAndBody(`${page.url}/api/v1/products/0`), [200, bookJson]);
    assert.deepEqual(await statusAndBody(`${page.url}/api/v1/products/2/ratings`), [
      200,
      '{"id":2,"ratings":{"Reviewer1":5,"Reviewer2":4}}',
    ]);
    assert.deepEqual(await statusAndBody(`${page.url}/api/v1/products/x`), [
      400,
      JSON.stringify({ error: sorry.details }),
    ]);
    for (const asset of front.matchAll(/(?:href|src)="(\/static\/[^"]+)"/gu))
      assert.equal((await get(`${page.url}${asset[1]}`)).status, 200);
    assert.equal((await get(`${page.url}/static/style.css`)).headers.get('content-type'), 'text/css; charset=utf-8');
    for (const path of ['/static/../apps/session.ts', '/static/%2e%2e/mizzen.yaml', '/static/', '/x']) {
      assert.equal((await get(`${page.url}${path}`)).status, 404, path);
    }
    await get(`${page.url}/productpage`);
    assert.equal(flooded.requests.length, 4);
    const metrics = (await get(`${page.url}/metrics`)).body;
    assert.match(metrics, /^request_result_total\{destination_app="details",response_code="200"\} 2$/mu);
    assert.equal(await page.stop(), 0);
  });

  test('listens on both families', async () => {
    const page = await app('productpage', backendsAt({}));
    assert.equal((await get(`http://127.0.0.1:${page.port}/health`)).status, 200);
    const address = page.lines[0]?.includes('"::"') === true ? `[::1]` : '127.0.0.1';
    assert.equal((await get(`http://${address}:${page.port}/health`)).status, 200);
  });
});
