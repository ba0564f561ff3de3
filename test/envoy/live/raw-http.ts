/** Requests as bytes, so that nothing on the way puts them in order. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** Where a connection goes, and what it says of itself. */
export interface Way {
  readonly host: string;
  readonly port: number;
  /** The address that the client dialled, where interception would have led it here. */
  readonly dialled?: { readonly address: string; readonly port: number };
  /** The client's own address; by default a neighbour's. */
  readonly from?: string;
}

/** Opens a connection. */
export async function dial({ host, port, dialled, from = '127.0.0.1' }: Way): Promise<Socket> {
  const socket = connect({ host, port });
  // Longer than anything here takes: only a request that hangs would meet it, and it must not hang the test.
  socket.setTimeout(20_000, () => void socket.destroy());
  await once(socket, 'connect');
  // A connection that is cut is an answer too: none.
  socket.on('error', () => undefined);
  if (dialled !== undefined) socket.write(`PROXY TCP4 ${from} ${dialled.address} 40000 ${dialled.port}\r\n`);
  return socket;
}

/** An answer, or what there was of it when the connection ended. */
export interface Answer {
  /** 0 where the connection ended without one. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a request says beside its first line. */
export interface RequestParts {
  readonly host?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly version?: '1.0' | '1.1';
  readonly method?: string;
}

/** One GET on a connection of its own. */
export async function get(way: Way, path: string, parts: RequestParts = {}): Promise<Answer> {
  const { host = 'reviews', headers = {}, version = '1.1', method = 'GET' } = parts;
  const lines = Object.entries({ host, connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return parsed(await exchange(way, `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`));
}

/** Sends text and gives what comes back until the other side ends, or until it is a whole answer. */
export async function exchange(way: Way, text: string): Promise<string> {
  const socket = await dial(way);
  let got = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    got += chunk;
    if (isWhole(got)) socket.destroy();
  });
  socket.write(text);
  await new Promise((resolve) => socket.once('close', resolve));
  return got;
}

function isWhole(text: string): boolean {
  const { status, headers, body } = parsed(text);
  return status >= 200 && headers['content-length'] !== undefined && body.length >= Number(headers['content-length']);
}

function parsed(text: string): Answer {
  const [head = '', ...body] = text.split('\r\n\r\n');
  const [first = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(first.split(' ')[1] ?? 0),
    headers: Object.fromEntries(headers),
    body: body.join('\r\n\r\n'),
  };
}
