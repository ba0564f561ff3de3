import { setTimeout as sleep } from 'node:timers/promises';
import { attempt } from './probe.ts';
import type { ProbeResult } from './probe-grpc.ts';
import type { ProbeTarget } from './probe.ts';
import type { Probe } from './spec.ts';

/** Kubernetes' defaults (core/v1 Probe). */
const defaultPeriodSeconds = 10;
const defaultTimeoutSeconds = 1;
const defaultFailures = 3;

/** Until it has succeeded once, a probe is asked more often than its period says: doubling from this. */
const eagerMs = 100;

/** Calls back when a probe's verdict changes. */
export interface ProbeLoop {
  readonly probe: Probe;
  readonly target: ProbeTarget;
  /** True when the successes reach their threshold, false when the failures do; only on change, and first after no verdict. */
  readonly onVerdict: (ok: boolean, message: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Asks a probe until the signal ends it. Waiting for a first success it asks eagerly, because on one machine the period is
 * most of the time to start; then failures are counted by the time they stand for, so `failureThreshold × periodSeconds`
 * keeps its meaning. Never rejects.
 */
export async function runProbeLoop({ probe, target, onVerdict, signal }: ProbeLoop): Promise<void> {
  const periodMs = Math.max(1, probe.periodSeconds ?? defaultPeriodSeconds) * 1000;
  const timeoutMs = Math.max(1, probe.timeoutSeconds ?? defaultTimeoutSeconds) * 1000;
  const successesWanted = probe.successThreshold ?? 1;
  const failuresWanted = probe.failureThreshold ?? defaultFailures;
  let verdict: boolean | undefined;
  let successes = 0;
  let failures = 0;
  let waitMs = (probe.initialDelaySeconds ?? 0) * 1000;
  let eager = eagerMs;
  for (;;) {
    if (!(await pause(waitMs, signal))) return;
    const result: ProbeResult = await attempt(probe, target, timeoutMs);
    if (signal.aborted) return;
    const neverOk = verdict !== true;
    waitMs = neverOk ? Math.min(eager, periodMs) : periodMs;
    if (neverOk) eager *= 2;
    successes = result.ok ? successes + 1 : 0;
    failures = result.ok ? 0 : failures + (neverOk ? waitMs / periodMs : 1);
    if (result.ok && successes >= successesWanted && verdict !== true) {
      verdict = true;
      waitMs = periodMs;
      onVerdict(true, '');
    } else if (!result.ok && failures >= failuresWanted && verdict !== false) {
      verdict = false;
      onVerdict(false, result.message);
    }
  }
}

/** True after the time, false where the signal came first. */
export async function pause(timeMs: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return false;
  try {
    await sleep(timeMs, undefined, { signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
