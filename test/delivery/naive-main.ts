/** A control plane without the gate, run by a test in the place of the product's. */
import { runAsProcess } from '../../src/server/process.ts';
import { createNaiveGate } from './naive-gate.ts';

await runAsProcess({ createGate: createNaiveGate });
