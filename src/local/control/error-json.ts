import { MizzenError } from '../../base/error.ts';

/** An error as it crosses the socket. */
export interface ErrorJson {
  readonly code: string;
  readonly message: string;
  readonly fix?: string;
}

/** An error as data. What is no `MizzenError` is a bug of the answering side and says so. */
export function errorJson(error: unknown): ErrorJson {
  if (error instanceof MizzenError)
    return { code: error.code, message: error.message, ...(error.fix === undefined ? {} : { fix: error.fix }) };
  return { code: 'bug', message: `the supervisor failed: ${error instanceof Error ? error.message : String(error)}` };
}

/** Data as an error; what is none of ours becomes `bad-answer`. */
export function errorFromJson(value: unknown): MizzenError {
  if (typeof value !== 'object' || value === null || !('code' in value) || !('message' in value))
    return new MizzenError('bad-answer', 'the mesh answered with something that is no answer');
  const fix = 'fix' in value && typeof value.fix === 'string' ? { fix: value.fix } : {};
  return new MizzenError(String(value.code), String(value.message), fix);
}
