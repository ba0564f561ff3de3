import { readFileSync } from 'node:fs';
import { envoyVersion } from '../../local/envoy-binary.ts';
import { defineCommand } from '../command.ts';
import { jsonOption } from '../options.ts';

/** Which versions this program is made of. */
export const version = defineCommand({
  name: 'version',
  summary: 'Show the versions of this program, of Envoy and of Node',
  examples: [
    { line: 'version', text: 'for people' },
    { line: 'version -o json', text: 'for programs' },
  ],
  arguments: [],
  options: { ...jsonOption },
  async run(context, { options }) {
    const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
    const own = (JSON.parse(text) as { readonly version: string }).version;
    const node = process.versions.node;
    if (options.output === 'json') {
      const versions = { clientVersion: { version: own }, envoyVersion, nodeVersion: node };
      context.out(`${JSON.stringify(versions, null, 2)}\n`);
    } else context.out(`client version: ${own}\nenvoy version: ${envoyVersion}\nnode version: ${node}\n`);
    return 0;
  },
});
