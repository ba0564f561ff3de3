/** What the mesh settings must satisfy. */
import { isRecord } from '../../base/json.ts';
import type { Report } from '../kit/node.ts';

/** What the rules look at. */
export interface MeshConfigParts {
  readonly accessLogFormat?: string;
  readonly accessLogEncoding?: string;
}

/** Checks the mesh settings: a format that Envoy cannot read would take every listener down. */
export function checkMeshSettings(config: MeshConfigParts, report: Report): void {
  const { accessLogFormat = '', accessLogEncoding } = config;
  if (accessLogEncoding !== 'JSON' || accessLogFormat === '' || isJsonObject(accessLogFormat)) return;
  report.error(
    'accessLogFormat',
    'must be a JSON object where accessLogEncoding is JSON',
    'write an object of texts, like {"path": "%REQ(:PATH)%"}, or set accessLogEncoding to TEXT',
  );
}

function isJsonObject(text: string): boolean {
  try {
    return isRecord(JSON.parse(text) as unknown);
  } catch {
    // Not JSON is what the caller reports.
    return false;
  }
}
