/** IP addresses and ranges as text, as Go's `net/netip` reads them. */

/** True for an IPv4 or IPv6 address without zone. */
export function isIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

/** True for a dotted quad; leading zeros are refused as Go refuses them. */
export function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/u.test(part) && Number(part) <= 255);
}

/** True for an IPv6 address, an embedded IPv4 tail included (RFC 4291, 2.2). */
export function isIpv6(text: string): boolean {
  if (text.length > 45 || !text.includes(':')) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const all = groups.flat();
  const tail = all.at(-1);
  const hasQuad = tail !== undefined && tail.includes('.');
  if (hasQuad && (!isIpv4(tail) || text.endsWith('::'))) return false;
  const hex = hasQuad ? all.slice(0, -1) : all;
  if (!hex.every((group) => /^[0-9A-Fa-f]{1,4}$/u.test(group))) return false;
  const count = hex.length + (hasQuad ? 2 : 0);
  return halves.length === 2 ? count <= 7 : count === 8;
}

/** True for an address, alone or with a prefix length. */
export function isCidr(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return isIp(text);
  const address = text.slice(0, slash);
  const length = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/u.test(length)) return false;
  return (isIpv4(address) && Number(length) <= 32) || (isIpv6(address) && Number(length) <= 128);
}
