/** Options that several commands share. */
import type { Options } from './command.ts';

/** Which mesh. */
export const meshOptions = {
  state: {
    kind: 'text',
    value: 'FOLDER',
    text: "the mesh's state folder (default: MIZZEN_STATE, else the only running mesh)",
  },
} as const satisfies Options;

/** Which namespace. */
export const namespaceOption = {
  namespace: { kind: 'text', short: 'n', value: 'NAMESPACE', text: 'namespace (default: default)' },
} as const satisfies Options;

/** Which container. */
export const containerOption = {
  container: { kind: 'text', short: 'c', value: 'NAME', text: "container (default: the pod's first)" },
} as const satisfies Options;

/** Output for programs. */
export const jsonOption = {
  output: { kind: 'text', short: 'o', choices: ['json'], text: 'print JSON, for programs' },
} as const satisfies Options;

/** The namespace that is meant where none is named. */
export const defaultNamespace = 'default';

/** How a mesh is run. */
export const upOptions = {
  port: {
    kind: 'texts',
    value: 'GATEWAY=HOST',
    text: 'port of this machine for a port of the gateway; may be repeated',
  },
  'allow-loopback': { kind: 'flag', text: "let pods dial this machine's own loopback and link-local addresses" },
  root: { kind: 'flag', text: 'run it as root (default where that is possible)' },
  user: { kind: 'flag', text: 'run it in a user namespace, as an ordinary user' },
} as const satisfies Options;
