import {
  createFileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  type DescMessage,
  type FileRegistry,
} from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decode, encode, encodeDeltaBody, typeUrls } from '../src/proto/index.ts';
import { sampleAssignment, sampleCluster, sampleListener, sampleRoutes } from '../src/proto/samples.ts';
import { check } from '../src/proto/validate.ts';
import { figure, tableLines, type Suite } from './suite.ts';

const cases: readonly (readonly [string, string, unknown])[] = [
  ['cluster', 'envoy.config.cluster.v3.Cluster', sampleCluster],
  ['listener', 'envoy.config.listener.v3.Listener', sampleListener],
  ['100 virtual hosts', 'envoy.config.route.v3.RouteConfiguration', sampleRoutes(100)],
  ['1,000 endpoints', 'envoy.config.endpoint.v3.ClusterLoadAssignment', sampleAssignment(1000)],
];

/** Best mean of five rounds, in microseconds: the machine is shared, and the best round was disturbed least. */
function microseconds(run: () => unknown): number {
  const roundMs = 100;
  for (const start = performance.now(); performance.now() - start < roundMs;) run();
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = performance.now();
    let count = 0;
    while (performance.now() - start < roundMs) {
      run();
      count++;
    }
    best = Math.min(best, ((performance.now() - start) * 1000) / count);
  }
  return best;
}

function oracle(registry: FileRegistry, type: DescMessage, json: unknown): () => Uint8Array {
  const plain = JSON.parse(JSON.stringify(json)) as Parameters<typeof fromJson>[1];
  return () => toBinary(type, fromJson(type, plain, { registry }));
}

function messageRows(): readonly string[][] {
  const descriptors = join(import.meta.dirname, '../src/proto/generated/descriptors.binpb');
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
  return cases.map(([title, name, json]) => {
    const type = registry.getMessage(name);
    if (type === undefined) throw new Error(`${name} is not among the descriptors`);
    const bytes = encode(name, json);
    const own = microseconds(() => encode(name, json));
    const theirs = microseconds(oracle(registry, type, json));
    const read = microseconds(() => decode(name, bytes));
    const checked = microseconds(() => check(name, json));
    return [title, String(bytes.length), ...[own, theirs, theirs / own, read, checked].map(figure)];
  });
}

function responseRow(): string[] {
  const head = encode('envoy.config.cluster.v3.Cluster', sampleCluster);
  const resources = Array.from({ length: 1000 }, (_, index) => ({
    name: `cluster-${index}`,
    version: 'abc',
    head,
    units: [],
  }));
  const response = { typeUrl: typeUrls.cluster, systemVersion: '1', resources, removed: [] };
  return ['response of 1,000', '', figure(microseconds(() => encodeDeltaBody(response)))];
}

/** Our encoder and decoder beside protobuf-es. */
export const protoSuite: Suite = {
  name: 'proto',
  about: 'JSON to bytes and back, beside protobuf-es; best mean of five rounds on one core',
  run: (print) => {
    const head = ['', 'bytes', 'encode µs', 'protobuf-es µs', 'factor', 'decode µs', 'check µs'];
    for (const line of tableLines([head, ...messageRows(), responseRow()])) print(line);
  },
};
