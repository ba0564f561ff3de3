/**
 * Reviews: what two readers thought of a book. With `ENABLE_RATINGS=true` each review carries stars from the ratings
 * service, in the colour `STAR_COLOR` (default black): v1 has none, v2 black ones, v3 red ones.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { forwardedHeaders, get, serviceUrl } from './backend.ts';
import { idAfter, instance, json, notFound, serve } from './service.ts';

const ratingsEnabled = process.env['ENABLE_RATINGS'] === 'true';
const color = process.env['STAR_COLOR'] ?? 'black';
/** The red variant is the impatient one: this is what tells v2 from v3 when ratings are slow. */
const ratingsTimeoutMs = color === 'black' ? 10_000 : 2_500;

const reviews = [
  {
    reviewer: 'Reviewer1',
    text: 'Two pairs of twins, one very long day, and not a soul who stops to ask the obvious question. I laughed on the train and missed my stop.',
  },
  {
    reviewer: 'Reviewer2',
    text: 'Short, quick and shameless about its coincidences. The tidy ending is a little too easy, but the road there is a delight.',
  },
] as const;

serve('reviews', async (request) => {
  if (request.path === '/health') return json({ status: 'Reviews is healthy' });
  const id = request.path.startsWith('/reviews/') ? idAfter('/reviews/', request.path) : undefined;
  if (id === undefined) return notFound();
  const rate = ratingsEnabled ? await ratingsOf(id, request.headers) : undefined;
  return json({
    id: String(id),
    podname: instance,
    clustername: process.env['CLUSTER_NAME'] ?? 'null',
    reviews: reviews.map((review) => (rate === undefined ? review : { ...review, rating: rate(review.reviewer) })),
  });
});

type Rating = { readonly stars: number; readonly color: string } | { readonly error: string };

async function ratingsOf(id: number, incoming: IncomingHttpHeaders): Promise<(reviewer: string) => Rating> {
  const headers = forwardedHeaders(incoming, { endUser: true });
  const reply = await get({ url: `${serviceUrl('ratings')}/ratings/${id}`, headers, timeoutMs: ratingsTimeoutMs });
  const stars =
    reply.kind === 'answer' && reply.status === 200
      ? (reply.json as { ratings?: Record<string, unknown> } | undefined)?.ratings
      : undefined;
  return (reviewer) => {
    const count = stars?.[reviewer];
    return typeof count === 'number' ? { stars: count, color } : { error: 'Ratings service is currently unavailable' };
  };
}
