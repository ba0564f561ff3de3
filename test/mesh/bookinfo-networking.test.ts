/** Every networking file of Bookinfo as its authors ship it, applied unmodified to a running mesh: who answers then. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { applied, exec, get, loadFrom, proxyStats, startBookinfo, type TestMesh } from '../demo/context.ts';
import { projectFolder } from '../demo/by-command.ts';
import { startOutsideHost, type OutsideHost } from './outside-host.ts';
import { ratingsVariants, variants } from './variants.ts';

const corpus = join(projectFolder, '../shared/corpus/samples/files/bookinfo/networking');
const skip = existsSync(corpus) ? false : 'the corpus with the sample files is not beside the project';
const curl = 'deploy/curl';
const reviewsUrl = 'http://reviews:9080/reviews/0';
const byVersion = 'reviews-v[0-9]';
const outsideName = 'www.googleapis.com';

describe('the networking files of Bookinfo', { skip }, () => {
  let mesh: TestMesh;
  let outside: OutsideHost;
  const driven = new Set<string>();

  before(async () => {
    outside = await startOutsideHost(outsideName);
    const to = (port: number, local: number): string =>
      `  - { host: ${outsideName}, port: ${port}, to: '127.0.0.1:${local}' }\n`;
    mesh = await startBookinfo({
      files: {
        'variants.yaml': variants(outside.caPem),
        // Ours make room for the originals.
        'destination-rules.yaml': text('destination-rule-all.yaml'),
        'gateway.yaml': text('bookinfo-gateway.yaml'),
      },
      meshFile: `outside:\n${to(80, outside.clearPort)}${to(443, outside.tlsPort)}`,
    });
  });
  after(async () => {
    await outside.close();
    await mesh.end();
  });

  /** A file as it is, byte by byte. */
  function text(file: string): string {
    driven.add(file);
    return readFileSync(join(corpus, file), 'utf8');
  }

  /** Applies files, lets somebody look, and takes them away again. */
  async function withFiles(files: readonly string[], look: () => Promise<void>): Promise<void> {
    await applied(mesh, async () => {
      for (const file of files) await mesh.write(file, text(file));
    });
    try {
      await look();
    } finally {
      await applied(mesh, async () => {
        for (const file of files) await mesh.remove(file);
      });
    }
  }

  /** As {@link withFiles}, with other destination rules than the usual ones. */
  async function withRules(file: string, look: () => Promise<void>): Promise<void> {
    await applied(mesh, () => mesh.write('destination-rules.yaml', text(file)));
    try {
      await look();
    } finally {
      await applied(mesh, () => mesh.write('destination-rules.yaml', text('destination-rule-all.yaml')));
    }
  }

  /** Who answers `count` requests for reviews from a pod of the mesh. */
  async function reviewers(count: number, user?: string): Promise<Readonly<Record<string, number>>> {
    const header = user === undefined ? [] : ['--header', `end-user=${user}`];
    const args = ['--url', reviewsUrl, '--rate', '150', '--count', String(count), '--tally', byVersion, ...header];
    const result = await loadFrom(mesh, curl, [...args, '--patience', '5000']);
    assert.equal(result.failed, 0, JSON.stringify(result.reasons));
    return result.tallied;
  }

  /**
   * Fails unless reviews are shared out as wanted, each within 3 sigma. That misses one run of 370 by itself, so what
   * misses is counted again, once.
   */
  async function assertShares(count: number, shares: Readonly<Record<string, number>>): Promise<void> {
    const off = async (): Promise<string | undefined> => {
      const tallied = await reviewers(count);
      const wanted = Object.entries(shares).every(([version, share]) => {
        const sigma = Math.sqrt(share * (1 - share) * count);
        return Math.abs((tallied[`reviews-${version}`] ?? 0) - share * count) <= 3 * sigma;
      });
      const known = Object.keys(tallied).every((name) => name.replace('reviews-', '') in shares);
      return wanted && known ? undefined : JSON.stringify(tallied);
    };
    const first = await off();
    if (first === undefined) return;
    const second = await off();
    assert.equal(second, undefined, `first ${first}`);
  }

  const page = async (cookie = ''): Promise<string> => {
    const { status, body } = await get(`${await mesh.gateway()}/productpage`, cookie === '' ? {} : { cookie });
    assert.equal(status, 200);
    return body;
  };

  /** Cookie of a user who has signed in. */
  async function signIn(user: string): Promise<string> {
    const url = `${await mesh.gateway()}/login`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const cookies = await new Promise<readonly string[]>((resolve, reject) => {
      const outgoing = request(url, { method: 'POST', headers, agent: false }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.headers['set-cookie'] ?? []));
      });
      outgoing.on('error', reject);
      outgoing.end(`username=${user}&passwd=any`);
    });
    return cookies.map((cookie) => cookie.split(';')[0]).join('; ');
  }

  /** A request from a pod: status and body. */
  async function ask(pod: string, url: string, ...args: readonly string[]): Promise<{ status: number; body: string }> {
    const { stdout } = await exec(mesh, pod, ['curl', '-s', '-m', '15', '-w', '\n%{http_code}', ...args, url]);
    const at = stdout.lastIndexOf('\n');
    return { status: Number(stdout.slice(at + 1)), body: stdout.slice(0, at) };
  }

  test('bookinfo-gateway and destination-rule-all: the page is there, and every version of reviews has its turn', async () => {
    assert.match(await page(), /<title>Simple Bookstore App<\/title>/u);
    assert.equal((await get(`${await mesh.gateway()}/ratings/0`)).status, 404, 'only what is named gets in');
    const tallied = await reviewers(90);
    assert.deepEqual(Object.keys(tallied).toSorted(), ['reviews-v1', 'reviews-v2', 'reviews-v3']);
  });

  test('destination-rule-all-mtls: the same, every connection on mutual TLS and none in clear any more', async () => {
    const clear = /raw_buffer/u;
    assert.match(await clustersOf('details'), clear, 'by default a server without a proxy is called in clear');
    await withRules('destination-rule-all-mtls.yaml', async () => {
      for (const host of ['productpage', 'details', 'reviews', 'ratings']) {
        const clusters = await clustersOf(host);
        assert.match(clusters, /UpstreamTlsContext/u);
        assert.doesNotMatch(clusters, clear);
      }
      const before = await upstreamConnections();
      for (let i = 0; i < 20; i += 1) assert.match(await page(), /<title>Simple Bookstore App<\/title>/u);
      const now = await upstreamConnections();
      const made = now.connections - before.connections;
      assert.ok(made > 0 && now.handshakes - before.handshakes === made, JSON.stringify([before, now]));
    });
  });

  /** The clusters of a service in the product page's proxy, as text. */
  async function clustersOf(host: string): Promise<string> {
    const query = `resource=dynamic_active_clusters&name_regex=.*${host}.default.*`;
    const { status, body } = await ask('deploy/productpage-v1', `http://127.0.0.1:15000/config_dump?${query}`);
    assert.equal(status, 200);
    assert.match(body, new RegExp(`outbound\\|9080\\|v1\\|${host}`, 'u'));
    return body;
  }

  /** Connections that the product page's proxy made to other services, and TLS handshakes on them. */
  async function upstreamConnections(): Promise<{ readonly connections: number; readonly handshakes: number }> {
    const stats = await proxyStats(mesh, 'deploy/productpage-v1', 'cluster.outbound');
    const sum = (ending: string): number =>
      [...stats].reduce((total, [name, value]) => (name.endsWith(ending) ? total + value : total), 0);
    return { connections: sum('.upstream_cx_total'), handshakes: sum('.ssl.handshake') };
  }

  test('destination-rule-reviews: versions at random', async () => {
    await withRules('destination-rule-reviews.yaml', async () => {
      await assertShares(300, { v1: 1 / 3, v2: 1 / 3, v3: 1 / 3 });
    });
  });

  test('virtual-service-all-v1: nothing but v1', async () => {
    await withFiles(['virtual-service-all-v1.yaml'], async () => {
      assert.deepEqual(await reviewers(60), { 'reviews-v1': 60 });
      for (let i = 0; i < 5; i += 1) {
        const body = await page();
        assert.match(body, /reviews-v1-/u);
        assert.doesNotMatch(body, /glyphicon-star/u);
        assert.match(body, /PublisherA/u);
      }
    });
  });

  const weights: Readonly<Record<string, Readonly<Record<string, number>>>> = {
    'virtual-service-reviews-50-v3.yaml': { v1: 0.5, v3: 0.5 },
    'virtual-service-reviews-80-20.yaml': { v1: 0.8, v2: 0.2 },
    'virtual-service-reviews-90-10.yaml': { v1: 0.9, v2: 0.1 },
    'virtual-service-reviews-v2-v3.yaml': { v2: 0.5, v3: 0.5 },
    'virtual-service-reviews-v3.yaml': { v3: 1 },
  };
  for (const [file, shares] of Object.entries(weights)) {
    test(`${file}: ${JSON.stringify(shares)} within 3 sigma`, async () => {
      await withFiles([file], () => assertShares(400, shares));
    });
  }

  const byUser: Readonly<Record<string, readonly [string, string]>> = {
    'virtual-service-reviews-test-v2.yaml': ['v2', 'v1'],
    'virtual-service-reviews-jason-v2-v3.yaml': ['v2', 'v3'],
  };
  for (const [file, [jason, others]] of Object.entries(byUser)) {
    test(`${file}: jason gets ${jason}, others ${others}`, async () => {
      await withFiles([file], async () => {
        assert.deepEqual(await reviewers(30, 'jason'), { [`reviews-${jason}`]: 30 });
        assert.deepEqual(await reviewers(30, 'jasons'), { [`reviews-${others}`]: 30 });
        assert.deepEqual(await reviewers(30), { [`reviews-${others}`]: 30 });
        assert.match(await page(await signIn('jason')), new RegExp(`reviews-${jason}-`, 'u'));
        assert.match(await page(), new RegExp(`reviews-${others}-`, 'u'));
      });
    });
  }

  const ratingsFiles: Readonly<Record<string, string>> = {
    'virtual-service-ratings-db.yaml': 'v2',
    'virtual-service-ratings-mysql.yaml': 'v2-mysql',
    'virtual-service-ratings-mysql-vm.yaml': 'v2-mysql-vm',
  };
  for (const [file, version] of Object.entries(ratingsFiles)) {
    test(`${file}: reviews v3 with the stars of ratings ${version}`, async () => {
      const [first, second] = (ratingsVariants[version] ?? '').split(',').map(Number);
      await withFiles([file], async () => {
        for (let i = 0; i < 10; i += 1) {
          const { body } = await ask(curl, reviewsUrl);
          const answer = JSON.parse(body) as {
            podname: string;
            reviews: { rating: { stars: number; color: string } }[];
          };
          assert.match(answer.podname, /^reviews-v3-/u);
          assert.deepEqual(
            answer.reviews.map(({ rating }) => [rating.stars, rating.color]),
            [
              [first, 'red'],
              [second, 'red'],
            ],
          );
        }
      });
    });
  }

  test('virtual-service-ratings-test-abort: only jason has no stars', async () => {
    await withFiles(['virtual-service-reviews-test-v2.yaml', 'virtual-service-ratings-test-abort.yaml'], async () => {
      const unavailable = /Ratings service is currently unavailable/u;
      assert.match(await page(await signIn('jason')), unavailable);
      assert.doesNotMatch(await page(), unavailable);
      const url = 'http://ratings:9080/ratings/0';
      const jason = await ask(curl, url, '-H', 'end-user: jason');
      assert.deepEqual([jason.status, jason.body], [500, 'fault filter abort']);
      assert.deepEqual(JSON.parse((await ask(curl, url)).body), { id: 0, ratings: { Reviewer1: 5, Reviewer2: 4 } });
    });
  });

  test('virtual-service-ratings-test-delay: jason waits 7 s for ratings, and 2 × 3 s for no reviews', async () => {
    await withFiles(['virtual-service-reviews-test-v2.yaml', 'virtual-service-ratings-test-delay.yaml'], async () => {
      const cookie = await signIn('jason');
      const started = performance.now();
      const timed = async <T>(work: Promise<T>): Promise<readonly [T, number]> => [
        await work,
        performance.now() - started,
      ];
      const [[body, pageMs], [answer, directMs], [other, otherMs]] = await Promise.all([
        timed(page(cookie)),
        timed(ask(curl, 'http://ratings:9080/ratings/0', '-H', 'end-user: jason')),
        timed(page()),
      ]);
      assert.match(body, /Sorry, product reviews are currently unavailable for this book\./u);
      assert.match(body, /Book Details/u);
      assert.ok(pageMs >= 5_900 && directMs >= 6_900, `page ${pageMs} ms, ratings ${directMs} ms`);
      assert.equal(answer.status, 200);
      assert.match(other, /reviews-v1-/u);
      assert.ok(otherMs < pageMs, `others ${otherMs} ms`);
    });
  });

  test('fault-injection-details-v1: details answer 555', async () => {
    await withRules('fault-injection-details-v1.yaml', async () => {
      const direct = await ask(curl, 'http://details:9080/details/0');
      assert.deepEqual([direct.status, direct.body], [555, 'fault filter abort']);
      const api = await get(`${await mesh.gateway()}/api/v1/products/0`);
      assert.equal(api.status, 555);
      assert.match(await page(), /Error fetching product details/u);
    });
  });

  test('virtual-service-details-v2: details come from v2, which asks outside in clear', async () => {
    await withFiles(['virtual-service-details-v2.yaml'], async () => {
      const asked = outside.requests.length;
      for (let i = 0; i < 5; i += 1) assert.match(await page(), /Outside, over clear/u);
      assert.equal(outside.requests.length, asked + 5);
      assert.equal(outside.requests.at(-1)?.path, '/books/v1/volumes?q=isbn:0486424618');
    });
  });

  test('egress-rule-google-apis: what goes out in clear to port 80 arrives over TLS at 443', async () => {
    await withFiles(['virtual-service-details-v2.yaml', 'egress-rule-google-apis.yaml'], async () => {
      for (let i = 0; i < 5; i += 1) assert.match(await page(), /Outside, over tls/u);
      assert.deepEqual(outside.requests.at(-1), {
        over: 'tls',
        host: outsideName,
        path: '/books/v1/volumes?q=isbn:0486424618',
        serverName: outsideName,
      });
      const asked = outside.requests.length;
      const stranger = await ask(curl, `http://${outsideName}/`);
      assert.equal(stranger.status, 503, 'a proxy that does not trust the authority sends nothing');
      assert.match(stranger.body, /CERTIFICATE_VERIFY_FAILED/u);
      assert.equal(outside.requests.length, asked);
    });
  });

  test('certmanager-gateway: challenges go to the resolver, everything else as before', async () => {
    await withFiles(['certmanager-gateway.yaml'], async () => {
      const challenge = await get(`${await mesh.gateway()}/.well-known/acme-challenge/token`);
      assert.deepEqual([challenge.status, challenge.body], [200, 'resolver /.well-known/acme-challenge/token']);
      assert.match(await page(), /<title>Simple Bookstore App<\/title>/u);
    });
    const gone = await get(`${await mesh.gateway()}/.well-known/acme-challenge/token`);
    assert.equal(gone.status, 404);
  });

  test('no file was left out, and none was changed on its way', async () => {
    assert.deepEqual(readdirSync(corpus).toSorted(), [...driven].toSorted());
    const { problems } = await mesh.control.status();
    assert.deepEqual(
      problems.filter(({ level }) => level === 'error'),
      [],
    );
  });
});
