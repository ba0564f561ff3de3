/** Runs command lines as a user would, in a temporary folder, and keeps what they print. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import type { Context } from '../context.ts';
import { run } from '../run.ts';

/** What a command line came to. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder to run in. */
export interface Place {
  readonly folder: string;
  /** Runs a line; `parts` takes the place of parts of the world. */
  run(argv: readonly string[], parts?: Partial<Context>): Promise<Ran>;
}

/** A time that stays: what is printed must not depend on the day. */
export const fixedNow: number = Date.parse('2026-01-01T01:00:00Z');

/** A temporary folder that is the working directory, HOME and the home of all state. */
export function createPlace(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'mizzen-cli-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    async run(argv, parts = {}) {
      const text = { out: '', err: '' };
      const context: Context = {
        program: 'mizzen',
        cwd: folder,
        env: { HOME: folder, XDG_STATE_HOME: join(folder, 'state') },
        stdin: Readable.from([]),
        stdout: writer((chunk) => (text.out += chunk)),
        stderr: writer((chunk) => (text.err += chunk)),
        out: (more) => (text.out += more),
        err: (more) => (text.err += more),
        isTerminal: { out: false, err: false },
        now: Date.now,
        onInterrupt: () => () => undefined,
        loadStartMesh: () => Promise.reject(new Error('no mesh is to be started here')),
        startSelf: () => {
          throw new Error('no process is to be started here');
        },
        ...parts,
      };
      const code = await run(argv, context);
      const hide = (said: string): string => said.replaceAll(folder, 'FOLDER');
      return { code, out: hide(text.out), err: hide(text.err) };
    },
  };
}

function writer(take: (chunk: string) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      take(chunk.toString('utf8'));
      done();
    },
  });
}
