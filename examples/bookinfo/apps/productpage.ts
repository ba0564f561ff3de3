/**
 * The product page: what people see. It asks details and reviews (and, for its API, ratings), answers with a page
 * whatever they say, and lets a user sign in with any password.
 */

import { readdirSync, readFileSync } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http';
import { extname } from 'node:path';
import { forwardedHeaders, get, serviceUrl } from './backend.ts';
import { overviewPage, productPage, type Outcome } from './pages.ts';
import { json, notFound, serve, text, type Answer, type Request } from './service.ts';
import { readSession, sessionCookie } from './session.ts';

const product = {
  id: 0,
  title: 'The Comedy of Errors',
  descriptionHtml:
    'One of the earliest and shortest plays of <a href="https://www.gutenberg.org/ebooks/author/65">William Shakespeare</a>: ' +
    'two pairs of twins, parted as infants by a shipwreck, walk the same streets of Ephesus on the same day without knowing it. ' +
    'Wives, merchants and creditors each meet the wrong brother, and every explanation makes it worse.',
} as const;

type Backend = 'details' | 'reviews' | 'ratings';

/** Time limit of one try, and how many there are. */
const backends: Readonly<
  Record<Backend, { readonly timeoutMs: number; readonly tries: number; readonly sorry: string }>
> = {
  details: { timeoutMs: 3_000, tries: 1, sorry: 'Sorry, product details are currently unavailable for this book.' },
  reviews: { timeoutMs: 3_000, tries: 2, sorry: 'Sorry, product reviews are currently unavailable for this book.' },
  ratings: { timeoutMs: 3_000, tries: 1, sorry: 'Sorry, product ratings are currently unavailable for this book.' },
};

const floodFactor = Number(process.env['FLOOD_FACTOR'] ?? '0');
/** Results of calls, counted by `service code`. */
const results = new Map<string, number>();

const contentTypes: Readonly<Record<string, string>> = { '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };
const staticFolder = new URL('../static/', import.meta.url);
/** All assets by name; they are few and small, and no path of a request ever touches the disk. */
const assets = new Map(readdirSync(staticFolder).map((name) => [name, readFileSync(new URL(name, staticFolder))]));

serve('productpage', (request) => {
  const { method, path } = request;
  if (path === '/' || path === '/index.html') return html(overviewPage());
  if (path === '/health') return text('Product page is healthy');
  if (path === '/login') return method === 'POST' ? login(request) : json({ error: 'method not allowed' }, 405);
  if (path === '/logout') return backWithUser(request, undefined);
  if (path === '/productpage') return page(request);
  if (path === '/metrics') return text(metrics(), 200, 'text/plain; version=0.0.4; charset=utf-8');
  if (path.startsWith('/static/')) return asset(path.slice('/static/'.length));
  return api(request);
});

async function page(request: Request): Promise<Answer> {
  const user = readSession(request.headers.cookie);
  const headers = outgoingHeaders(request, user);
  const flood = Array.from({ length: floodFactor }, () =>
    get({ url: `${serviceUrl('reviews')}/reviews/0`, headers, timeoutMs: 3_000 }),
  );
  await Promise.all(flood);
  const details = await ask('details', 0, headers);
  const reviews = await ask('reviews', 0, headers);
  return html(productPage({ product, user, details, reviews }));
}

async function api(request: Request): Promise<Answer> {
  const [, id, what = 'details'] =
    /^\/api\/v1\/products(?:\/([^/]+)(?:\/(reviews|ratings))?)?$/u.exec(request.path) ?? [];
  if (request.path === '/api/v1/products') return json([product]);
  if (id === undefined) return notFound();
  const outcome = await ask(what as Backend, id, outgoingHeaders(request, readSession(request.headers.cookie)));
  return outcome.kind === 'answer' ? json(outcome.json) : json({ error: outcome.sorry }, outcome.status);
}

/** Asks a service as often as it may be asked. Anything but 200 with JSON is a failure, of status 500 if none came. */
async function ask(backend: Backend, id: number | string, headers: OutgoingHttpHeaders): Promise<Outcome> {
  const { timeoutMs, tries, sorry } = backends[backend];
  let status = 500;
  for (let left = tries; left > 0; left--) {
    const reply = await get({ url: `${serviceUrl(backend)}/${backend}/${id}`, headers, timeoutMs });
    status = reply.kind === 'answer' ? reply.status : 500;
    if (reply.kind === 'answer' && status === 200 && reply.json === undefined) status = 500;
    if (reply.kind === 'answer' && status === 200) {
      count(backend, 200);
      return { kind: 'answer', json: reply.json };
    }
  }
  count(backend, status);
  return { kind: 'failure', status, sorry };
}

function outgoingHeaders(request: Request, user: string | undefined): OutgoingHttpHeaders {
  return {
    ...forwardedHeaders(request.headers, { endUser: false }),
    ...(user === undefined ? {} : { 'end-user': user }),
  };
}

async function login(request: Request): Promise<Answer> {
  const user = new URLSearchParams(await request.body()).get('username') ?? '';
  // The name goes on as a header: no more of it than a header can carry.
  return backWithUser(
    request,
    user
      .replace(/[^\x20-\x7e]/gu, '')
      .trim()
      .slice(0, 64),
  );
}

/** Back to where the user came from, signed in or out. */
function backWithUser(request: Request, user: string | undefined): Answer {
  const location = request.headers.referer ?? '/productpage';
  return { status: 302, headers: { location, 'set-cookie': sessionCookie(user) }, body: '' };
}

function asset(name: string): Answer {
  const body = assets.get(name);
  if (body === undefined) return notFound();
  const contentType = contentTypes[extname(name)] ?? 'application/octet-stream';
  return { status: 200, headers: { 'content-type': contentType, 'cache-control': 'max-age=300' }, body };
}

function html(body: string): Answer {
  return text(body, 200, 'text/html; charset=utf-8');
}

function count(backend: Backend, status: number): void {
  const key = `${backend} ${status}`;
  results.set(key, (results.get(key) ?? 0) + 1);
}

function metrics(): string {
  const lines = [...results]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([key, total]) => {
      const [backend, status] = key.split(' ');
      return `request_result_total{destination_app="${backend}",response_code="${status}"} ${total}`;
    });
  return [
    '# HELP request_result_total Calls to other services by their result',
    '# TYPE request_result_total counter',
    ...lines,
    '',
  ].join('\n');
}
