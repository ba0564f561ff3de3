import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasSysAdmin, sandboxMode, sandboxModeOf } from './sandbox-mode.ts';
import type { SandboxFacts } from './sandbox-mode.ts';

const denied = { ok: false, said: 'unshare: unshare failed: Operation not permitted' };
const fine = { ok: true, said: '' };

/** An ordinary user's machine on which everything is refused, but for what a case changes. */
function facts(change: Partial<SandboxFacts>): SandboxFacts {
  return {
    platform: 'linux',
    uid: 1000,
    missingTools: [],
    asRoot: undefined,
    asUser: denied,
    apparmorRestrictsUserNamespaces: undefined,
    unprivilegedUserNamespaces: undefined,
    mostUserNamespaces: '60000',
    isContainer: false,
    hasSysAdmin: false,
    ...change,
  };
}

function refusal(change: Partial<SandboxFacts>): { readonly message: string; readonly fix: string } {
  const mode = sandboxModeOf(facts(change));
  if (mode.kind !== 'refused') throw new Error(`not refused: ${mode.kind}`);
  assert.doesNotMatch(mode.fix, /\n/u);
  return mode;
}

test('what works is used, root first', () => {
  assert.deepEqual(sandboxModeOf(facts({ uid: 0, asRoot: fine, asUser: undefined, hasSysAdmin: true })), {
    kind: 'root',
  });
  assert.deepEqual(sandboxModeOf(facts({ asUser: fine })), { kind: 'user' });
  assert.deepEqual(sandboxModeOf(facts({ uid: 0, asRoot: denied, asUser: fine })), { kind: 'user' });
});

test('another system than Linux', () => {
  const { message, fix } = refusal({ platform: 'darwin', asUser: undefined });
  assert.match(message, /needs Linux namespaces, and this is macOS/u);
  assert.match(fix, /lima.*Kubernetes cluster/u);
});

test('missing tools are named with their packages', () => {
  assert.deepEqual(refusal({ missingTools: ['ip', 'iptables-restore'], asUser: undefined }), {
    kind: 'refused',
    message: 'this machine lacks ip, iptables-restore',
    fix: 'sudo apt-get install -y iproute2 iptables',
  });
  assert.equal(refusal({ uid: 0, missingTools: ['unshare', 'nsenter'] }).fix, 'apt-get install -y util-linux');
});

test('each switch of the kernel has its own line', () => {
  const apparmor = refusal({
    apparmorRestrictsUserNamespaces: '1',
    asUser: { ok: false, said: 'unshare: write failed /proc/self/uid_map: Operation not permitted' },
  });
  assert.match(apparmor.message, /AppArmor.*Ubuntu.*\(unshare: write failed/u);
  assert.match(apparmor.fix, /kernel\.apparmor_restrict_unprivileged_userns=0/u);
  assert.match(refusal({ unprivilegedUserNamespaces: '0' }).fix, /kernel\.unprivileged_userns_clone=1/u);
  assert.match(
    refusal({
      mostUserNamespaces: '0',
      asUser: { ok: false, said: 'unshare: unshare failed: No space left on device' },
    }).fix,
    /user\.max_user_namespaces=15000/u,
  );
});

test('a container of Docker, as root and with rights that do not suffice', () => {
  const plain = refusal({ uid: 0, isContainer: true, asRoot: denied });
  assert.match(plain.message, /Docker does by default \(seccomp, no CAP_SYS_ADMIN\).*Operation not permitted/u);
  assert.match(plain.fix, /--privileged/u);
  assert.match(
    refusal({ uid: 0, isContainer: true, hasSysAdmin: true, asRoot: { ok: false, said: 'a tmpfs: permission denied' } })
      .message,
    /AppArmor profile/u,
  );
  assert.match(refusal({ uid: 0, asRoot: denied }).message, /no CAP_SYS_ADMIN/u);
});

test('a kernel without a part says which, wherever it runs', () => {
  for (const isContainer of [true, false]) {
    const { message, fix } = refusal({
      isContainer,
      asUser: { ok: false, said: 'a bridge: RTNETLINK answers: Operation not supported' },
    });
    assert.match(message, /lacks a part.*a bridge/u);
    assert.match(fix, /modprobe/u);
  }
});

test('what nothing explains is still said', () => {
  assert.match(refusal({}).message, /cannot be made \(unshare: unshare failed: Operation not permitted\)/u);
});

test('capabilities are read from the status of a process', () => {
  assert.equal(hasSysAdmin('Name:\tx\nCapEff:\t000001fffeffffff\n'), true);
  assert.equal(hasSysAdmin('CapEff:\t00000000a80425fb\n'), false);
});

test('this machine answers one way or the other', async () => {
  const mode = await sandboxMode();
  assert.ok(['root', 'user', 'refused'].includes(mode.kind));
});
