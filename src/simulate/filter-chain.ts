/** Which filter chain of a listener takes a connection (https://www.envoyproxy.io/docs/envoy/latest/api-v3/config/listener/v3/listener_components.proto#config-listener-v3-filterchainmatch). */
import type { JsonObject } from '../base/json.ts';
import { inRange } from '../model/address.ts';
import { listAt, numberAt, objectAt, textAt, textsAt } from './members.ts';
import type { SimulatedRequest } from './request.ts';

/** The chains that are left when every criterion has been asked, and how it came to them. */
export interface ChainChoice {
  readonly chains: readonly JsonObject[];
  readonly reasons: readonly string[];
}

interface Connection {
  readonly address: string;
  readonly port: number;
  readonly sni: string;
  readonly transport: string;
  readonly alpn: string;
}

/** The chains of a listener that match a connection: one in sound configuration, none, or several. */
export function chooseChain(listener: JsonObject, request: SimulatedRequest): ChainChoice {
  const connection = connectionOf(listener, request);
  const reasons: string[] = [];
  let left = listAt(listener, 'filter_chains');
  for (const { criterion, keep } of criteria) {
    const before = left.length;
    left = keep(left, connection);
    if (left.length !== before) reasons.push(`${criterion} leaves ${left.length} of ${before} filter chains`);
  }
  if (left.length > 0) return { chains: left, reasons };
  const fallback = objectAt(listener, 'default_filter_chain');
  if (Object.keys(fallback).length === 0) return { chains: [], reasons };
  return { chains: [fallback], reasons: [...reasons, 'no filter chain matches, so the default one takes it'] };
}

// What the listener does not look at is unknown to it.
function connectionOf(listener: JsonObject, request: SimulatedRequest): Connection {
  const has = (filter: string): boolean =>
    listAt(listener, 'listener_filters').some((each) => textAt(each, 'name') === `envoy.filters.listener.${filter}`);
  const [seesTls, seesHttp] = [has('tls_inspector'), has('http_inspector')];
  const plainHttp = request.tls === 'plaintext' && seesHttp ? plainAlpn(request) : '';
  return {
    address: request.address ?? '',
    port: request.port,
    sni: request.sni,
    transport: seesTls && request.tls !== 'plaintext' ? 'tls' : 'raw_buffer',
    alpn: request.tls === 'plaintext' ? plainHttp : seesTls ? request.alpn : '',
  };
}

function plainAlpn(request: SimulatedRequest): string {
  if (request.protocol === 'tcp') return '';
  return request.protocol === 'http2' ? 'h2c' : 'http/1.1';
}

interface Criterion {
  readonly criterion: string;
  readonly keep: (chains: readonly JsonObject[], connection: Connection) => readonly JsonObject[];
}

const matchOf = (chain: JsonObject): JsonObject => objectAt(chain, 'filter_chain_match');

/** Those that match; those that do not ask at all only where none does. */
function asked(
  chains: readonly JsonObject[],
  asks: (match: JsonObject) => boolean,
  matches: (match: JsonObject) => boolean,
): readonly JsonObject[] {
  const matching = chains.filter((chain) => asks(matchOf(chain)) && matches(matchOf(chain)));
  return matching.length > 0 ? matching : chains.filter((chain) => !asks(matchOf(chain)));
}

const criteria: readonly Criterion[] = [
  {
    criterion: 'the port dialled',
    keep: (chains, { port }) =>
      asked(
        chains,
        (match) => numberAt(match, 'destination_port') !== undefined,
        (match) => numberAt(match, 'destination_port') === port,
      ),
  },
  { criterion: 'the address dialled', keep: (chains, { address }) => byRange(chains, address) },
  { criterion: 'the server name', keep: (chains, { sni }) => byServerName(chains, sni) },
  {
    criterion: 'the transport protocol',
    keep: (chains, { transport }) =>
      asked(
        chains,
        (match) => textAt(match, 'transport_protocol') !== '',
        (match) => textAt(match, 'transport_protocol') === transport,
      ),
  },
  {
    criterion: 'the application protocol',
    keep: (chains, { alpn }) =>
      asked(
        chains,
        (match) => textsAt(match, 'application_protocols').length > 0,
        (match) => textsAt(match, 'application_protocols').includes(alpn),
      ),
  },
];

function byRange(chains: readonly JsonObject[], address: string): readonly JsonObject[] {
  const longest = (match: JsonObject): number =>
    Math.max(
      -1,
      ...listAt(match, 'prefix_ranges').flatMap((range) => {
        const lengthBits = numberAt(range, 'prefix_len') ?? 0;
        return inRange(address, textAt(range, 'address_prefix'), lengthBits) ? [lengthBits] : [];
      }),
    );
  const best = Math.max(-1, ...chains.map((chain) => longest(matchOf(chain))));
  return asked(
    chains,
    (match) => listAt(match, 'prefix_ranges').length > 0,
    (match) => best >= 0 && longest(match) === best,
  );
}

function byServerName(chains: readonly JsonObject[], sni: string): readonly JsonObject[] {
  const asks = (match: JsonObject): boolean => textsAt(match, 'server_names').some((name) => name !== '*');
  for (const name of sni === '' ? [] : namesFor(sni.toLowerCase())) {
    const found = chains.filter((chain) => textsAt(matchOf(chain), 'server_names').includes(name));
    if (found.length > 0) return found;
  }
  return chains.filter((chain) => !asks(matchOf(chain)));
}

/** A name, then its wildcards from the longest to the shortest. */
function namesFor(name: string): readonly string[] {
  const parts = name.split('.');
  return [name, ...parts.slice(1).map((_, i) => `*.${parts.slice(i + 1).join('.')}`)];
}
