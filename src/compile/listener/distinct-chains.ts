import { canonicalJson, type JsonObject, type JsonValue } from '../../base/json.ts';
import { compact } from '../any.ts';

/**
 * Filter chains that no connection could choose two of: Envoy refuses the whole listener for one overlap. The first chain
 * has what several claim; a chain that has nothing left is dropped, one that has something left matches only that.
 */
export function distinctChains(chains: readonly JsonObject[]): readonly JsonObject[] {
  const claimed = new Set<string>();
  return chains.flatMap((chain) => {
    const match = (chain['filter_chain_match'] ?? {}) as JsonObject;
    const left = unclaimed(match, claimed);
    if (left === undefined) return [];
    for (const key of keysOf(left)) claimed.add(key);
    return [compact({ ...chain, filter_chain_match: left })];
  });
}

function unclaimed(match: JsonObject, claimed: ReadonlySet<string>): JsonObject | undefined {
  const unique = {
    ...match,
    server_names: [...new Set(names(match).map((name) => name.toLowerCase()))],
    prefix_ranges: [...new Map(ranges(match).map((range) => [canonicalJson(range), range])).values()],
  };
  const isFree = (part: JsonObject): boolean => keysOf(part).every((key) => !claimed.has(key));
  if (isFree(unique)) return compact(unique);
  const freeNames = unique.server_names.filter((name) => isFree({ ...unique, server_names: [name] }));
  if (freeNames.length > 0) return compact({ ...unique, server_names: freeNames });
  const freeRanges = unique.prefix_ranges.filter((range) => isFree({ ...unique, prefix_ranges: [range] }));
  return freeRanges.length > 0 ? compact({ ...unique, prefix_ranges: freeRanges }) : undefined;
}

/** One key for each combination of criteria that Envoy looks a connection up by. */
function keysOf(match: JsonObject): readonly string[] {
  const { server_names: _names, prefix_ranges: _ranges, application_protocols: _protocols, ...rest } = match;
  const orAny = (values: readonly JsonValue[]): readonly JsonValue[] => (values.length === 0 ? [''] : values);
  const protocols = (match['application_protocols'] ?? []) as readonly JsonValue[];
  return orAny(names(match)).flatMap((name) =>
    orAny(ranges(match)).flatMap((range) =>
      orAny(protocols).map((protocol) => canonicalJson([rest, name, range, protocol])),
    ),
  );
}

function names(match: JsonObject): readonly string[] {
  return (match['server_names'] ?? []) as readonly string[];
}

function ranges(match: JsonObject): readonly JsonObject[] {
  return (match['prefix_ranges'] ?? []) as readonly JsonObject[];
}
