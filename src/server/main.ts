/** The control plane's program. */
import { runAsProcess } from './process.ts';

await runAsProcess();
