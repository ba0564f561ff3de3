/** One piece of set-up. Each can be repeated at any time and resumes where it was cut off. */
export interface Step {
  /** As the summary names it: `Envoy 1.40.0`. */
  readonly name: string;
  /** What is told before it runs; '' for a step that can only fail. */
  readonly progress: string;
  /** A folder that serves as lock, so that two set-ups at once do the work once. */
  readonly lock: string;
  /** Whether nothing is left to do; quick, for it runs before every command. */
  isDone(): boolean;
  /** Does the work; what fails is a SetupError that says what to do. */
  run(): Promise<void>;
}

/** A set-up that cannot go on for a reason that the user can mend; the message says how. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}
