/** What the command line and a running mesh say to each other: plain data, and the one interface the supervisor answers. */
import type { Readable, Writable } from 'node:stream';
import type { SourcedObject } from '../../schema/object.ts';

/** The socket's name within a mesh's state folder. */
export const controlSocketName = 'control.sock';

/** A port of a gateway as it is reached from this machine. */
export interface GatewayAddress {
  /** Port of the gateway's Service. */
  readonly port: number;
  /** `http://localhost:8080`; a port that is not HTTP has its scheme too (`https`, `tcp`). */
  readonly url: string;
}

/** A gateway and where to reach it. */
export interface GatewayState {
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly GatewayAddress[];
}

/** A pod in short. */
export interface PodState {
  readonly name: string;
  readonly namespace: string;
  readonly ready: boolean;
  /** Ready containers of all that stay: `2/2`. */
  readonly containers: string;
  readonly phase: 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Terminating';
  /** Restarts of all its containers together. */
  readonly restarts: number;
  /** Why it is not ready, one line (`CrashLoopBackOff: exit code 1`); empty where all is well. */
  readonly reason: string;
  /** Empty while it has none. */
  readonly ip: string;
  /** RFC 3339. */
  readonly startedAt: string;
}

/** How a proxy stands to the configuration; `DISCONNECTED` is a pod that should have a proxy and has no stream. */
export type ProxySyncState = 'SYNCED' | 'STALE' | 'WARMING' | 'REJECTED' | 'DISCONNECTED';

/** A proxy in short. */
export interface ProxyState {
  readonly pod: string;
  readonly namespace: string;
  readonly state: ProxySyncState;
  /** One line; empty when SYNCED. */
  readonly reason: string;
  /** The newest generation of which it acknowledged everything; 0 for none. */
  readonly generation: number;
}

/** Something that the author of the configuration should know. Text fields are empty where there is nothing to say. */
export interface MeshProblem {
  readonly level: 'error' | 'warning';
  /** As `refText` has it: `VirtualService default/reviews`. */
  readonly object: string;
  /** Relative to the mesh's folder. */
  readonly file: string;
  /** Counted from 1; 0 where no line is known. */
  readonly line: number;
  readonly field: string;
  readonly message: string;
  /** How to mend it; absent where the message says it all. */
  readonly fix?: string;
}

/** What a mesh says of itself: `status -o json` prints it as it is. */
export interface MeshStatus {
  /** Name of the mesh. */
  readonly mesh: string;
  /** The folder that `up` was given, absolute. */
  readonly folder: string;
  /** Folders and files below it that are read, absolute; `apply` writes into the first that is a folder. */
  readonly manifests: readonly string[];
  readonly state: 'starting' | 'ready' | 'stopping';
  readonly mode: 'root' | 'user';
  /** Counts the changes that the sources handed on; a proxy at this generation has all of them. */
  readonly generation: number;
  /** Files (relative to the folder) that the newest generation came from; absent where it came from none. */
  readonly changedFiles?: readonly string[];
  /** RFC 3339. */
  readonly startedAt: string;
  /** What holds for every mesh of this kind and people stumble over (`UDP other than DNS does not leave`). */
  readonly notes: readonly string[];
  /** Lines of `mizzen.yaml` that say what to do first. */
  readonly tryThis: readonly string[];
  readonly gateways: readonly GatewayState[];
  readonly pods: readonly PodState[];
  readonly proxies: readonly ProxyState[];
  readonly problems: readonly MeshProblem[];
  readonly controlPlane: {
    readonly connected: boolean;
    /** Why not; empty where it is. */
    readonly reason: string;
  };
}

/** Which objects are wanted; an absent member means any. */
export interface ObjectFilter {
  readonly kind?: string;
  readonly namespace?: string;
  readonly name?: string;
}

/** Which log is wanted. */
export interface LogsRequest {
  /** A pod's name, or `deploy/NAME` for one of its pods. */
  readonly name: string;
  readonly namespace: string;
  /** The first application container by default. */
  readonly container?: string;
  /** Goes on until the signal or the container's end. */
  readonly follow: boolean;
  /** The last so many lines; all by default. */
  readonly tail?: number;
  /** The run before the present one. */
  readonly previous?: boolean;
  /** Whoever reads has left. */
  readonly signal?: AbortSignal;
}

/** A command to run in a container. The callee reads and writes the streams and ends none of the output streams. */
export interface ExecRequest {
  /** A pod's name, or `deploy/NAME` for one of its ready pods. */
  readonly name: string;
  readonly namespace: string;
  /** The first application container by default. */
  readonly container?: string;
  readonly argv: readonly string[];
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** The caller has left: end the command. */
  readonly signal?: AbortSignal;
}

/**
 * A running mesh as the command line sees it. The supervisor implements it and `serveControl` puts it on a socket;
 * `connectControl` is the same interface at the other end. Failures are `MizzenError`s (`pod-unknown`, …), whose code,
 * message and fix cross the socket.
 */
export interface MeshControl {
  status(): Promise<MeshStatus>;
  objects(filter: ObjectFilter): Promise<readonly SourcedObject[]>;
  logs(request: LogsRequest): AsyncIterable<Uint8Array>;
  /** Resolves with the command's exit code, 128 + signal number where a signal ended it. */
  exec(request: ExecRequest): Promise<number>;
  /** Begins to stop the mesh; resolves when that is under way, not when it has ended. */
  stop(): Promise<void>;
}

/** What `startMesh` (supervisor/start.ts) is given. */
export interface StartMeshOptions {
  /** Folder of the mesh's YAML, absolute. */
  readonly folder: string;
  /** The mesh's state folder, absolute; it exists, has mode 0700 and belongs to this mesh alone. */
  readonly stateFolder: string;
  readonly name: string;
  /** As the machine allows by default, root first. */
  readonly mode?: 'root' | 'user';
  /** Pods may dial the host's own loopback and link-local addresses. */
  readonly allowLoopback: boolean;
  /** Host port by gateway port; 0 takes a free one. */
  readonly ports: Readonly<Record<number, number>>;
  /** Called with one line for each step on the way (`sandbox ready`), until `startMesh` resolves. */
  readonly onProgress: (line: string) => void;
  /** Give up: what was begun is taken away again, and `startMesh` rejects. */
  readonly signal: AbortSignal;
}

/** A mesh that this process has started. */
export interface RunningMesh {
  readonly control: MeshControl;
  /** Resolves with the supervisor's exit code once nothing of the mesh is left. */
  readonly stopped: Promise<number>;
  /** Ends the mesh in order. Resolves when nothing is left. */
  stop(): Promise<void>;
  /** Ends everything at once. */
  kill(): void;
}

/** Starts a mesh. Resolves when its control socket answers, which is before its pods are ready. */
export type StartMesh = (options: StartMeshOptions) => Promise<RunningMesh>;
