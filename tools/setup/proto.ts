import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { envoyDigest, envoyPath } from '../../src/local/envoy-binary.ts';
import type { Step } from './step.ts';

const root = join(import.meta.dirname, '..', '..');
const generator = join(root, 'tools', 'proto');
const output = join(root, 'src', 'proto', 'generated');
const stamp = join(output, 'stamp');

/** Writes what `src/proto` reads, descriptors and encoder table, from the very Envoy that will run. */
export function protoStep(): Step {
  return {
    name: 'descriptors',
    progress: "reading the descriptors out of Envoy's binary",
    lock: join(root, 'node_modules', '.proto-lock'),
    isDone: () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wantedStamp(),
    run: async () => {
      const { generateProto } = await import('../proto/generate.ts');
      await generateProto(envoyPath(), output);
      writeFileSync(stamp, wantedStamp());
    },
  };
}

/** Another Envoy or another generator makes another result. */
function wantedStamp(): string {
  const hash = createHash('sha256').update(envoyDigest());
  for (const file of readdirSync(generator).toSorted())
    if (file.endsWith('.ts') && !file.endsWith('.test.ts'))
      hash.update(`\0${file}\0`).update(readFileSync(join(generator, file)));
  return hash.digest('hex');
}
