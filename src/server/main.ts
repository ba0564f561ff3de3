/** The control plane's process: `node main.ts --store SOCKET --ca FOLDER --history FOLDER --status SOCKET [--port 15012]`. */
import { parseArgs } from 'node:util';
import { createStreamSource } from '../sources/stream.ts';
import { runControlPlane } from './control-plane.ts';

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
