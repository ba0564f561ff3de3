// The one entry of every npm script; runs on any Node >= 20 and needs no package. It brings the checkout to the state of
// package-lock.json, asks tools/setup.ts for what else was named (--envoy, --system), and runs the rest of its arguments
// on the pinned Node.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.lock-sha256');
const setupFlags = ['--envoy', '--system'];

const split = process.argv.slice(2).findIndex((argument) => !setupFlags.includes(argument));
const flags = split < 0 ? process.argv.slice(2) : process.argv.slice(2, 2 + split);
const command = split < 0 ? [] : process.argv.slice(2 + split);

const spent = installPackages();
const node = pinnedNode();
const env = {
  NODE_COMPILE_CACHE: join(modules, '.cache', 'compile'),
  ...process.env,
  PATH: [join(modules, '.bin'), process.env.PATH].filter(Boolean).join(delimiter),
};
if (flags.length > 0) setUp();
else if (spent) say(spent);
if (command.length > 0) run();

/** Runs `npm ci` if the lock file is not the one that was installed; says what it took, or '' if nothing was done. */
function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const isInstalled = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
  if (isInstalled()) return '';
  const install = () => {
    if (isInstalled()) return '';
    const start = performance.now();
    say('installing npm packages as locked …');
    npm('ci', '--ignore-scripts', '--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error');
    writeFileSync(stamp, wanted);
    return `npm packages ${((performance.now() - start) / 1000).toFixed(1)} s`;
  };
  return withLock(join(root, '.install-lock'), install, () => say('npm packages: waiting for another set-up …'));
}

function npm(...args) {
  // Inside `npm run` this is the very npm that runs; a shell's `npm` may be another one.
  const script = process.env.npm_execpath;
  const viaNode = script !== undefined && /\.c?js$/.test(script);
  const [program, prefix] = viaNode ? [process.execPath, [script]] : ['npm', []];
  const result = spawnSync(program, [...prefix, ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.error?.code === 'ENOENT') fail('npm is not on the PATH; install it (it comes with Node)');
  if (result.error) fail(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) fail('npm ci failed; its messages are above. Running the same command again resumes.');
}

function pinnedNode() {
  const pinned = join(modules, `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(pinned)) return pinned;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  return fail(`no locked Node for ${process.platform}-${process.arch}; run this with Node 24 or newer`);
}

function setUp() {
  const args = [join(root, 'tools', 'setup.ts'), ...flags];
  if (spent) args.push(`--spent=${spent}`);
  if (command.length === 0) args.push('--report');
  const result = spawnSync(node, args, { cwd: root, stdio: ['ignore', 2, 2], env });
  if (result.status !== 0) process.exit(result.status ?? 1);
}

function run() {
  const child = spawn(node, command, { stdio: 'inherit', env });
  child.on('error', (error) => fail(error.message));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => {
      // A terminal's Ctrl-C reaches the child by itself; a second one would mean "at once" to it.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  child.on('exit', (code, signal) => {
    process.exitCode = signal ? 128 + constants.signals[signal] : code;
  });
}

function say(text) {
  process.stderr.write(`set-up: ${text}\n`);
}

function fail(text) {
  process.stderr.write(`mizzen: ${text}\n`);
  process.exit(1);
}
