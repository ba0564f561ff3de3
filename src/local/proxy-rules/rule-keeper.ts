import { deepEqual } from '../../base/json.ts';
import type { EndpointSlice, Service } from '../../schema/index.ts';
import { restoreText } from './restore-text.ts';
import { serviceRules, type RuleSet, type RuleSettings } from './service-rules.ts';

/** Keeps the kernel's rules as the services and endpoints are. */
export interface RuleKeeper {
  /**
   * Brings the rules up to date; resolves when they are. While one change is applied the latest of those that came
   * meanwhile waits, so a burst costs two. Rejects with what `apply` rejects with, and starts from scratch at the next call.
   */
  update(services: readonly Service[], slices: readonly EndpointSlice[]): Promise<void>;
  /** Times that rules were applied. */
  appliedCount(): number;
}

/** What a keeper works with. */
export interface RuleKeeperOptions {
  readonly settings: RuleSettings;
  /** Runs `iptables-restore --noflush` in the sandbox's network namespace on this text; all or nothing for each table. */
  readonly apply: (text: string) => Promise<void>;
}

/** Applies nothing that is there already. */
export function createRuleKeeper({ settings, apply }: RuleKeeperOptions): RuleKeeper {
  let applied: RuleSet | undefined;
  let wanted: RuleSet | undefined;
  let running: Promise<void> | undefined;
  let count = 0;
  const run = async (): Promise<void> => {
    while (wanted !== undefined && !deepEqual(wanted, applied)) {
      const next = wanted;
      await apply(restoreText(next, applied));
      applied = next;
      count++;
    }
  };
  return {
    appliedCount: () => count,
    update(services, slices) {
      wanted = serviceRules(services, slices, settings);
      running ??= run().finally(() => {
        running = undefined;
      });
      return running;
    },
  };
}
