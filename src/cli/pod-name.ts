/** A pod's name as kubectl's users write it (`pod/x`, `deployment/x`, `deployment.apps/x`), as the mesh takes it (`x`, `deploy/x`). */
export function podName(written: string): string {
  const slash = written.indexOf('/');
  if (slash < 0) return written;
  const kind = written
    .slice(0, slash)
    .toLowerCase()
    .replace(/\.apps$/u, '');
  const name = written.slice(slash + 1);
  if (['pod', 'pods', 'po'].includes(kind)) return name;
  return ['deploy', 'deployment', 'deployments'].includes(kind) ? `deploy/${name}` : written;
}
