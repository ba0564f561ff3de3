import { MizzenError } from '../../base/error.ts';
import type { PublishedPort } from './gateways.ts';

/** What the supervisor is told by whoever started the sandbox, as JSON in its first argument. */
export interface SupervisorOptions {
  readonly name: string;
  /** Folder that `up` was given, absolute. */
  readonly folder: string;
  readonly stateFolder: string;
  readonly mode: 'root' | 'user';
  readonly allowLoopback: boolean;
  /** Root folder of the program. */
  readonly programFolder: string;
  readonly published: readonly PublishedPort[];
  /** The control plane's program, absolute; the product's own by default. */
  readonly controlPlane?: string;
}

/** Reads the argument. Throws `supervisor-arguments`. */
export function readOptions(text: string | undefined): SupervisorOptions {
  const value: unknown = JSON.parse(text ?? 'null');
  if (typeof value === 'object' && value !== null && 'stateFolder' in value) return value as SupervisorOptions;
  throw new MizzenError('supervisor-arguments', 'the supervisor is started by mizzen up and by nothing else');
}
