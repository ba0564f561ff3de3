import { inflateRawSync } from 'node:zlib';

const endOfDirectory = 0x06054b50;
const directoryEntry = 0x02014b50;
const endOfDirectoryBytes = 22;

/**
 * The bytes of one member of a zip archive (PKWARE APPNOTE 4.3; stored or deflated, no zip64, no encryption).
 * Fails when there is no such member, when it is cut off or of another kind, or larger than `limitBytes`.
 */
export function readZipMember(archive: Buffer, member: string, limitBytes: number): Buffer {
  const end = findEnd(archive);
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    if (archive.readUInt32LE(at) !== directoryEntry) throw new Error('zip: the directory is damaged');
    const nameBytes = archive.readUInt16LE(at + 28);
    const name = archive.toString('utf8', at + 46, at + 46 + nameBytes);
    if (name === member) return extract(archive, at, limitBytes);
    at += 46 + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  throw new Error(`zip: no member ${member}`);
}

function findEnd(archive: Buffer): number {
  for (let at = archive.length - endOfDirectoryBytes; at >= 0; at--)
    if (archive.readUInt32LE(at) === endOfDirectory) return at;
  throw new Error('zip: not an archive, or cut off');
}

function extract(archive: Buffer, entry: number, limitBytes: number): Buffer {
  const method = archive.readUInt16LE(entry + 10);
  const packedBytes = archive.readUInt32LE(entry + 20);
  const sizeBytes = archive.readUInt32LE(entry + 24);
  const header = archive.readUInt32LE(entry + 42);
  if (sizeBytes > limitBytes) throw new Error(`zip: member of ${sizeBytes} bytes, more than ${limitBytes}`);
  // The local header repeats the lengths of name and extra field, and the latter may differ from the directory's.
  const start = header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const packed = archive.subarray(start, start + packedBytes);
  if (packed.length !== packedBytes) throw new Error('zip: cut off');
  if (method === 0) return packed;
  if (method === 8) return inflateRawSync(packed, { maxOutputLength: limitBytes });
  throw new Error(`zip: unknown compression ${method}`);
}
