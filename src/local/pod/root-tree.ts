import { chmodSync, mkdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { MizzenError } from '../../base/error.ts';
import { hasMountsBelow, listFolder, resolvePath } from './host-view.ts';
import type { ResolvedPath } from './host-view.ts';
import { bindTree, depthOf, emptyMount, isWithin, mountTable } from './mount-table.ts';
import type { MountLine } from './mount-table.ts';

/** A volume at its place. */
export interface TreeMount {
  readonly source: string;
  /** The `mountPath`, absolute. */
  readonly target: string;
  readonly readOnly: boolean;
  readonly isFile: boolean;
  /** True where the source is a folder of the host and not one of the pod's own. */
  readonly fromHost: boolean;
}

/** What a container's root is made of. */
export interface TreeRequest {
  /** A folder of the container's own on the sandbox's tmpfs; must not exist. */
  readonly folder: string;
  readonly kind: 'root' | 'user';
  readonly mounts: readonly TreeMount[];
  /** Files of /etc by name, with their text. */
  readonly etc: Readonly<Record<string, string>>;
  /** Folders that no container may look into. */
  readonly hidden: readonly string[];
  /** Folders below /tmp that are shown though /tmp is the container's own. */
  readonly visible: readonly string[];
  /** The sandbox's folder below /run; only its `bin` is shown. */
  readonly runFolder: string;
  /** Whether overlays can be mounted here; without, folders are rebuilt from their entries. */
  readonly overlay: boolean;
}

/** Where the root of a container waits for its mounts. */
export interface RootTree {
  readonly root: string;
  /** The fstab to hand to `mount -a -T`. */
  readonly table: string;
}

const ownTopFolders: ReadonlySet<string> = new Set(['proc', 'sys', 'dev', 'run', 'tmp']);
const devices = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/**
 * Prepares a container's root: the host's file system with the container's own /etc files, /run, /tmp, /dev and volumes on
 * top. Everything that can be made without mounting is made here, in plain calls; what is left is one table for one mount(8).
 *
 * Mount points that the host lacks come from an overlay over their nearest folder, or, where something is mounted below
 * that folder (an overlay would lose it, and an ordinary user may not have it), from a new folder with the old entries
 * bound back. Throws `mount-refused` for what cannot be mounted.
 */
export function buildRootTree(request: TreeRequest): RootTree {
  const root = `${request.folder}/root`;
  mkdirSync(root, { recursive: true });
  const lines: MountLine[] = [bindTree(root, root)];
  const merges = new Map<string, Skeleton>();
  merges.set('/etc', { folders: [], files: Object.keys(request.etc) });
  merges.set('/run', { folders: [request.runFolder.slice('/run/'.length) + '/bin'], files: [] });

  lines.push(...topFolders(root));
  const volumes = placeVolumes(request, root, merges);
  let count = 0;
  for (const [base, skeleton] of [...merges].toSorted(([a], [b]) => depthOf(a) - depthOf(b))) {
    count += 1;
    lines.push(...mergeFolder({ base, skeleton, root, request, own: `${request.folder}/m${String(count)}` }));
  }
  lines.push(...kernelFolders(root, request.kind));
  for (const folder of request.visible.filter((one) => isWithin(one, '/tmp'))) {
    lines.push({ source: folder, target: root + folder, type: 'none', options: 'rbind,X-mount.mkdir=0755' });
  }
  lines.push(bindTree(`${request.runFolder}/bin`, `${root}${request.runFolder}/bin`, true));
  for (const [i, folder] of request.hidden.filter((one) => isShown(one, request)).entries())
    lines.push(cover(folder, root, request, `${request.folder}/h${String(i)}`));
  lines.push(...volumes);
  const table = `${request.folder}/fstab`;
  writeFileSync(table, mountTable(lines));
  return { root, table };
}

/** Paths that must exist below a folder, relative to it. */
interface Skeleton {
  readonly folders: string[];
  readonly files: string[];
}

function topFolders(root: string): MountLine[] {
  const lines: MountLine[] = [];
  for (const entry of listFolder('/')) {
    const target = `${root}/${entry.name}`;
    if (ownTopFolders.has(entry.name) || entry.kind === 'folder') mkdirSync(target, { recursive: true });
    else if (entry.kind === 'link') symlinkSync(readlinkSync(`/${entry.name}`), target);
    else writeFileSync(target, '');
    if (!ownTopFolders.has(entry.name) && entry.kind !== 'link') lines.push(bindTree(`/${entry.name}`, target));
  }
  return lines;
}

/** Finds each volume's mount point, or notes where one must be made. Deeper mounts come after what they lie in. */
function placeVolumes(request: TreeRequest, root: string, merges: Map<string, Skeleton>): MountLine[] {
  const placed: { readonly at: string; readonly mount: TreeMount }[] = [];
  const lines: MountLine[] = [];
  const wanted = request.mounts.map((mount) => ({ mount, resolved: resolvePath(mount.target) }));
  for (const { mount, resolved } of wanted.toSorted((a, b) => depthOf(a.resolved.path) - depthOf(b.resolved.path))) {
    const at = resolved.path;
    if (['/', '/proc', '/sys'].some((one) => at === one || (one !== '/' && isWithin(at, one))))
      throw new MizzenError('mount-refused', `a volume cannot be mounted at ${mount.target}`);
    const outer = placed.findLast((one) => isWithin(at, one.at) && at !== one.at);
    if (outer !== undefined) makeInside(outer.mount, at.slice(outer.at.length), mount.isFile);
    else if (isWithin(at, '/dev')) makePoint(root + at, mount.isFile);
    else if (isWithin(at, request.runFolder)) notePlace(merges, '/run', at, mount.isFile);
    else if (!isWithin(at, '/tmp')) notePoint(resolved, mount, root, merges);
    placed.push({ at, mount });
    const base = bindTree(mount.source, root + at, mount.readOnly);
    lines.push(
      isWithin(at, '/tmp') && outer === undefined && !mount.isFile
        ? { ...base, options: `${base.options},X-mount.mkdir=0755` }
        : base,
    );
    if (mount.fromHost) lines.push(...hideBelow(mount.source, root + at, request));
  }
  return lines;
}

function makeInside(outer: TreeMount, rest: string, isFile: boolean): void {
  const point = outer.source + rest;
  const found = resolvePath(point);
  if (found.exists) return;
  if (outer.fromHost)
    throw new MizzenError(
      'mount-refused',
      `${outer.target}${rest} does not exist in the host's folder ${outer.source}`,
      { fix: `mkdir -p ${point}` },
    );
  makePoint(point, isFile);
}

function makePoint(point: string, isFile: boolean): void {
  mkdirSync(isFile ? point.slice(0, point.lastIndexOf('/')) : point, { recursive: true });
  if (isFile) writeFileSync(point, '', { flag: 'a' });
}

function notePoint(resolved: ResolvedPath, mount: TreeMount, root: string, merges: Map<string, Skeleton>): void {
  const { path, base } = resolved;
  if (resolved.exists && resolved.isFile === mount.isFile) return;
  if (resolved.isFile)
    throw new MizzenError('mount-refused', `${mount.target} is a file on this machine and the volume is a folder`);
  if (resolved.exists && mount.isFile)
    throw new MizzenError('mount-refused', `${mount.target} is a folder on this machine and the volume is a file`);
  if (base === '/') {
    makePoint(root + path, mount.isFile);
    return;
  }
  notePlace(merges, base, path, mount.isFile);
}

/** Notes that `path` has to exist in a new version of the folder `base`. */
function notePlace(merges: Map<string, Skeleton>, base: string, path: string, isFile: boolean): void {
  const skeleton = merges.get(base) ?? { folders: [], files: [] };
  merges.set(base, skeleton);
  (isFile ? skeleton.files : skeleton.folders).push(path.slice(base.length + 1));
}

/** What lies hidden below a folder of the host stays hidden where that folder is shown again. */
function hideBelow(source: string, target: string, request: TreeRequest): MountLine[] {
  return [...request.hidden, request.runFolder]
    .filter((one) => isWithin(one, source) && one !== source && resolvePath(one).exists)
    .map((one) => emptyMount(target + one.slice(source === '/' ? 0 : source.length)));
}

/** Covers a folder that no container may look into: with nothing, or with no more than the places of volumes in it. */
function cover(folder: string, root: string, request: TreeRequest, own: string): MountLine {
  const inside = request.mounts
    .map((mount) => ({ mount, at: resolvePath(mount.target).path }))
    .filter(({ at }) => at !== folder && isWithin(at, folder));
  if (inside.length === 0) return emptyMount(root + folder);
  mkdirSync(own);
  for (const { at, mount } of inside) makePoint(own + at.slice(folder.length), mount.isFile);
  return bindTree(own, root + folder, true);
}

function isShown(folder: string, request: TreeRequest): boolean {
  if (!resolvePath(folder).exists || isWithin(folder, request.runFolder)) return false;
  return !isWithin(folder, '/tmp') || request.visible.some((one) => isWithin(folder, one));
}

interface MergeRequest {
  readonly base: string;
  readonly skeleton: Skeleton;
  readonly root: string;
  readonly request: TreeRequest;
  /** A folder for the upper layer. */
  readonly own: string;
}

function mergeFolder(merge: MergeRequest): MountLine[] {
  const { base, skeleton, root, request, own } = merge;
  const upper = `${own}/upper`;
  mkdirSync(upper, { recursive: true });
  for (const folder of skeleton.folders) makePoint(`${upper}/${folder}`, false);
  for (const file of skeleton.files) {
    makePoint(`${upper}/${file}`, true);
    const text = base === '/etc' ? request.etc[file] : undefined;
    if (text !== undefined) writeFileSync(`${upper}/${file}`, text);
  }
  if (request.overlay && base !== '/run' && !hasMountsBelow(base) && !/[,:\\]/u.test(base)) {
    mkdirSync(`${own}/work`);
    return [
      {
        source: 'overlay',
        target: root + base,
        type: 'overlay',
        options: `lowerdir=${base},upperdir=${upper},workdir=${own}/work`,
      },
    ];
  }
  return [bindTree(upper, root + base), ...bindBack(merge, upper)];
}

function bindBack({ base, skeleton, root, request }: MergeRequest, upper: string): MountLine[] {
  const made = new Set([...skeleton.folders, ...skeleton.files].map((path) => path.split('/')[0]));
  const lines: MountLine[] = [];
  for (const entry of listFolder(base)) {
    const source = `${base}/${entry.name}`;
    if (made.has(entry.name) || source === request.runFolder) continue;
    if (entry.kind === 'link') symlinkSync(readlinkSync(source), `${upper}/${entry.name}`);
    else {
      makePoint(`${upper}/${entry.name}`, entry.kind === 'file');
      lines.push(bindTree(source, `${root}${source}`));
    }
  }
  return lines;
}

/** /proc, /sys, /dev and /tmp. As root, an application without capabilities still owns what root owns, so the kernel's switches are shown read-only. */
function kernelFolders(root: string, kind: 'root' | 'user'): MountLine[] {
  const lines: MountLine[] = [
    { source: 'proc', target: `${root}/proc`, type: 'proc', options: 'nosuid,nodev,noexec' },
    { source: 'tmpfs', target: `${root}/tmp`, type: 'tmpfs', options: 'mode=1777,nosuid,nodev' },
  ];
  if (kind === 'user') lines.push(bindTree('/sys', `${root}/sys`));
  else {
    lines.push({ source: '/sys', target: `${root}/sys`, type: 'none', options: 'bind,ro' });
    lines.push({ source: `${root}/proc/sys`, target: `${root}/proc/sys`, type: 'none', options: 'bind,ro' });
  }
  for (const name of devices) {
    writeFileSync(`${root}/dev/${name}`, '');
    lines.push(bindTree(`/dev/${name}`, `${root}/dev/${name}`));
  }
  mkdirSync(`${root}/dev/shm`, { recursive: true });
  chmodSync(`${root}/dev/shm`, 0o1777);
  mkdirSync(`${root}/dev/pts`, { recursive: true });
  lines.push({
    source: 'devpts',
    target: `${root}/dev/pts`,
    type: 'devpts',
    options: 'newinstance,ptmxmode=0666,mode=0620,nosuid,noexec',
  });
  for (const [name, target] of [
    ['fd', '/proc/self/fd'],
    ['stdin', 'fd/0'],
    ['stdout', 'fd/1'],
    ['stderr', 'fd/2'],
    ['ptmx', 'pts/ptmx'],
  ] as const)
    symlinkSync(target, `${root}/dev/${name}`);
  return lines;
}
