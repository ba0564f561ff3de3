import { publishedPorts } from '../local/supervisor/gateways.ts';
import { usageError } from './usage-error.ts';

/** Host ports by gateway port, from `80=8080`. Throws `usage`. */
export function portsOf(texts: readonly string[]): Readonly<Record<number, number>> {
  return Object.fromEntries(texts.map(pairOf));
}

function pairOf(text: string): readonly [number, number] {
  const [, gateway, host] = /^(\d{1,5})=(\d{1,5})$/u.exec(text) ?? [];
  const pair = [Number(gateway), Number(host)] as const;
  // Port 0 of the machine means any free one.
  if (gateway === undefined || pair[0] < 1 || pair.some((port) => port > 65_535))
    throw usageError(`--port cannot be ${JSON.stringify(text)}`, 'write GATEWAYPORT=HOSTPORT, as in --port 80=8080');
  if (!publishedPorts.some(({ port }) => port === pair[0]))
    throw usageError(
      `--port names port ${gateway}, which the gateway does not have`,
      `its ports are ${publishedPorts.map(({ port }) => port).join(' and ')}`,
    );
  return pair;
}
