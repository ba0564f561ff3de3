/** The texts that fields hold: what each format accepts, and how to say what is wrong. */
import { RE2JS } from 're2js';
import { isCidr, isIp } from './address.ts';

/** The formats that a string node can name. */
export type FormatName = keyof typeof formats;

/** A complaint, or nothing. */
export type Complaint = { readonly message: string; readonly fix?: string } | undefined;

const label = /^[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/u;
const wildcardLabel = /^(?:\*|(?:\*|\*-)?[A-Za-z0-9](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?)$/u;
const lowerLabel = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/u;
const qualifiedName = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/u;

/** True for a DNS label as RFC 1123 has it, capitals included. */
export function isLabel(text: string): boolean {
  return label.test(text);
}

/** True for a DNS name in lower case, as Kubernetes names its objects (RFC 1123 subdomain, 253 characters). */
export function isSubdomain(text: string): boolean {
  return text.length <= 253 && text.split('.').every((part) => /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/u.test(part));
}

/** Complains about a host name; `*` counts only as or in the first label, and only where `wildcard` is set. */
export function hostComplaint(text: string, wildcard: boolean): Complaint {
  if (text === '') return { message: 'is empty; a host name is needed' };
  if (text.length > 255) return { message: 'is longer than 255 characters, the limit of DNS' };
  const parts = text.replace(/\.$/u, '').split('.');
  const bad = parts.find((part, i) => !(wildcard && i === 0 ? wildcardLabel : label).test(part));
  if (bad !== undefined) {
    if (bad.includes('*')) {
      return wildcard
        ? {
            message: `is no host name: "*" stands only at the beginning of the first label, not in "${bad}"`,
            fix: 'write it as *.example.com',
          }
        : { message: 'is no host name: a wildcard is not allowed here', fix: 'name one host' };
    }
    return { message: `is no host name: "${bad}" is no DNS label (letters, digits and "-", at most 63)` };
  }
  const last = parts.at(-1) ?? '';
  if (!(wildcard && parts.length === 1) && /^\d+$/u.test(last)) {
    return { message: `is no host name: the last label "${last}" is a number` };
  }
  return undefined;
}

/** Complains about a pattern that RE2 does not take. Never run by a JavaScript RegExp, which can freeze on 30 characters. */
export function regexComplaint(text: string): Complaint {
  if (text.length > 1_024) return { message: 'is a pattern of more than 1,024 characters' };
  if (text.includes('\\C')) return { message: 'is no pattern that Envoy takes: \\C is not allowed' };
  try {
    RE2JS.compile(text);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^error parsing regexp: /u, '') : String(error);
    return {
      message: `is no pattern in RE2 syntax: ${why}`,
      fix: 'see https://github.com/google/re2/wiki/Syntax; look-around and back references do not exist',
    };
  }
}

/** Complains about a label's key as Kubernetes has it: `[prefix/]name`. */
export function labelKeyComplaint(text: string): Complaint {
  const slash = text.indexOf('/');
  const prefix = slash < 0 ? undefined : text.slice(0, slash);
  const name = text.slice(slash + 1);
  if (prefix !== undefined && !isSubdomain(prefix))
    return { message: `is no label key: "${prefix}" before the "/" is no DNS name` };
  if (!qualifiedName.test(name))
    return { message: 'is no label key: 1 to 63 letters, digits, "-", "_" or ".", a letter or digit at both ends' };
  return undefined;
}

/** Complains about a label's value: empty, or like a key without prefix. */
export function labelValueComplaint(text: string): Complaint {
  if (text === '' || qualifiedName.test(text)) return undefined;
  return { message: 'is no label value: at most 63 letters, digits, "-", "_" or ".", a letter or digit at both ends' };
}

function when(ok: boolean, message: string, fix?: string): Complaint {
  return ok ? undefined : fix === undefined ? { message } : { message, fix };
}

function urlComplaint(text: string): Complaint {
  const host = /^https?:\/\/(?:[^\s/?#@]*@)?(\[[0-9A-Fa-f:.]+\]|[^\s/?#:@[\]]+)(?::(\d{1,5}))?(?:[/?#]\S*)?$/u.exec(
    text,
  );
  return when(host !== null && Number(host[2] ?? 1) <= 65_535, 'is no URL', 'write it as https://host/path');
}

const formats = {
  host: (text: string) => hostComplaint(text, false),
  wildcardHost: (text: string) => hostComplaint(text, true),
  regex: regexComplaint,
  dnsLabel: (text: string) =>
    when(lowerLabel.test(text), 'is no DNS label: lower-case letters, digits and "-", at most 63'),
  dnsSubdomain: (text: string) =>
    when(isSubdomain(text), 'is no name: lower-case letters, digits, "-" and ".", a letter or digit at both ends'),
  label: (text: string) => when(label.test(text), 'is no DNS label: letters, digits and "-", at most 63'),
  noWildcard: (text: string) => when(!text.includes('*'), 'has a wildcard, which selectors do not know'),
  labelKey: labelKeyComplaint,
  labelValue: labelValueComplaint,
  ip: (text: string) => when(isIp(text), 'is no IP address'),
  cidr: (text: string) => when(isCidr(text), 'is no IP address and no CIDR range', 'write it as 10.0.0.0/8'),
  base64: (text: string) =>
    when(
      /^(?:[A-Za-z0-9+/_-]{4})*(?:[A-Za-z0-9+/_-]{2}(?:==)?|[A-Za-z0-9+/_-]{3}=?)?$/u.test(text.replace(/\s/gu, '')),
      'is not base64',
    ),
  headerName: (text: string) => when(/^:?[-!#$%&'*+.^_`|~A-Za-z0-9]+$/u.test(text), 'is no header name'),
  envName: (text: string) => when(/^[^\0=]+$/u.test(text), 'is no name of an environment variable: "=" is not allowed'),
  absolutePath: (text: string) => when(text.startsWith('/'), 'is no absolute path', 'begin it with "/"'),
  url: urlComplaint,
} satisfies Record<string, (text: string) => Complaint>;

/** Complains about a text that is not of the format. */
export function formatComplaint(format: FormatName, text: string): Complaint {
  return formats[format](text);
}
