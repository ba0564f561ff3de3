import { connect } from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';

/** What one attempt of a probe showed. */
export interface ProbeResult {
  readonly ok: boolean;
  /** Why not. */
  readonly message: string;
}

/** One call of grpc.health.v1.Health/Check in clear, as the kubelet makes it (gRPC Health Checking Protocol). Rejects only for bugs. */
export function probeGrpc(
  address: string,
  check: { readonly port: number; readonly service?: string },
  timeoutMs: number,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const session = connect(`http://${address}:${String(check.port)}`);
    const timer = setTimeout(
      () => finish({ ok: false, message: `no answer within ${String(timeoutMs)} ms` }),
      timeoutMs,
    );
    const finish = (result: ProbeResult): void => {
      clearTimeout(timer);
      session.destroy();
      resolve(result);
    };
    session.on('error', (error: Error) => finish({ ok: false, message: error.message }));
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    const chunks: Buffer[] = [];
    let status = '';
    const note = (headers: IncomingHttpHeaders): void => {
      const said = headers['grpc-status'];
      if (typeof said === 'string') status = said;
    };
    stream.on('response', note);
    stream.on('trailers', note);
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', (error: Error) => finish({ ok: false, message: error.message }));
    stream.on('end', () => finish(verdict(Buffer.concat(chunks), status)));
    stream.end(requestFrame(check.service ?? ''));
  });
}

/** HealthCheckRequest { service = 1 } in one frame. */
function requestFrame(service: string): Buffer {
  const name = Buffer.from(service).subarray(0, 127);
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const header = Buffer.alloc(5);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/** HealthCheckResponse { status = 1 }, where SERVING is 1. */
function verdict(body: Buffer, status: string): ProbeResult {
  if (status !== '0' && status !== '') return { ok: false, message: `grpc-status ${status}` };
  const isServing = body.length >= 7 && body[5] === 0x08 && body[6] === 1;
  return isServing
    ? { ok: true, message: '' }
    : { ok: false, message: 'service unhealthy: it does not answer SERVING' };
}
