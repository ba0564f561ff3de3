/** `npm run demo -- --check`: every claim of the demo, shown on real processes. */
import { plainClient, steps } from './steps.ts';
import { startBookinfo } from './context.ts';

/** Runs the claims in one mode; resolves with how many failed. */
export async function checkDemo(mode: 'root' | 'user', only: string | undefined): Promise<number> {
  const started = performance.now();
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const mesh = await startBookinfo({ mode, files: { 'plain.yaml': plainClient } });
  print(`✔ Bookinfo up ${mode === 'root' ? 'as root' : 'as an ordinary user'}: ${((performance.now() - started) / 1_000).toFixed(1)} s from the start to ready`);
  let failed = 0;
  try {
    for (const step of steps.filter(({ name }) => only === undefined || name.includes(only))) {
      try {
        print(`✔ ${step.name}: ${await step.run(mesh)}`);
      } catch (error) {
        failed += 1;
        print(`✖ ${step.name}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    await mesh.end();
  }
  return failed;
}
