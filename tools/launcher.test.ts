import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { withLock } from './lock.mjs';
import { readZipMember } from './setup/zip.ts';

const root = dirname(import.meta.dirname);
const launcher = join(root, 'tools', 'go.mjs');
let folder = '';

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'mizzen-launcher-'));
});

after(() => rmSync(folder, { recursive: true, force: true }));

function put(name: string, text: string, mode = 0o644): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

describe('launcher', () => {
  test('runs a script on the locked Node, with its arguments, and keeps its exit code', () => {
    const script = put(
      'args.mjs',
      'console.log(JSON.stringify([process.versions.node, ...process.argv.slice(2)])); process.exitCode = 7;',
    );
    const { stdout, status } = spawnSync('node', [launcher, script, '--envoy', 'a b', ''], { encoding: 'utf8' });
    assert.deepEqual(JSON.parse(stdout), [process.versions.node, '--envoy', 'a b', '']);
    assert.equal(status, 7);
  });

  test('hands signals on and waits for what the script makes of them', async () => {
    const script = put(
      'signal.mjs',
      "process.on('SIGTERM', () => process.exit(9)); setInterval(() => 0, 1e6); console.log('up');",
    );
    const child = spawn('node', [launcher, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [9, null]);
  });

  test('set-up that is done says nothing, and names what is wrong with an Envoy of the user', () => {
    const good = put('envoy', "#!/bin/sh\necho 'envoy  version: 1/1.40.0/Clean/RELEASE/BoringSSL'\n", 0o755);
    const bad = put('not-envoy', '#!/bin/sh\necho hello\n', 0o755);
    const setUp = join(root, 'tools', 'setup', 'envoy.ts');
    const script = put(
      'step.mjs',
      `import { envoyStep } from ${JSON.stringify(setUp)}; const s = envoyStep(); console.log(s.isDone()); await s.run().catch((e) => console.log(e.message));`,
    );
    const outputOf = (envoy: string): string =>
      spawnSync(process.execPath, [script], { encoding: 'utf8', env: { ...process.env, MIZZEN_ENVOY: envoy } }).stdout;
    assert.match(outputOf(good), /^true\n/);
    assert.match(outputOf(bad), /^false\nMIZZEN_ENVOY names .*not-envoy, which does not answer --version/);
  });
});

describe('bin/mizzen', () => {
  /** A checkout in small: the shim, a Node, and a main that tells what it got. */
  function checkout(): string {
    put('co/bin/mizzen', readFileSync(join(root, 'bin', 'mizzen'), 'utf8'), 0o755);
    put('co/src/cli/main.ts', 'console.log(JSON.stringify(process.argv.slice(2)));');
    put('co/package.json', '{"type":"module"}');
    put('co/node_modules/.lock-sha256', 'x');
    mkdirSync(join(folder, 'co/node_modules/.bin'), { recursive: true });
    if (!existsSync(join(folder, 'co/node_modules/.bin/node')))
      symlinkSync(process.execPath, join(folder, 'co/node_modules/.bin/node'));
    return join(folder, 'co');
  }

  test('runs from anywhere, through links of any name, relative and absolute', () => {
    const home = checkout();
    mkdirSync(join(folder, 'links'), { recursive: true });
    symlinkSync('../co/bin/mizzen', join(folder, 'links', 'istioctl'));
    symlinkSync(join(folder, 'links', 'istioctl'), join(folder, 'links', 'again'));
    for (const path of [join(home, 'bin', 'mizzen'), join(folder, 'links', 'istioctl'), join(folder, 'links', 'again')])
      assert.equal(spawnSync(path, ['a b', '*', ''], { encoding: 'utf8', cwd: '/' }).stdout, '["a b","*",""]\n');
    const onPath = spawnSync('sh', ['-c', 'again x'], {
      encoding: 'utf8',
      cwd: '/',
      env: { PATH: `${folder}/links:/usr/bin:/bin` },
    });
    assert.equal(onPath.stdout, '["x"]\n');
  });
});

describe('lock', () => {
  test('lets one in at a time and takes over from a holder that died', async () => {
    const path = join(folder, 'lock');
    const dead = spawnSync('true').pid;
    put('lock/pid', String(dead));
    assert.equal(
      withLock(
        path,
        () => readFileSync(join(path, 'pid'), 'utf8'),
        () => undefined,
      ),
      String(process.pid),
    );
    assert.equal(existsSync(path), false);

    const script = put(
      'locked.mjs',
      [
        "import { appendFileSync } from 'node:fs';",
        `import { withLock } from ${JSON.stringify(join(root, 'tools/lock.mjs'))};`,
        `const log = (text) => appendFileSync(${JSON.stringify(join(folder, 'log'))}, text);`,
        `await withLock(${JSON.stringify(path)}, async () => { log('('); await new Promise((r) => setTimeout(r, 50)); log(')'); }, () => 0);`,
      ].join('\n'),
    );
    const children = Array.from({ length: 4 }, () => spawn(process.execPath, [script], { stdio: 'inherit' }));
    for (const [code] of await Promise.all(children.map((child) => once(child, 'exit')))) assert.equal(code, 0);
    assert.equal(readFileSync(join(folder, 'log'), 'utf8'), '()()()()');
  });

  test('is given back when the work fails', async () => {
    const path = join(folder, 'lock');
    const fail = (): never => {
      throw new Error('no');
    };
    assert.throws(() => withLock(path, fail, () => undefined), /no/);
    await assert.rejects(
      withLock(
        path,
        async () => fail(),
        () => undefined,
      ),
      /no/,
    );
    assert.equal(existsSync(path), false);
  });
});

describe('zip', () => {
  const content = Buffer.from('envoy '.repeat(1000));

  test('reads a deflated and a stored member', () => {
    const archive = zip([
      ['a/b', content, 8],
      ['c', Buffer.from('plain'), 0],
    ]);
    assert.deepEqual(readZipMember(archive, 'a/b', 10_000), content);
    assert.equal(readZipMember(archive, 'c', 10_000).toString(), 'plain');
  });

  test('refuses what is missing, too large, cut off or no archive', () => {
    const archive = zip([['a/b', content, 8]]);
    assert.throws(() => readZipMember(archive, 'nope', 10_000), /no member nope/);
    assert.throws(() => readZipMember(archive, 'a/b', 100), /more than 100/);
    assert.throws(() => readZipMember(archive.subarray(0, -10), 'a/b', 10_000), /cut off/);
    assert.throws(() => readZipMember(Buffer.from('hello'), 'a/b', 10_000), /not an archive/);
  });

  /** An archive as a wheel is one, checksums left out: the reader's caller compares a digest. */
  function zip(members: readonly (readonly [name: string, content: Buffer, method: 0 | 8])[]): Buffer {
    const locals: Buffer[] = [];
    const directory: Buffer[] = [];
    let offset = 0;
    for (const [name, plain, method] of members) {
      const packed = method === 8 ? deflateRawSync(plain) : plain;
      const extra = Buffer.from('extra');
      const local = Buffer.alloc(30);
      local.writeUInt32LE(0x04034b50, 0);
      local.writeUInt16LE(name.length, 26);
      local.writeUInt16LE(extra.length, 28);
      const entry = Buffer.alloc(46);
      entry.writeUInt32LE(0x02014b50, 0);
      entry.writeUInt16LE(method, 10);
      entry.writeUInt32LE(packed.length, 20);
      entry.writeUInt32LE(plain.length, 24);
      entry.writeUInt16LE(name.length, 28);
      entry.writeUInt32LE(offset, 42);
      locals.push(local, Buffer.from(name), extra, packed);
      directory.push(entry, Buffer.from(name));
      offset += 30 + name.length + extra.length + packed.length;
    }
    const end = Buffer.alloc(22);
    end.writeUInt32LE(0x06054b50, 0);
    end.writeUInt16LE(members.length, 10);
    end.writeUInt32LE(offset, 16);
    return Buffer.concat([...locals, ...directory, end]);
  }
});
