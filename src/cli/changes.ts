import type { MeshStatus, PodState } from '../local/control/protocol.ts';
import { problemKey, problemText } from './problem-text.ts';
import type { Style } from './style.ts';

/** What has changed from one look at a mesh to the next: a line each. Pure. */
export function changesBetween(before: MeshStatus, after: MeshStatus, style: Style): readonly string[] {
  if (after.state === 'stopping') return before.state === 'stopping' ? [] : ['the mesh is stopping\n'];
  return [
    ...stateLines(before, after),
    ...generationLines(before, after),
    ...problemLines(before, after, style),
    ...podLines(before, after),
    ...proxyLines(before, after),
  ];
}

function stateLines(before: MeshStatus, after: MeshStatus): string[] {
  const lines: string[] = [];
  const { connected, reason } = after.controlPlane;
  if (before.controlPlane.connected && !connected)
    lines.push(`the control plane is gone${reason === '' ? '' : ` (${reason})`}; traffic goes on as it was\n`);
  if (!before.controlPlane.connected && connected) lines.push('the control plane is back\n');
  return lines;
}

function generationLines(before: MeshStatus, after: MeshStatus): string[] {
  // While the control plane is away nothing is known, so its return is no change.
  if (!before.controlPlane.connected || !after.controlPlane.connected) return [];
  const lines: string[] = [];
  const isNew = after.generation > before.generation;
  if (isNew) {
    const files = after.changedFiles ?? [];
    const named = files.length > 4 ? `${files.slice(0, 3).join(', ')} and ${files.length - 3} more` : files.join(', ');
    lines.push(`generation ${after.generation}${named === '' ? '' : `: ${named} changed`}\n`);
  }
  if (isApplied(after) && (isNew || !isApplied(before)))
    lines.push(`generation ${after.generation} is applied on all ${after.proxies.length} proxies\n`);
  return lines;
}

/** Whether every proxy has everything of the newest generation. */
export function isApplied({ proxies, generation, controlPlane }: MeshStatus): boolean {
  const has = ({ state, generation: own }: MeshStatus['proxies'][number]): boolean =>
    state === 'SYNCED' && own >= generation;
  return controlPlane.connected && proxies.length > 0 && proxies.every(has);
}

function problemLines(before: MeshStatus, after: MeshStatus, style: Style): string[] {
  const old = new Map(before.problems.map((problem) => [problemKey(problem), problem]));
  const now = new Map(after.problems.map((problem) => [problemKey(problem), problem]));
  const come = [...now].filter(([key]) => !old.has(key)).map(([, problem]) => problemText(problem, style));
  const gone = [...old].filter(([key]) => !now.has(key)).map(([, problem]) => solvedText(problem));
  return [...come, ...gone];
}

function solvedText({ object, file, field, message }: MeshStatus['problems'][number]): string {
  const subject = [object, field].filter((part) => part !== '').join(' ');
  return `solved: ${[file, subject, message].filter((part) => part !== '').join(': ')}\n`;
}

function podLines(before: MeshStatus, after: MeshStatus): string[] {
  const old = new Map(before.pods.map((pod) => [keyOf(pod), pod]));
  const lines: string[] = [];
  for (const pod of after.pods) {
    const key = keyOf(pod);
    const was = old.get(key);
    old.delete(key);
    if (was === undefined) lines.push(`pod ${key} is new\n`);
    else if (pod.restarts > was.restarts) lines.push(`pod ${key} restarted (${pod.restarts})${why(pod)}\n`);
    else if (pod.ready !== was.ready)
      lines.push(pod.ready ? `pod ${key} is ready\n` : `pod ${key} is not ready${why(pod)}\n`);
    else if (pod.reason !== was.reason && pod.reason !== '') lines.push(`pod ${key}${why(pod)}\n`);
  }
  return [...lines, ...[...old.keys()].map((key) => `pod ${key} is gone\n`)];
}

/** Only what stays wrong is news: STALE and WARMING are the way from one generation to the next. */
function proxyLines(before: MeshStatus, after: MeshStatus): string[] {
  const old = new Map(before.proxies.map((proxy) => [`${proxy.namespace}/${proxy.pod}`, proxy]));
  return after.proxies.flatMap((proxy) => {
    const key = `${proxy.namespace}/${proxy.pod}`;
    const was = old.get(key);
    if (proxy.state === 'REJECTED' && (was?.state !== 'REJECTED' || was.reason !== proxy.reason))
      return [`proxy ${key} is REJECTED: ${proxy.reason}\n`];
    return was?.state === 'REJECTED' && proxy.state === 'SYNCED' ? [`proxy ${key} is SYNCED again\n`] : [];
  });
}

function keyOf({ namespace, name }: PodState): string {
  return `${namespace}/${name}`;
}

function why({ reason }: PodState): string {
  return reason === '' ? '' : `: ${reason}`;
}
