/** Many variants of resources before one Envoy: each under a name and a port of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '../../src/base/json.ts';
import { jsonOf } from '../../src/compile/testing/proxy-json.ts';
import type { Resource, XdsType } from '../../src/proto/index.ts';
import { writeFiles } from './fields/files.ts';
import { bootstrapOf } from './rendered.ts';

/** A resource that a field changed. */
export interface Changed {
  readonly field: string;
  /** `type name`. */
  readonly name: string;
  readonly resource: Resource;
}

interface Piece {
  readonly fields: readonly string[];
  readonly cluster?: JsonObject;
  readonly listener?: JsonObject;
}

/** What Envoy says of those that it does not take, each with the fields that made it. */
export async function validateChanges(envoy: string, changes: readonly Changed[]): Promise<readonly string[]> {
  const byVersion = Map.groupBy(changes, ({ name, resource }) => `${name.split(' ', 1)[0]} ${resource.version}`);
  const pieces = [...byVersion.values()].map((same, i) => pieceOf(same, i));
  const batches = Array.from({ length: Math.ceil(pieces.length / batchSize) }, (_, i) =>
    pieces.slice(i * batchSize, (i + 1) * batchSize),
  );
  const refused: string[] = [];
  for (const batch of batches) refused.push(...(await refusedOf(envoy, batch)));
  return refused;
}

const batchSize = 300;

// Only one that is refused is looked for by halves; the rule is one run a batch.
async function refusedOf(envoy: string, pieces: readonly Piece[]): Promise<readonly string[]> {
  const trouble = await validateAll(envoy, pieces);
  if (trouble === '') return [];
  if (pieces.length === 1) return [`${pieces[0]?.fields.join(', ')}: ${trouble}`];
  const middle = Math.ceil(pieces.length / 2);
  return [...(await refusedOf(envoy, pieces.slice(0, middle))), ...(await refusedOf(envoy, pieces.slice(middle)))];
}

function pieceOf(same: readonly Changed[], i: number): Piece {
  const [first] = same;
  if (first === undefined) return { fields: [] };
  const fields = [...new Set(same.map(({ field }) => field))];
  const type = first.name.split(' ', 1)[0] as XdsType;
  const json = jsonOf(type, first.resource);
  switch (type) {
    case 'cluster':
      return { fields, cluster: { ...json, name: `c${i}`, ...inlineAssignment(json, `c${i}`) } };
    case 'endpoint':
      return {
        fields,
        cluster: { name: `c${i}`, type: 'STATIC', load_assignment: { ...json, cluster_name: `c${i}` } },
      };
    case 'route':
      return { fields, listener: ownPort({ filter_chains: [{ filters: [managerOf(json)] }] }, i) };
    case 'listener':
      return { fields, listener: ownPort(json, i) };
    case 'secret':
      return { fields };
  }
}

function inlineAssignment(json: JsonObject, name: string): JsonObject {
  const assignment = json['load_assignment'];
  return assignment === undefined ? {} : { load_assignment: { ...(assignment as JsonObject), cluster_name: name } };
}

// Some filters can only be judged with the filter in the connection manager that they belong to.
function managerOf(route: JsonObject): JsonObject {
  const http = 'type.googleapis.com/envoy.extensions.filters.http';
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
      stat_prefix: 'x',
      route_config: route,
      http_filters: [{ name: 'envoy.filters.http.router', typed_config: { '@type': `${http}.router.v3.Router` } }],
    },
  };
}

function ownPort(listener: JsonObject, i: number): JsonObject {
  const address = { socket_address: { address: `127.1.${Math.floor(i / 250)}.${i % 250}`, port_value: 1_000 } };
  return { ...listener, name: `l${i}`, address };
}

async function validateAll(envoy: string, pieces: readonly Piece[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mizzen-fields-'));
  try {
    const bootstrap = bootstrapOf(
      pieces.flatMap(({ cluster }) => (cluster === undefined ? [] : [cluster])),
      pieces.flatMap(({ listener }) => (listener === undefined ? [] : [listener])),
    );
    const fileOf = await writeFiles(folder);
    const config = join(folder, 'envoy.json');
    const text = JSON.stringify(bootstrap).replaceAll(/"(\/etc\/[\w-]+\.(?:pem|key|crl))"/gu, (_, name: string) =>
      JSON.stringify(fileOf(name)),
    );
    await writeFile(config, text);
    return await said(envoy, config, join(folder, 'log'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

// Into a file: what it takes for standard output may be a socket here, which it cannot open as an access log.
async function said(envoy: string, config: string, log: string): Promise<string> {
  const handle = await open(log, 'w');
  const stdio = ['ignore', handle.fd, handle.fd] as const;
  const child = spawn(envoy, ['--mode', 'validate', '-c', config, '-l', 'error', '--disable-hot-restart'], {
    stdio: [...stdio],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  await handle.close();
  // The reason stands behind the whole configuration.
  return code === 0 ? '' : (await readFile(log, 'utf8')).trim().slice(-400);
}
