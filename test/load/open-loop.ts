/**
 * An open loop: requests leave on schedule, whatever the answers do. Failed is what got no answer, another status, another
 * body, or an answer later than a second after its scheduled time.
 */
import { Agent, request } from 'node:http';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/** What to send and what to expect. */
export interface LoadOptions {
  readonly url: string;
  readonly ratePerSecond: number;
  /** Requests in all; the loop ends when they have their answers or `signal` is raised. */
  readonly count: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly expectStatus?: number;
  /** Text that the body must hold; any body will do by default. */
  readonly expectBody?: string;
  /** Bodies are counted by the first match of this expression in them; not counted by default. */
  readonly tally?: RegExp;
  /** How late an answer may be, in milliseconds. Default 1,000. */
  readonly patienceMs?: number;
  readonly signal?: AbortSignal;
}

/** What came of it. */
export interface LoadResult {
  readonly sent: number;
  readonly failed: number;
  /** Failures by their reason. */
  readonly reasons: Readonly<Record<string, number>>;
  /** Answers by what `tally` matched. */
  readonly tallied: Readonly<Record<string, number>>;
  readonly medianMs: number;
  readonly longestMs: number;
}

/** Runs the loop. */
export async function openLoop(options: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const [reasons, tallied, latencies]: [Record<string, number>, Record<string, number>, number[]] = [{}, {}, []];
  const started = performance.now();
  const pending: Promise<void>[] = [];
  let sent = 0;
  while (sent < options.count && options.signal?.aborted !== true) {
    const dueMs = started + (sent * 1_000) / options.ratePerSecond;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    sent += 1;
    pending.push(
      one(options, agent, dueMs).then(({ reason, match }) => {
        latencies.push(performance.now() - dueMs);
        if (reason !== undefined) reasons[reason] = (reasons[reason] ?? 0) + 1;
        if (match !== undefined) tallied[match] = (tallied[match] ?? 0) + 1;
      }),
    );
  }
  await Promise.all(pending);
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const failed = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  return {
    sent,
    failed,
    reasons,
    tallied,
    medianMs: latencies[latencies.length >> 1] ?? 0,
    longestMs: latencies.at(-1) ?? 0,
  };
}

interface Verdict {
  readonly reason?: string;
  readonly match?: string;
}

function one(options: LoadOptions, agent: Agent, dueMs: number): Promise<Verdict> {
  const patienceMs = options.patienceMs ?? 1_000;
  return new Promise((resolve) => {
    const outgoing = request(options.url, { agent, headers: { ...options.headers } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('error', (error) => resolve({ reason: error.message }));
      response.on('end', () =>
        resolve(judge(options, response.statusCode ?? 0, { body, lateMs: performance.now() - dueMs })),
      );
    });
    // Whatever comes after the patience has failed already; it only must not hang for ever.
    outgoing.setTimeout(patienceMs * 10, () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', (error: NodeJS.ErrnoException) => resolve({ reason: error.code ?? error.message }));
    outgoing.end();
  });
}

function judge(
  options: LoadOptions,
  status: number,
  answer: { readonly body: string; readonly lateMs: number },
): Verdict {
  const match = options.tally?.exec(answer.body)?.[0];
  const counted = match === undefined ? {} : { match };
  if (status !== (options.expectStatus ?? 200)) return { ...counted, reason: `status ${status}` };
  if (options.expectBody !== undefined && !answer.body.includes(options.expectBody))
    return { ...counted, reason: 'another body' };
  return answer.lateMs > (options.patienceMs ?? 1_000) ? { ...counted, reason: 'late' } : counted;
}

/** The line that a claim of 0 failed is printed with: the bound is at 95 % confidence. */
export function loadLine(result: LoadResult): string {
  const bound =
    result.failed === 0
      ? `, below ${(300 / result.sent).toPrecision(2)} % at 95 %`
      : ` ${JSON.stringify(result.reasons)}`;
  return `${result.sent} sent, ${result.failed} failed${bound}; median ${result.medianMs.toFixed(1)} ms`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      rate: { type: 'string', default: '100' },
      count: { type: 'string', default: '100' },
      header: { type: 'string', multiple: true, default: [] },
      body: { type: 'string' },
      status: { type: 'string', default: '200' },
      tally: { type: 'string' },
      patience: { type: 'string', default: '1000' },
    },
  });
  const headers = Object.fromEntries(
    values.header.map((text) => [text.slice(0, text.indexOf('=')), text.slice(text.indexOf('=') + 1)]),
  );
  const result = await openLoop({
    url: values.url ?? '',
    ratePerSecond: Number(values.rate),
    count: Number(values.count),
    headers,
    expectStatus: Number(values.status),
    patienceMs: Number(values.patience),
    ...(values.body === undefined ? {} : { expectBody: values.body }),
    ...(values.tally === undefined ? {} : { tally: new RegExp(values.tally, 'u') }),
  });
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
