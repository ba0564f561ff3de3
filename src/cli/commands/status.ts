import { MizzenError } from '../../base/error.ts';
import type { MeshStatus } from '../../local/control/protocol.ts';
import { defineCommand } from '../command.ts';
import { pause, type Context } from '../context.ts';
import { findMesh } from '../find-mesh.ts';
import { jsonOption, meshOptions } from '../options.ts';
import { statusText } from '../status-text.ts';
import { styleFor } from '../style.ts';

const lookEveryMs = 1_000;

/** What runs, and how far the configuration has come. */
export const status = defineCommand({
  name: 'status',
  summary: 'Show gateways, pods, proxies and problems of a running mesh',
  description: [
    'A proxy is SYNCED when it has acknowledged everything that the configuration means for it, STALE while',
    'something is on its way, WARMING while something waits for a cluster or a secret, REJECTED when Envoy refused',
    'something, DISCONNECTED when it has no stream to the control plane.',
  ].join('\n'),
  examples: [
    { line: 'status', text: 'a table' },
    { line: 'status -o json', text: 'gateways, pods, proxies and problems for programs' },
    { line: 'status --watch', text: 'again at each change, until Ctrl-C' },
  ],
  arguments: [],
  options: {
    watch: { kind: 'flag', short: 'w', text: 'show it again at each change' },
    ...jsonOption,
    ...meshOptions,
  },
  async run(context, { options }) {
    const { control } = findMesh(context, options.state);
    const show = (now: MeshStatus): string => textOf(context, now, options.output === 'json', options.watch);
    let last = show(await control.status());
    context.out(last);
    if (!options.watch) return 0;
    for (let open = true; open;) {
      await pause(lookEveryMs);
      try {
        const next = show(await control.status());
        if (next !== last) context.out(next);
        last = next;
      } catch (error) {
        if (!(error instanceof MizzenError)) throw error;
        open = false;
      }
    }
    context.err('the mesh has ended\n');
    return 0;
  },
});

function textOf(context: Context, now: MeshStatus, isJson: boolean, isWatching: boolean): string {
  // One line for each change can be read line by line.
  if (isJson) return `${JSON.stringify(now, null, isWatching ? 0 : 2)}\n`;
  const clear = isWatching && context.isTerminal.out ? '\u001B[H\u001B[2J' : '';
  return `${clear}${statusText(now, styleFor(context.isTerminal.out, context.env), context.now())}${isWatching && clear === '' ? '\n' : ''}`;
}
