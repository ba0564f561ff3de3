import { parentPort } from 'node:worker_threads';
import { parseDocumentText } from './yaml-document.ts';

/** Runs in a worker thread: one text in, its values out, in order. A crash ends the thread and is seen by its owner. */
parentPort?.on('message', (text: string) => {
  parentPort?.postMessage(parseDocumentText(text));
});
