/** Asks the control plane for its own state over its Unix socket. */
import { request } from 'node:http';
import type { ControlPlaneReport } from '../../server/status-server.ts';
import { istiodStatusSocket } from './places.ts';

const limitMs = 2_000;
const longestAnswerBytes = 16 * 1_024 * 1_024;

/** The control plane's report, or why there is none. */
export type IstiodAnswer =
  | { readonly kind: 'report'; readonly report: ControlPlaneReport }
  | { readonly kind: 'silent'; readonly reason: string };

/** Asks once; a control plane that is not there is an answer too. */
export function askIstiod(socketPath: string = istiodStatusSocket): Promise<IstiodAnswer> {
  return new Promise((resolve) => {
    const silent = (error: Error): void =>
      resolve({ kind: 'silent', reason: `the control plane does not answer (${error.message})` });
    const outgoing = request({ socketPath, path: '/status', timeout: limitMs }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
        if (text.length > longestAnswerBytes) response.destroy(new Error('its answer is too long'));
      });
      response.on('error', silent);
      response.on('end', () => resolve({ kind: 'report', report: JSON.parse(text) as ControlPlaneReport }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer in time')));
    outgoing.on('error', silent);
    outgoing.end();
  });
}
