import type { MeshStatus, PodState, ProxyState } from '../local/control/protocol.ts';
import { count, problemText } from './problem-text.ts';
import type { Style } from './style.ts';
import { age, table } from './table.ts';

/** A mesh's state as people read it. */
export function statusText(status: MeshStatus, style: Style, nowMs: number): string {
  const parts = [
    headLine(status, style),
    gatewayTable(status, style),
    podTable(status, style, nowMs),
    problemLines(status, style),
    status.notes.map((note) => `note: ${note}\n`).join(''),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function headLine(status: MeshStatus, style: Style): string {
  const { mesh, state, generation, mode, folder, controlPlane } = status;
  const shown = state === 'ready' ? style.green(state) : style.yellow(state);
  const away = controlPlane.connected
    ? ''
    : `${style.red('control plane not connected')}: ${controlPlane.reason === '' ? 'no reason known' : controlPlane.reason}\n`;
  const synced = status.proxies.filter((proxy) => proxy.state === 'SYNCED').length;
  const ready = status.pods.filter((pod) => pod.ready).length;
  return [
    `mesh ${style.bold(mesh)} is ${shown}: generation ${generation}, `,
    `pods ready ${ready}/${status.pods.length}, proxies SYNCED ${synced}/${status.proxies.length}, as ${mode === 'root' ? 'root' : 'an ordinary user'}, `,
    `from ${folder}\n`,
    away,
  ].join('');
}

function gatewayTable({ gateways }: MeshStatus, style: Style): string {
  if (gateways.length === 0) return '';
  const rows = gateways.flatMap(({ name, namespace, addresses }) =>
    addresses.length === 0
      ? [[`${namespace}/${name}`, '-', 'not published yet']]
      : addresses.map(({ port, url }, at) => [at === 0 ? `${namespace}/${name}` : '', String(port), style.bold(url)]),
  );
  return table([['GATEWAY', 'PORT', 'ADDRESS'], ...rows]);
}

function podTable({ pods, proxies, generation }: MeshStatus, style: Style, nowMs: number): string {
  const byPod = new Map(proxies.map((proxy) => [`${proxy.namespace}/${proxy.pod}`, proxy]));
  const rows = pods.map((pod) => {
    const key = `${pod.namespace}/${pod.name}`;
    const proxy = byPod.get(key);
    byPod.delete(key);
    return podRow(pod, proxy, { style, nowMs, generation });
  });
  // A proxy whose pod is not in the list is told all the same.
  const others = [...byPod].map(([key, proxy]) => [
    key,
    '-',
    '-',
    '-',
    '-',
    proxyCell(proxy, generation, style),
    proxy.reason,
  ]);
  if (rows.length + others.length === 0) return 'no pods\n';
  return table([['POD', 'READY', 'STATUS', 'RESTARTS', 'AGE', 'PROXY', 'REASON'], ...rows, ...others]);
}

interface Look {
  readonly style: Style;
  readonly nowMs: number;
  readonly generation: number;
}

function podRow(pod: PodState, proxy: ProxyState | undefined, { style, nowMs, generation }: Look): string[] {
  const reasons = [pod.reason, proxy?.reason ?? ''].filter((reason) => reason !== '');
  return [
    `${pod.namespace}/${pod.name}`,
    pod.ready ? pod.containers : style.yellow(pod.containers),
    pod.phase,
    String(pod.restarts),
    age(pod.startedAt, nowMs),
    proxy === undefined ? '-' : proxyCell(proxy, generation, style),
    reasons.join('; '),
  ];
}

/** The state, and the generation where it is an older one. */
function proxyCell(proxy: ProxyState, generation: number, style: Style): string {
  const { state } = proxy;
  if (state === 'SYNCED') return style.green(state);
  const behind = proxy.generation > 0 && proxy.generation < generation ? ` (${proxy.generation})` : '';
  return `${state === 'REJECTED' || state === 'DISCONNECTED' ? style.red(state) : style.yellow(state)}${behind}`;
}

function problemLines({ problems }: MeshStatus, style: Style): string {
  if (problems.length === 0) return '';
  const errors = problems.filter(({ level }) => level === 'error').length;
  const warnings = problems.length - errors;
  const counts = [errors > 0 ? count(errors, 'error') : '', warnings > 0 ? count(warnings, 'warning') : ''];
  const head = `problems: ${counts.filter((part) => part !== '').join(', ')}\n`;
  return head + problems.map((problem) => problemText(problem, style)).join('');
}

/** Where to go first: the addresses, and what the mesh's folder says to try, in which `{80}` is the address of that port. */
export function welcomeText({ gateways, tryThis }: MeshStatus, style: Style): string {
  const addresses = gateways.flatMap((gateway) => gateway.addresses);
  const [first] = addresses;
  const open = first === undefined ? '' : `\nopen ${style.bold(first.url)}\n`;
  if (tryThis.length === 0) return open;
  const urlOf = (port: string): string | undefined => addresses.find((each) => String(each.port) === port)?.url;
  const lines = tryThis.map(
    (line) => `  ${line.replaceAll(/\{(\d+)\}/gu, (all, port: string) => urlOf(port) ?? all)}\n`,
  );
  return `${open}\ntry:\n${lines.join('')}`;
}
