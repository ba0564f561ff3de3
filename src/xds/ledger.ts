import type { XdsType } from '../proto/resource.ts';
import type { Composite } from './composite.ts';

/** What a proxy holds under a name. */
export interface Held {
  readonly version: string;
  /** Undefined where only the version is known: the proxy named it at the start of its stream. */
  readonly content: Composite | undefined;
}

/** A response that is not answered yet. */
export interface Flight {
  readonly nonce: string;
  /** Counts all responses of the stream. */
  readonly sequence: number;
  readonly sentMs: number;
  /** The source's generation that was read. */
  readonly generation: number;
  readonly added: ReadonlyMap<string, Composite>;
  /** What the proxy held of each name that was removed. */
  readonly removed: ReadonlyMap<string, Held>;
}

/** One type on one stream: what is asked for, held, under way and to be looked at. */
export interface Ledger {
  readonly type: XdsType;
  /** True once responses of this type may be sent. */
  isRequested: boolean;
  /** True once the proxy itself asked; not so where clusters were sent unasked. */
  isSolicited: boolean;
  isWildcard: boolean;
  readonly names: Set<string>;
  readonly acked: Map<string, Held>;
  /** Oldest first. One at most, but for clusters, whose ACK Envoy withholds while anything warms. */
  readonly flights: Flight[];
  /** Names to look at when the next response may go. */
  readonly dirty: Set<string>;
  /** Names that must be answered though nothing changed. */
  readonly forced: Set<string>;
  /** Names of a refused response of which it is not known which was bad; each is sent by itself. */
  readonly suspects: Set<string>;
}

/** An empty ledger. */
export function createLedger(type: XdsType): Ledger {
  return {
    type,
    isRequested: false,
    isSolicited: false,
    isWildcard: false,
    names: new Set(),
    acked: new Map(),
    flights: [],
    dirty: new Set(),
    forced: new Set(),
    suspects: new Set(),
  };
}

/** What the proxy will hold when it has taken all that is under way. */
export function latestOf(ledger: Ledger, name: string): Held | undefined {
  for (let index = ledger.flights.length - 1; index >= 0; index--) {
    const flight = ledger.flights[index];
    const added = flight?.added.get(name);
    if (added !== undefined) return { version: added.version, content: added };
    if (flight?.removed.has(name) === true) return undefined;
  }
  return ledger.acked.get(name);
}

/** True if the proxy asked for this name, or for all. */
export function isWanted(ledger: Ledger, name: string): boolean {
  return ledger.isWildcard || ledger.names.has(name);
}

/** Marks a name that must be answered even if nothing changed. */
export function force(ledger: Ledger, name: string): void {
  ledger.forced.add(name);
  ledger.dirty.add(name);
}
