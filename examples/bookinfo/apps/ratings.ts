/**
 * Ratings: how many stars each reviewer gave. `SERVICE_VERSION` chooses how it behaves:
 *
 *   v1 (default)   answers from memory and takes new ratings by POST
 *   v2…            stands for the variants with a database: `RATINGS` (default `5,4`) are the stars it holds, POST is refused
 *   v-faulty       refuses every second request or so
 *   v-delayed      answers every second request or so after 7 s
 *   v-unavailable  good for 60 s, bad for 60 s, and so on
 *   v-unhealthy    the same every 15 minutes, and its health check fails meanwhile
 *
 * `RATINGS_DELAY_MS` and `RATINGS_TOGGLE_MS` change the times of the last three.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { idAfter, json, notFound, serve, type Answer, type Request } from './service.ts';

const version = process.env['SERVICE_VERSION'] ?? 'v1';
const delayMs = Number(process.env['RATINGS_DELAY_MS'] ?? '7000');
const toggleMs = Number(process.env['RATINGS_TOGGLE_MS'] ?? (version === 'v-unhealthy' ? '900000' : '60000'));
const startedMs = Date.now();
const unavailable = json({ error: 'Service unavailable' }, 503);

/** Ratings that were posted, by product. */
const posted = new Map<number, unknown>();
const mostProducts = 1_000;

serve('ratings', async (request) => {
  console.log(`${request.method} ${request.path}`);
  if (request.path === '/health') {
    return version === 'v-unhealthy' && isBadNow()
      ? json({ status: 'Ratings is not healthy' }, 500)
      : json({ status: 'Ratings is healthy' });
  }
  if (!request.path.startsWith('/ratings/')) return notFound();
  const id = idAfter('/ratings/', request.path);
  if (id === undefined) return json({ error: 'please provide numeric product ID' }, 400);
  if (request.method === 'POST') return store(id, request);
  return request.method === 'GET' ? answer(id) : json({ error: 'method not allowed' }, 405);
});

async function answer(id: number): Promise<Answer> {
  if (version === 'v-faulty' && Math.random() < 0.5) return unavailable;
  if (version === 'v-delayed' && Math.random() < 0.5) await sleep(delayMs);
  if ((version === 'v-unavailable' || version === 'v-unhealthy') && isBadNow()) return unavailable;
  return json({ id, ratings: posted.get(id) ?? held() });
}

function held(): Readonly<Record<string, number>> {
  const [first = 5, second = 4] = (process.env['RATINGS'] ?? '5,4').split(',').map(Number);
  return { Reviewer1: first, Reviewer2: second };
}

async function store(id: number, request: Request): Promise<Answer> {
  if (version.startsWith('v2')) return json({ error: 'Post not implemented for database backed ratings' }, 501);
  let ratings: unknown;
  try {
    ratings = JSON.parse(await request.body());
  } catch {
    ratings = undefined;
  }
  if (typeof ratings !== 'object' || ratings === null) return json({ error: 'please provide valid ratings JSON' }, 400);
  if (posted.size >= mostProducts) posted.clear();
  posted.set(id, ratings);
  return json({ id, ratings });
}

function isBadNow(): boolean {
  return Math.floor((Date.now() - startedMs) / toggleMs) % 2 === 1;
}
