/** Paths of fields, as Kubernetes writes them: `spec.http[0].headers.end-user`, `labels["app.kubernetes.io/name"]`. */

/** The path of a member of an object. Keys that would read as something else stand in brackets. */
export function memberPath(path: string, key: string): string {
  if (!/^[A-Za-z_$@][-\w$/@]*$/u.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

/** The path of several steps; numbers are entries of lists. */
export function pathText(steps: readonly (string | number)[]): string {
  return steps.reduce<string>(
    (path, step) => (typeof step === 'number' ? `${path}[${step}]` : memberPath(path, step)),
    '',
  );
}
