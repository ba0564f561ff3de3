import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MizzenError } from '../../base/error.ts';
import { defineCommand } from '../command.ts';
import { upOptions } from '../options.ts';
import { portsOf } from '../ports.ts';
import { runMesh } from '../run-mesh.ts';
import { claimFolder, removeLeftBehind, stateHome } from '../state-folder.ts';
import { usageError } from '../usage-error.ts';
import { modeOf } from './up.ts';

const prefix = 'demo-';

/** Bookinfo in a mesh. */
export const demo = defineCommand({
  name: 'demo',
  summary: 'Run the Bookinfo example in a mesh with traffic to look at',
  description: 'It is up examples/bookinfo with a temporary state folder: after Ctrl-C nothing of it is left.',
  examples: [
    { line: 'demo', text: 'until Ctrl-C' },
    { line: 'demo --port 80=8080', text: 'with the pages at http://localhost:8080/productpage' },
  ],
  arguments: [],
  options: { ...upOptions },
  async run(context, { options }) {
    if (options.root && options.user) throw usageError('--root and --user exclude each other');
    const ports = portsOf(options.port);
    const folder = join(import.meta.dirname, '../../../examples/bookinfo');
    if (!existsSync(folder))
      throw new MizzenError('folder-missing', `${folder} does not exist`, { fix: 'run it from a checkout' });
    const home = stateHome(context.env);
    removeLeftBehind(home, prefix);
    return runMesh(context, {
      start: { folder, name: 'bookinfo', ports, allowLoopback: options['allow-loopback'], ...modeOf(options) },
      state: claimFolder(join(home, `${prefix}${process.pid}`), folder, context.program),
      isTemporary: true,
      isQuiet: false,
    });
  },
});
