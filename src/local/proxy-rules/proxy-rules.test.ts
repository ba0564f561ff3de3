import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EndpointSlice, Service } from '../../schema/index.ts';
import { restoreText } from './restore-text.ts';
import { createRuleKeeper } from './rule-keeper.ts';
import { serviceRules, type RuleSettings } from './service-rules.ts';

const settings: RuleSettings = {
  podRange: '10.44.0.0/16',
  serviceRange: '10.96.0.0/16',
  dnsPort: 53,
  egressPort: 15099,
  balance: 'random',
};
const service = (
  name: string,
  clusterIP: string,
  ports: Service['spec']['ports'] = [{ name: 'http', port: 9080 }],
): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'default' },
  spec: { clusterIP, ...(ports === undefined ? {} : { ports }) },
});
const slice = (of: string, ips: readonly string[], port = 8080, ready = true): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: `${of}-${port}`, namespace: 'default', labels: { 'kubernetes.io/service-name': of } },
  addressType: 'IPv4',
  endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready } })),
  ports: [{ name: 'http', port, protocol: 'TCP' }],
});

/** Where a new connection ends by these rules, `pick` standing for chance: a small netfilter. */
function walk(
  text: string,
  packet: { from: string; to: string; protocol: 'tcp' | 'udp'; port: number },
  pick: () => number,
): string {
  const table = (name: string): string[] =>
    text
      .split('*')
      .find((part) => part.startsWith(name))
      ?.split('\n') ?? [];
  let now = { ...packet };
  let hairpin = false;
  const within = (address: string, range: string): boolean => {
    const [base = '', bits = '32'] = range.split('/');
    return (
      address
        .split('.')
        .slice(0, Number(bits) / 8)
        .join('.') ===
      base
        .split('.')
        .slice(0, Number(bits) / 8)
        .join('.')
    );
  };
  const fits = (rule: string): boolean => {
    const value = (flag: string): string | undefined => new RegExp(`${flag} (\\S+)`, 'u').exec(rule)?.[1];
    const source = value(' -s');
    const negated = rule.includes('! -s');
    const probability = value('--probability');
    return (
      (source === undefined || within(now.from, source) !== negated) &&
      (value(' -d') === undefined || within(now.to, value(' -d') ?? '')) &&
      (value(' -p') === undefined || value(' -p') === now.protocol) &&
      (value('--dport') === undefined || Number(value('--dport')) === now.port) &&
      (value('--mark') === undefined || hairpin) &&
      (probability === undefined || pick() < Number(probability))
    );
  };
  const run = (lines: string[], chain: string): string | undefined => {
    for (const rule of lines.filter((line) => line.startsWith(`-A ${chain} `))) {
      if (!fits(` ${rule.slice(`-A ${chain} `.length)}`)) continue;
      const target = / -j (\S+)/u.exec(rule)?.[1] ?? '';
      if (target === 'MARK') hairpin = true;
      else if (target === 'RETURN') return undefined;
      else if (target === 'DNAT') {
        const [ip = '', port = ''] = (/--to-destination (\S+)/u.exec(rule)?.[1] ?? '').split(':');
        now = { ...now, to: ip, port: Number(port) };
        return 'DNAT';
      } else if (target === 'REDIRECT') return `redirect ${/--to-ports (\d+)/u.exec(rule)?.[1] ?? ''}`;
      else if (target === 'REJECT') return `refused ${/--reject-with (\S+)/u.exec(rule)?.[1] ?? ''}`;
      else if (target === 'MASQUERADE') return 'masquerade';
      else {
        const verdict = run(lines, target);
        if (verdict !== undefined) return verdict;
      }
    }
    return undefined;
  };
  const nat = run(table('nat'), 'PREROUTING');
  if (nat?.startsWith('redirect') === true) return nat;
  const filter = run(table('filter'), 'FORWARD');
  if (filter !== undefined) return filter;
  const back = run(table('nat'), 'POSTROUTING');
  return `${now.to}:${now.port}${back === undefined ? '' : ` ${back}`}`;
}

const text = restoreText(
  serviceRules(
    [
      service('reviews', '10.96.1.1'),
      service('empty', '10.96.1.2'),
      service('two', '10.96.1.3', [
        { name: 'http', port: 80 },
        { name: 'dns', port: 53, protocol: 'UDP' },
      ]),
      service('nodes', 'None'),
    ],
    [
      slice('reviews', ['10.44.0.2', '10.44.0.3', '10.44.0.4']),
      slice('reviews', ['10.44.0.9'], 8080, false),
      slice('empty', ['10.44.0.5'], 1, false),
      slice('two', ['10.44.0.6'], 7000),
      slice('two', ['10.44.0.7'], 7001),
      slice('nodes', ['10.44.0.2']),
    ],
    settings,
  ),
  undefined,
);
const from = '10.44.0.2';
const chance =
  (...values: number[]): (() => number) =>
  () =>
    values.shift() ?? 0;

describe('where packets go', () => {
  test('to an endpoint by chance, each as likely as the others', () => {
    const to = (pick: () => number): string =>
      walk(text, { from: '10.44.0.8', to: '10.96.1.1', protocol: 'tcp', port: 9080 }, pick);
    assert.deepEqual(
      [to(chance(0.3)), to(chance(0.4, 0.4)), to(chance(0.4, 0.6))],
      ['10.44.0.2:8080', '10.44.0.3:8080', '10.44.0.4:8080'],
    );
    assert.deepEqual(
      [...text.matchAll(/probability (\S+)/gu)]
        .map(([, probability = '']) => probability)
        .toSorted()
        .slice(0, 3),
      ['0.33333333333', '0.50000000000', '0.50000000000'],
    );
    assert.ok(!text.includes('10.44.0.9'), 'what is not ready gets nothing');
  });
  test('back to the one that called, with another source', () => {
    assert.equal(
      walk(text, { from, to: '10.96.1.1', protocol: 'tcp', port: 9080 }, chance(0)),
      '10.44.0.2:8080 masquerade',
    );
  });
  const cases: [name: string, packet: Parameters<typeof walk>[1], verdict: string][] = [
    [
      'a service without endpoints is refused',
      { from, to: '10.96.1.2', protocol: 'tcp', port: 9080 },
      'refused tcp-reset',
    ],
    [
      'a port that a service does not have is refused',
      { from, to: '10.96.1.1', protocol: 'tcp', port: 81 },
      'refused tcp-reset',
    ],
    [
      'an address that no service has is refused',
      { from, to: '10.96.200.1', protocol: 'udp', port: 53 },
      'refused icmp-port-unreachable',
    ],
    ['a pod is reached by its own address', { from, to: '10.44.0.7', protocol: 'tcp', port: 1234 }, '10.44.0.7:1234'],
    [
      'TCP that leaves goes to the egress port',
      { from, to: '192.0.2.1', protocol: 'tcp', port: 443 },
      'redirect 15099',
    ],
    ['DNS that leaves goes to our own server', { from, to: '192.0.2.1', protocol: 'udp', port: 53 }, 'redirect 53'],
    [
      'other UDP does not leave',
      { from, to: '192.0.2.1', protocol: 'udp', port: 443 },
      'refused icmp-port-unreachable',
    ],
    [
      'what is not from a pod is left alone',
      { from: '127.0.0.1', to: '192.0.2.1', protocol: 'tcp', port: 443 },
      '192.0.2.1:443',
    ],
  ];
  for (const [name, packet, verdict] of cases)
    test(name, () =>
      assert.equal(
        walk(text, packet, () => 0),
        verdict,
      ),
    );
  test('without a way out TCP is refused as well', () => {
    const { egressPort: _, ...closed } = settings;
    const rules = restoreText(serviceRules([], [], closed), undefined);
    assert.equal(
      walk(rules, { from, to: '192.0.2.1', protocol: 'tcp', port: 443 }, () => 0),
      'refused tcp-reset',
    );
  });
  test("without the kernel's chance the first endpoint gets all", () => {
    const rules = restoreText(
      serviceRules([service('reviews', '10.96.1.1')], [slice('reviews', ['10.44.0.2', '10.44.0.3'])], {
        ...settings,
        balance: 'first',
      }),
      undefined,
    );
    assert.ok(!rules.includes('statistic') && !rules.includes('10.44.0.3'));
  });
});

describe('keeping', () => {
  const services = [service('reviews', '10.96.1.1')];
  test('applies changes only, removes what is left over, joins the kernel once', async () => {
    const applied: string[] = [];
    const keeper = createRuleKeeper({ settings, apply: (given) => Promise.resolve(void applied.push(given)) });
    await keeper.update(services, [slice('reviews', ['10.44.0.2', '10.44.0.3'])]);
    await keeper.update(services, [slice('reviews', ['10.44.0.3', '10.44.0.2'])]);
    assert.equal(applied.length, 1);
    await keeper.update(services, [slice('reviews', ['10.44.0.2'])]);
    await keeper.update([], []);
    assert.equal(applied.length, 3);
    assert.deepEqual(
      applied.map((given) => given.includes('-A PREROUTING')),
      [true, false, false],
    );
    assert.equal([...(applied[1] ?? '').matchAll(/^-X MIZZEN-SEP-\w+$/gmu)].length, 1);
    assert.equal([...(applied[2] ?? '').matchAll(/^-X MIZZEN-(?:SEP|SVC)-\w+$/gmu)].length, 2);
    for (const given of applied) {
      const declared = new Set([...given.matchAll(/^:(\S+) /gmu)].map((match) => match[1]));
      for (const [, chain] of given.matchAll(/-[AX] (MIZZEN\S+)/gu)) assert.ok(declared.has(chain), chain);
      assert.ok(
        [...declared].every((chain) => (chain?.length ?? 99) < 29),
        'netfilter takes 28 characters',
      );
    }
  });
  test('a burst while one is applied costs one more, and a failure is begun anew', async () => {
    const applied: string[] = [];
    let fail = true;
    const keeper = createRuleKeeper({
      settings,
      apply: async (given) => {
        await Promise.resolve();
        if (fail) throw new Error('busy');
        applied.push(given);
      },
    });
    await assert.rejects(keeper.update(services, []), /busy/u);
    fail = false;
    const all = Array.from({ length: 20 }, (_, i) => keeper.update(services, [slice('reviews', [`10.44.0.${i + 2}`])]));
    await Promise.all(all);
    assert.ok(applied.length <= 2);
    assert.match(applied[0] ?? '', /-A PREROUTING/u);
    assert.match(applied.at(-1) ?? '', /10\.44\.0\.21:8080/u);
  });
});
