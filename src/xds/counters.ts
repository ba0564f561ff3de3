import type { XdsType } from '../proto/resource.ts';

/** What the server did since it started; each only grows, but for `streams`. */
export interface XdsCounters {
  /** Responses sent, by type. */
  readonly pushes: Record<XdsType, number>;
  /** Resources in them, by type. */
  readonly resources: Record<XdsType, number>;
  /** Names removed. */
  removed: number;
  /** Bytes of responses handed to connections. */
  sentBytes: number;
  receivedBytes: number;
  requests: number;
  acks: number;
  nacks: number;
  staleAnswers: number;
  /** Streams open now. */
  streams: number;
  streamsOpened: number;
  /** Streams refused: token, node, limits. */
  streamsRefused: number;
  /** How often a change of the source concerned a stream. */
  wokenStreams: number;
  /** Units whose wait was reported. */
  overdueUnits: number;
}

/** All zero. */
export function createXdsCounters(): XdsCounters {
  const perType = (): Record<XdsType, number> => ({ cluster: 0, endpoint: 0, listener: 0, route: 0, secret: 0 });
  return {
    pushes: perType(),
    resources: perType(),
    removed: 0,
    sentBytes: 0,
    receivedBytes: 0,
    requests: 0,
    acks: 0,
    nacks: 0,
    staleAnswers: 0,
    streams: 0,
    streamsOpened: 0,
    streamsRefused: 0,
    wokenStreams: 0,
    overdueUnits: 0,
  };
}
