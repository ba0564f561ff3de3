import type { XdsType } from '../proto/resource.ts';
import type { Composite } from './composite.ts';
import { keyOf } from './source.ts';

/** How many refused versions of one name are remembered; the oldest goes first. */
const refusedVersionsKept = 16;

/**
 * What must be known of a proxy beyond one stream: what it refused, for Envoy acknowledges a refused cluster when the
 * same bytes come again; and what it holds, so that held-back bytes survive a cut.
 */
export interface ProxyMemory {
  /** Type and name → version → Envoy's error text. */
  readonly refused: Map<string, Map<string, string>>;
  /** Type and name → what was acknowledged last; listeners and routes only. */
  readonly held: Map<string, Composite>;
  /**
   * Clusters and listeners (type and name) that were sent and not acknowledged: the proxy may have them without naming
   * them on its next stream, for good ones of a refused response are applied and not listed.
   */
  readonly unsure: Set<string>;
}

/** Nothing known. */
export function createProxyMemory(): ProxyMemory {
  return { refused: new Map(), held: new Map(), unsure: new Set() };
}

/** Remembers that a proxy refused these bytes. */
export function rememberRefusal(memory: ProxyMemory, type: XdsType, sent: Composite, message: string): void {
  const key = keyOf(type, sent.name);
  const versions = memory.refused.get(key) ?? new Map<string, string>();
  versions.delete(sent.version);
  versions.set(sent.version, message);
  const oldest = versions.keys().next();
  if (versions.size > refusedVersionsKept && oldest.done !== true) versions.delete(oldest.value);
  memory.refused.set(key, versions);
}

/** Envoy's error text if the proxy refused this version before. */
export function refusalOf(memory: ProxyMemory, type: XdsType, sent: Composite): string | undefined {
  return memory.refused.get(keyOf(type, sent.name))?.get(sent.version);
}

/**
 * Which of the names in a refused response were bad. Delta xDS tells it only in the text: Envoy writes
 * `Error adding/updating cluster(s) NAME: why, NAME: why` for clusters and the like for listeners, and no name for some
 * route errors. Empty if the text names none.
 */
export function findCulprits(names: readonly string[], message: string): readonly string[] {
  if (names.length <= 1) return names;
  return names.filter((name) => isNamed(name, message));
}

function isNamed(name: string, message: string): boolean {
  for (let at = message.indexOf(name); at >= 0; at = message.indexOf(name, at + 1)) {
    const before = message[at - 1];
    const after = message[at + name.length];
    if (!isNameCharacter(before) && !isNameCharacter(after)) return true;
  }
  return false;
}

/** Characters that Istio's names are made of; a name inside a longer one is another name. */
function isNameCharacter(character: string | undefined): boolean {
  return character !== undefined && /[\w|./~-]/u.test(character);
}
