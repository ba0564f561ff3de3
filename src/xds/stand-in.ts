import { hashText } from '../base/hash.ts';
import type { Resource } from '../proto/resource.ts';

const textEncoder = new TextEncoder();

/**
 * An assignment without endpoints, for a name that the view does not have: a removal would be ignored, and the cluster
 * would warm until its fetch timeout. The version covers the cluster, as that of every assignment.
 */
export function emptyAssignment(name: string, clusterVersion: string): Resource {
  return standIn(name, `empty assignment ${clusterVersion}`);
}

/** A route configuration without virtual hosts (404 for everything), so that a listener that names it does not warm. */
export function emptyRoutes(name: string): Resource {
  return standIn(name, 'empty routes');
}

/** Both messages carry their name as text in field 1, and nothing else is required of them. */
function standIn(name: string, kind: string): Resource {
  const text = textEncoder.encode(name);
  const length: number[] = [];
  for (let rest = text.length; ; rest >>>= 7) {
    if (rest < 0x80) {
      length.push(rest);
      break;
    }
    length.push((rest & 0x7f) | 0x80);
  }
  const head = new Uint8Array([0x0a, ...length, ...text]);
  return Object.freeze({ name, version: hashText(`${kind} ${name}`), head, needs: [], units: [] });
}
