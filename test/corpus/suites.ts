import type { SuiteLoader } from './case.ts';
import { authzCases } from './authz.ts';
import { sampleCases } from './samples.ts';
import { simulationCases } from './simulation.ts';
import { validationCases } from './validation.ts';

/** Who finds the cases of each suite. A suite that is not here is counted as unsupported. */
export const suites: Readonly<Record<string, SuiteLoader>> = {
  authz: authzCases,
  validation: validationCases,
  samples: sampleCases,
  simulation: simulationCases,
};
