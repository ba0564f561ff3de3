import { withLock } from './lock.mjs';
import { envoyStep } from './setup/envoy.ts';
import { protoStep } from './setup/proto.ts';
import { SetupError, type Step } from './setup/step.ts';
import { systemStep } from './setup/system.ts';

const flags = new Set(process.argv.slice(2));
const spent = process.argv.flatMap((argument) => (argument.startsWith('--spent=') ? [argument.slice(8)] : []));

try {
  const steps: (() => Step)[] = [];
  if (flags.has('--system')) steps.push(systemStep);
  if (flags.has('--envoy')) steps.push(envoyStep, protoStep);
  for (const step of steps) spent.push(...(await bring(step())));
  if (spent.length > 0) say(spent.join(', '));
  else if (flags.has('--report')) say('everything is there');
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  if (spent.length > 0) say(spent.join(', '));
  process.stderr.write(`mizzen: ${error.message}\n`);
  process.exitCode = 1;
}

/** Does what is left of a step; gives its line of the summary, or nothing when all was there. */
async function bring(step: Step): Promise<readonly string[]> {
  if (step.isDone()) return [];
  const onWait = (): void => say(`${step.name}: waiting for another set-up …`);
  const work = async (): Promise<readonly string[]> => {
    if (step.isDone()) return [];
    const start = performance.now();
    if (step.progress !== '') say(`${step.progress} …`);
    await step.run();
    if (!step.isDone()) throw new SetupError(`${step.name}: done as far as its tools say, and yet not there`);
    return [`${step.name} ${((performance.now() - start) / 1000).toFixed(1)} s`];
  };
  return withLock(step.lock, work, onWait);
}

function say(text: string): void {
  process.stderr.write(`set-up: ${text}\n`);
}
