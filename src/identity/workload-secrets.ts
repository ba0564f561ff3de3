/** Each identity's own certificate as SDS secrets, renewed before it ages; keys live in memory only. */

import { hashText } from '../base/hash.ts';
import type { Resource } from '../proto/resource.ts';
import { rootSecret, workloadSecret } from '../compile/names.ts';
import type { Authority, IssuedCertificate } from './authority.ts';
import { inlineBytes, secretResource } from './secret-resource.ts';
import { checkedSpiffeId, type WorkloadIdentity } from './workload-identity.ts';

/** Life of a workload's certificate unless told otherwise. */
export const defaultWorkloadTtlMs = 86_400_000;

/** The longest that a timer of node can wait, and short enough to notice a clock that was set. */
const longestSleepMs = 3_600_000;

/** The secrets that a proxy gets under `default` and `ROOTCA`. */
export interface WorkloadSecretSet {
  readonly workload: Resource;
  readonly roots: Resource;
  readonly notAfterMs: number;
  /** When the next certificate is issued, milliseconds since 1970. */
  readonly renewAtMs: number;
}

/** How certificates are issued and renewed. */
export interface WorkloadSecretsOptions {
  readonly authority: Authority;
  /** Life of a certificate in milliseconds. Default 24 h. */
  readonly ttlMs?: number;
  /** A renewal that failed; the certificate before it serves on and the next try follows within a minute. */
  readonly onFailure: (identity: WorkloadIdentity, error: unknown) => void;
  /** Milliseconds since 1970. Default: the machine's clock. */
  readonly clock?: () => number;
  /** 0 to 1, spreads the renewals. Default `Math.random`. */
  readonly random?: () => number;
}

interface Entry {
  readonly identity: WorkloadIdentity;
  readonly secrets: WorkloadSecretSet;
  /** When the next renewal is tried. */
  readonly dueMs: number;
}

/**
 * Version of a workload's secret: identity and issuer as a hash, then the end of its life in seconds. It says nothing
 * of the key, so that another replica can tell a secret it never saw, and leave it alone while it is good.
 */
export function workloadSecretVersion(identity: WorkloadIdentity, issuer: string, notAfterMs: number): string {
  return `${hashText(`${checkedSpiffeId(identity)} ${issuer}`)}.${Math.floor(notAfterMs / 1_000)}`;
}

/**
 * When a secret that a reconnecting proxy holds must be replaced, milliseconds since 1970; undefined if at once: not of
 * this identity, not of this issuer, or no version of ours. A proxy that makes a version up harms only itself.
 */
export function renewalOfHeld(
  version: string,
  holder: { readonly identity: WorkloadIdentity; readonly issuer: string; readonly ttlMs: number },
): number | undefined {
  const notAfterText = /\.(\d{1,12})$/u.exec(version)?.[1];
  if (notAfterText === undefined) return undefined;
  const notAfterMs = Number(notAfterText) * 1_000;
  return workloadSecretVersion(holder.identity, holder.issuer, notAfterMs) === version
    ? notAfterMs - holder.ttlMs / 2
    : undefined;
}

/** Told after each renewal. */
export type RenewalListener = (identity: WorkloadIdentity, secrets: WorkloadSecretSet) => void;

/** Certificates of the identities that are connected, renewed by a timer of its own until `close()`. */
export class WorkloadSecrets {
  readonly #options: Required<WorkloadSecretsOptions>;
  readonly #roots: Resource;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners = new Set<RenewalListener>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: WorkloadSecretsOptions) {
    this.#options = { ttlMs: defaultWorkloadTtlMs, clock: Date.now, random: Math.random, ...options };
    const trusted = inlineBytes(options.authority.trustBundlePem);
    this.#roots = secretResource(rootSecret, { validation_context: { trusted_ca: trusted } });
  }

  /**
   * The identity's secrets, issued at the first demand; the same ones for every proxy of that identity. The identity
   * must be the one that the token review told. Fails as `Authority.issueWorkload` does.
   */
  secretsOf(identity: WorkloadIdentity): WorkloadSecretSet {
    const key = checkedSpiffeId(identity);
    const known = this.#entries.get(key);
    if (known !== undefined && known.secrets.notAfterMs > this.#options.clock()) return known.secrets;
    const secrets = this.#issue(identity);
    this.#entries.set(key, { identity, secrets, dueMs: secrets.renewAtMs });
    this.#arm();
    return secrets;
  }

  /** Calls the listener after each renewal; gives back how to stop that. */
  onRenew(listener: RenewalListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Forgets an identity that no proxy has any more, and its key. */
  release(identity: WorkloadIdentity): void {
    this.#entries.delete(checkedSpiffeId(identity));
    this.#arm();
  }

  /** Renews whatever is due by the clock. The timer calls it; nobody else needs to. */
  renewDue(): void {
    const nowMs = this.#options.clock();
    for (const [key, entry] of [...this.#entries].filter(([, { dueMs }]) => dueMs <= nowMs)) this.#renew(key, entry);
    this.#arm();
  }

  /** Forgets everything and ends the timer. */
  close(): void {
    this.#entries.clear();
    this.#listeners.clear();
    clearTimeout(this.#timer);
  }

  #issue(identity: WorkloadIdentity): WorkloadSecretSet {
    const { authority, ttlMs, clock, random } = this.#options;
    const issued = authority.issueWorkload({ ...identity, ttlMs });
    const version = workloadSecretVersion(identity, authority.fingerprint, issued.notAfterMs);
    return Object.freeze({
      workload: secretResource(workloadSecret, tlsCertificate(issued), version),
      roots: this.#roots,
      notAfterMs: issued.notAfterMs,
      renewAtMs: renewalTime(clock(), issued.notAfterMs, random()),
    });
  }

  #renew(key: string, { identity, secrets }: Entry): void {
    let next: WorkloadSecretSet;
    try {
      next = this.#issue(identity);
    } catch (error) {
      const nowMs = this.#options.clock();
      const retryMs = Math.min(60_000, Math.max((secrets.notAfterMs - nowMs) / 4, 1_000));
      this.#entries.set(key, { identity, secrets, dueMs: nowMs + retryMs });
      this.#options.onFailure(identity, error);
      return;
    }
    this.#entries.set(key, { identity, secrets: next, dueMs: next.renewAtMs });
    for (const listener of this.#listeners) listener(identity, next);
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = [...this.#entries.values()].reduce((least, { dueMs }) => Math.min(least, dueMs), Infinity);
    if (next === Infinity) return;
    const sleepMs = Math.min(Math.max(next - this.#options.clock(), 0), longestSleepMs);
    this.#timer = setTimeout(() => this.renewDue(), sleepMs);
    this.#timer.unref();
  }
}

/** Half of what is left, up to a tenth of it earlier: not all at once after a restart that issued all at once. */
function renewalTime(nowMs: number, notAfterMs: number, random: number): number {
  const leftMs = notAfterMs - nowMs;
  return nowMs + leftMs * (0.5 - 0.1 * random);
}

function tlsCertificate(issued: IssuedCertificate): { tls_certificate: Parameters<typeof secretResource>[1] } {
  return {
    tls_certificate: {
      certificate_chain: inlineBytes(issued.certificateChainPem),
      private_key: inlineBytes(issued.privateKeyPem.reveal()),
    },
  };
}
