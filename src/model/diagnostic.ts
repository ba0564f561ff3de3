import type { ObjectRef } from '../schema/object.ts';

/** Something to tell the user about the configuration: data, never an exception. */
export interface Diagnostic {
  /** Stable code: Istio's (`IST0101`) where the meaning is the same, else `MZ` and four digits. */
  readonly code: string;
  readonly level: 'error' | 'warning' | 'info';
  readonly object: ObjectRef;
  /** Path of the field, as Kubernetes writes it; empty for the whole object. */
  readonly path: string;
  readonly message: string;
  /** How to mend it; absent where the message says it all. */
  readonly fix?: string;
}
