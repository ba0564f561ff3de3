import { request as httpRequest } from 'node:http';
import type { RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { probeGrpc } from './probe-grpc.ts';
import type { ProbeResult } from './probe-grpc.ts';
import type { Container, Handler, HttpGet } from './spec.ts';

/** Where a container's probes and hooks are sent. */
export interface ProbeTarget {
  readonly address: string;
  readonly container: Container;
  /** Runs a command in the container; its exit code and the end of its output. */
  exec(argv: readonly string[], timeoutMs: number): Promise<{ readonly code: number; readonly output: string }>;
}

const bodyLimitBytes = 4096;

/** One attempt of a probe or hook. Never rejects: what goes wrong is the result. */
export async function attempt(handler: Handler, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  try {
    if (handler.exec !== undefined) {
      const { code, output } = await target.exec(handler.exec.command ?? [], timeoutMs);
      return {
        ok: code === 0,
        message: code === 0 ? '' : `command ended with exit code ${String(code)}${output === '' ? '' : `: ${output}`}`,
      };
    }
    if (handler.httpGet !== undefined) return await httpAttempt(handler.httpGet, target, timeoutMs);
    if (handler.tcpSocket !== undefined)
      return await tcpAttempt(
        handler.tcpSocket.host ?? target.address,
        portNumber(handler.tcpSocket.port, target.container),
        timeoutMs,
      );
    if (handler.grpc !== undefined) return await probeGrpc(target.address, handler.grpc, timeoutMs);
    if (handler.sleep !== undefined) await sleep(handler.sleep.seconds * 1000);
    return { ok: true, message: '' };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

/** The number behind a port's name; 0 for a name that the container does not have. */
function portNumber(port: number | string, container: Container): number {
  if (typeof port === 'number' || /^\d+$/u.test(port)) return Number(port);
  return container.ports?.find((one) => one.name === port)?.containerPort ?? 0;
}

function httpAttempt(get: HttpGet, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  const port = portNumber(get.port, target.container);
  const isTls = get.scheme?.toUpperCase() === 'HTTPS';
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/mizzen', accept: '*/*' };
  for (const header of get.httpHeaders ?? []) headers[header.name.toLowerCase()] = header.value;
  const path = get.path ?? '/';
  // Like the kubelet, the certificate is not checked: the probe asks for life, not for identity.
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    host: get.host ?? target.address,
    port,
    path: path.startsWith('/') ? path : `/${path}`,
    headers,
    agent: false,
    rejectUnauthorized: false,
  };
  return new Promise((resolve) => {
    const request = (isTls ? httpsRequest : httpRequest)(options, (response) => {
      const status = response.statusCode ?? 0;
      let sizeBytes = 0;
      response.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length;
        if (sizeBytes > bodyLimitBytes) request.destroy();
      });
      response.on('error', () => undefined);
      resolve({
        ok: status >= 200 && status < 400,
        message: status >= 200 && status < 400 ? '' : `HTTP probe failed with statuscode: ${String(status)}`,
      });
      response.on('end', () => request.destroy());
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${String(timeoutMs)} ms`)), timeoutMs);
    request.on('error', (error) => resolve({ ok: false, message: error.message }));
    request.on('close', () => clearTimeout(timer));
    request.end();
  });
}

function tcpAttempt(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const finish = (ok: boolean, message: string): void => {
      socket.destroy();
      resolve({ ok, message });
    };
    socket.setTimeout(timeoutMs, () => finish(false, `no connection within ${String(timeoutMs)} ms`));
    socket.on('connect', () => finish(true, ''));
    socket.on('error', (error) => finish(false, error.message));
  });
}
