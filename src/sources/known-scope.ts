import { kindOf } from '../schema/index.ts';
import type { ScopeOf } from './source.ts';

/** Scope of the kinds that `schema/` knows; what every source of manifests is given outside tests. */
export const knownScope: ScopeOf = (apiVersion, kind) => {
  const known = kindOf({ apiVersion, kind });
  return known === undefined ? undefined : known.namespaced ? 'Namespaced' : 'Cluster';
};
