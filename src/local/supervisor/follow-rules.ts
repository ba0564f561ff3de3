/** Keeps the sandbox's own network rules as services and endpoints are. */
import { MizzenError } from '../../base/error.ts';
import type { EndpointSlice, Service } from '../../schema/index.ts';
import { podRange, serviceRange } from '../net/pod-network.ts';
import { createRuleKeeper } from '../proxy-rules/rule-keeper.ts';
import { runTool } from '../sandbox/run-tool.ts';
import type { Store } from '../store/store.ts';
import { egressPort } from './egress.ts';

/** Follows the store until closed. A failure is logged and tried again at the next change. */
export function followRules(store: Store, log: (message: string) => void): { close(): void } {
  const keeper = createRuleKeeper({
    settings: { podRange, serviceRange, dnsPort: 53, egressPort, balance: 'random' },
    apply: restore,
  });
  let scheduled = false;
  const update = (): void => {
    scheduled = false;
    const services = store.list('Service') as readonly Service[];
    const slices = store.list('EndpointSlice') as readonly EndpointSlice[];
    keeper.update(services, slices).catch((error: unknown) => log(`rules: ${String(error)}`));
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(update);
  };
  const end = store.watch((line) => {
    if ('object' in line && (line.object.kind === 'Service' || line.object.kind === 'EndpointSlice')) schedule();
  });
  schedule();
  return { close: end };
}

async function restore(text: string): Promise<void> {
  const { code, stderr } = await runTool('iptables-restore', ['--noflush', '--wait'], { input: text });
  if (code !== 0) throw new MizzenError('rules-refused', `iptables-restore refused the rules: ${stderr.trim()}`);
}
