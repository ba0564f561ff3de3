// Stands outside: enters the sandbox for the driver and stays until that ends. A process of its own so that a test can
// run it as another user and kill it.
import { enterSandbox } from '../../src/local/sandbox/enter-sandbox.ts';

const [kind = 'root', driver = '', stateFolder = '', visible = ''] = process.argv.slice(2);
const sandbox = await enterSandbox({
  kind: kind === 'user' ? 'user' : 'root',
  command: process.execPath,
  args: [driver, kind, stateFolder, visible],
  env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' },
  stdio: ['inherit', 'inherit', 'inherit'],
});
process.stderr.write(`sandbox ${String(sandbox.pid)}\n`);
process.exitCode = await sandbox.exited;
