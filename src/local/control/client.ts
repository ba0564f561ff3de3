import { once } from 'node:events';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { MizzenError } from '../../base/error.ts';
import type { SourcedObject } from '../../schema/object.ts';
import { errorFromJson } from './error-json.ts';
import { execOver } from './exec-over.ts';
import { execProtocol } from './frames.ts';
import type { ExecRequest, LogsRequest, MeshControl, MeshStatus } from './protocol.ts';
import { socketAddress } from './socket-address.ts';

/** Largest answer that is read whole, in bytes. */
const maxAnswerBytes = 256 * 1024 * 1024;

/**
 * A mesh at the other end of its control socket. Nothing is opened before the first call. Calls fail with
 * `mesh-unreachable` where nobody answers, `mesh-gone` where the answer is cut off, and with what the mesh says.
 */
export function connectControl(socketPath: string): MeshControl {
  const get = (path: string, query: Readonly<Record<string, string | undefined>> = {}): Promise<unknown> =>
    askJson(socketPath, 'GET', `${path}${queryText(query)}`);
  return {
    status: async () => (await get('/status')) as MeshStatus,
    objects: async (filter) => (await get('/objects', { ...filter })) as readonly SourcedObject[],
    logs: (request) => readLogs(socketPath, request),
    exec: (request) => exec(socketPath, request),
    stop: async () => {
      await askJson(socketPath, 'POST', '/stop');
    },
  };
}

function queryText(query: Readonly<Record<string, string | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, value);
  return given.size === 0 ? '' : `?${given.toString()}`;
}

async function askJson(socketPath: string, method: string, path: string): Promise<unknown> {
  const response = await respond(open(socketPath, { method, path }));
  return readJson(response);
}

async function* readLogs(socketPath: string, request: LogsRequest): AsyncGenerator<Uint8Array, void, undefined> {
  const { name, namespace, container, follow, tail, previous = false, signal } = request;
  const query = {
    name,
    namespace,
    container,
    follow: String(follow),
    tail: tail?.toString(),
    previous: String(previous),
  };
  const outgoing = open(socketPath, { method: 'GET', path: `/logs${queryText(query)}` });
  const end = (): void => void outgoing.destroy();
  signal?.addEventListener('abort', end, { once: true });
  if (signal?.aborted === true) end();
  try {
    const response = await respond(outgoing);
    for await (const chunk of response as AsyncIterable<Buffer>) yield chunk;
    const trailer = response.trailers['x-mizzen-error'];
    if (trailer !== undefined) throw errorFromJson(JSON.parse(decodeURIComponent(trailer)) as unknown);
  } catch (error) {
    if (signal?.aborted !== true) throw error instanceof MizzenError ? error : gone(error);
  } finally {
    signal?.removeEventListener('abort', end);
    outgoing.destroy();
  }
}

async function exec(socketPath: string, request: ExecRequest): Promise<number> {
  const headers = { connection: 'Upgrade', upgrade: execProtocol };
  const outgoing = open(socketPath, { method: 'POST', path: '/exec', headers });
  const upgraded = new Promise<Parameters<typeof execOver>[0]>((resolve, reject) => {
    outgoing.on('upgrade', (_response, socket, head: Buffer) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    outgoing.on('response', (response) => {
      readJson(response).then(() => reject(gone(undefined)), reject);
    });
    outgoing.on('error', (error) => reject(unreachable(socketPath, error)));
  });
  outgoing.end();
  return execOver(await upgraded, request);
}

interface Ask {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function open(socketPath: string, ask: Ask): ClientRequest {
  let address;
  try {
    address = socketAddress(socketPath);
  } catch (error) {
    throw unreachable(socketPath, error);
  }
  const outgoing = httpRequest({
    socketPath: address.path,
    method: ask.method,
    path: ask.path,
    headers: ask.headers,
    agent: false,
  });
  outgoing.on('close', () => address.release());
  return Object.assign(outgoing, { meshSocket: socketPath });
}

async function respond(outgoing: ClientRequest): Promise<IncomingMessage> {
  outgoing.end();
  let response;
  try {
    [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  } catch (error) {
    const { meshSocket } = outgoing as ClientRequest & { readonly meshSocket?: string };
    throw unreachable(meshSocket ?? '', error);
  }
  // An error of the request after its answer has begun shows in the answer too.
  outgoing.on('error', () => undefined);
  if ((response.statusCode ?? 500) >= 400) await readJson(response);
  return response;
}

async function readJson(response: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  let value: unknown;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxAnswerBytes)
        throw new MizzenError('bad-answer', `the mesh answers with more than ${maxAnswerBytes} bytes`);
      chunks.push(chunk);
    }
    value = JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (error) {
    throw error instanceof MizzenError ? error : gone(error);
  }
  if ((response.statusCode ?? 500) >= 400) throw errorFromJson(value);
  return value;
}

function unreachable(socketPath: string, cause: unknown): MizzenError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  if (code === 'EACCES')
    return new MizzenError('mesh-unreachable', `the mesh at ${socketPath} belongs to somebody else`, {
      cause,
      fix: 'run this as the user who started it',
    });
  return new MizzenError('mesh-unreachable', `no mesh answers at ${socketPath}`, {
    cause,
    fix: 'start one: mizzen up DIR',
  });
}

function gone(cause: unknown): MizzenError {
  return new MizzenError('mesh-gone', 'the mesh ended before it had answered', {
    cause,
    fix: 'mizzen status says whether it still runs',
  });
}
