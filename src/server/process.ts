/** The control plane's process, by its arguments. */
import { parseArgs } from 'node:util';
import { createStreamSource } from '../sources/stream.ts';
import { runControlPlane, type ControlPlaneOptions } from './control-plane.ts';

/**
 * Runs a control plane in this process until SIGTERM or SIGINT, by the process's own arguments:
 * `--store SOCKET --ca FOLDER --history FOLDER --status SOCKET [--port 15012]`.
 */
export async function runAsProcess(further: Pick<ControlPlaneOptions, 'createGate'> = {}): Promise<void> {
  const { values } = parseArgs({
    options: {
      store: { type: 'string' },
      ca: { type: 'string' },
      history: { type: 'string' },
      status: { type: 'string' },
      port: { type: 'string', default: '15012' },
    },
  });

  const { store = '', ca = '', history = '', status = '' } = values;
  const log = (message: string): void => void process.stdout.write(`${new Date().toISOString()} ${message}\n`);

  const controlPlane = await runControlPlane({
    ...further,
    source: createStreamSource({ socketPath: store }),
    reviewSocket: store,
    caFolder: ca,
    historyFolder: history,
    statusSocket: status,
    port: Number(values.port),
    log,
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      void controlPlane.close().finally(() => process.exit(0));
    });
  }
}
