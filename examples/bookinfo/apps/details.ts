/**
 * Details: the facts about a book, from memory, or with `ENABLE_EXTERNAL_BOOK_SERVICE=true` from a public book service
 * over TLS. `DO_NOT_ENCRYPT=true` leaves TLS to the mesh: the call goes out in clear to port 80.
 */

import type { IncomingHttpHeaders } from 'node:http';
import { forwardedHeaders, get } from './backend.ts';
import { idAfter, json, notFound, serve, type Answer } from './service.ts';

const external = process.env['ENABLE_EXTERNAL_BOOK_SERVICE'] === 'true';
const scheme = process.env['DO_NOT_ENCRYPT'] === 'true' ? 'http' : 'https';
/** Where the book service is; only tests have another. */
const bookService = process.env['BOOK_SERVICE'] ?? 'www.googleapis.com';
const isbn = '0486424618';

serve('details', (request) => {
  if (request.path === '/health') return json({ status: 'Details is healthy' });
  if (!request.path.startsWith('/details/')) return notFound();
  const id = idAfter('/details/', request.path);
  if (id === undefined) return json({ error: 'please provide numeric product id' }, 400);
  return external ? fromBookService(id, request.headers) : json(fromMemory(id));
});

function fromMemory(id: number): object {
  return {
    id,
    author: 'William Shakespeare',
    year: 1595,
    type: 'paperback',
    pages: 200,
    publisher: 'PublisherA',
    language: 'English',
    'ISBN-10': '1234567890',
    'ISBN-13': '123-1234567890',
  };
}

interface Volume {
  readonly authors?: readonly string[];
  readonly publishedDate?: string;
  readonly printType?: string;
  readonly pageCount?: number;
  readonly publisher?: string;
  readonly language?: string;
  readonly industryIdentifiers?: readonly { readonly type?: string; readonly identifier?: string }[];
}

async function fromBookService(id: number, incoming: IncomingHttpHeaders): Promise<Answer> {
  const url = `${scheme}://${bookService}/books/v1/volumes?q=isbn:${isbn}`;
  const reply = await get({ url, headers: forwardedHeaders(incoming, { endUser: true }), timeoutMs: 5_000 });
  const items =
    reply.kind === 'answer' && reply.status === 200
      ? (reply.json as { items?: readonly { volumeInfo?: Volume }[] } | undefined)?.items
      : undefined;
  const volume = items?.[0]?.volumeInfo;
  if (volume === undefined) {
    console.error(
      `details: no book from ${url}: ${reply.kind === 'nothing' ? reply.reason : `status ${reply.status}`}`,
    );
    return json({ error: 'the book service gave no answer' }, 502);
  }
  const identifier = (type: string): string | undefined =>
    volume.industryIdentifiers?.find((one) => one.type === type)?.identifier;
  return json({
    id,
    author: volume.authors?.[0],
    year: volume.publishedDate,
    type: volume.printType === 'BOOK' ? 'paperback' : 'unknown',
    pages: volume.pageCount,
    publisher: volume.publisher,
    language: volume.language === 'en' ? 'English' : 'unknown',
    'ISBN-10': identifier('ISBN_10'),
    'ISBN-13': identifier('ISBN_13'),
  });
}
