import type { Socket } from 'node:net';

/** Most messages of a connection that are worked on at a time. */
const maxPipelined = 32;

/**
 * Reads DNS messages from a TCP connection (two bytes of length before each, RFC 1035 §4.2.2) and writes what `answer`
 * makes of them. Reading pauses while too many are being answered or while nobody takes the answers.
 */
export function serveTcpMessages(
  socket: Socket,
  answer: (message: Uint8Array) => Promise<Uint8Array | undefined>,
): void {
  let buffered: Buffer = Buffer.alloc(0);
  let open = 0;
  const respond = (response: Uint8Array | undefined): void => {
    open--;
    if (response !== undefined && socket.writable) socket.write(framed(response));
    if (!socket.writableNeedDrain) resume();
  };
  const resume = (): void => {
    while (open < maxPipelined && buffered.length >= 2 && buffered.length >= 2 + buffered.readUInt16BE(0)) {
      const length = buffered.readUInt16BE(0);
      const message = buffered.subarray(2, 2 + length);
      buffered = buffered.subarray(2 + length);
      open++;
      void answer(message).then(respond);
    }
    if (open < maxPipelined && !socket.writableNeedDrain) socket.resume();
    else socket.pause();
  };
  socket.on('data', (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    resume();
  });
  socket.on('drain', resume);
}

/** A message with its length before it. */
export function framed(message: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.of(message.length >> 8, message.length & 255), message]);
}
