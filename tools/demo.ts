import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { checkDemo } from '../test/demo/check.ts';

// npm run demo: Bookinfo in the foreground. npm run demo -- --check [WORD]: every claim of it (those with the word), shown.
const words = process.argv.slice(2);
const root = join(import.meta.dirname, '..');

if (words[0] === '--check') process.exitCode = await checkDemo(words[1]);
else process.exitCode = await demo();

function demo(): Promise<number> {
  const child = spawn(process.execPath, [join(root, 'src/cli/main.ts'), 'demo', ...words], { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child as well.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
}
