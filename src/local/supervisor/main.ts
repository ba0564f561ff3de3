/** The supervisor's process, inside the sandbox. */
import { MizzenError } from '../../base/error.ts';
import { readOptions } from './options.ts';
import { supervise } from './supervise.ts';

const log = (message: string): void => void process.stdout.write(`${new Date().toISOString()} ${message}\n`);

try {
  const supervisor = await supervise(readOptions(process.argv[2]), log);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => supervisor.stop());
  process.exitCode = await supervisor.stopped;
} catch (error) {
  const text =
    error instanceof MizzenError
      ? `${error.message}${error.fix === undefined ? '' : `: ${error.fix}`}`
      : String(error instanceof Error ? error.stack : error);
  log(text);
  process.exitCode = 1;
}
// Whatever is still open must not keep the sandbox alive.
process.exit();
