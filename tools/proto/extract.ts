import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, type DescriptorProto, type FileDescriptorProto } from '@bufbuild/protobuf/wkt';

/** A file descriptor found in a binary. */
export interface FoundFile {
  readonly name: string;
  /** How many bytes of the binary carry it. */
  readonly sizeBytes: number;
  readonly descriptor: FileDescriptorProto;
}

const suffix = Buffer.from('.proto');
/** Field 1 (the name), length-delimited: the first byte of every serialized FileDescriptorProto. */
const nameTag = 0x0a;
/** Longest name with a length of one byte; Envoy's longest is shorter by far. */
const longestName = 127;
/** Fields of FileDescriptorProto that protoc's C++ output carries (9, source_code_info, is stripped). */
const knownFields: ReadonlySet<number> = new Set([2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 14]);

/**
 * Finds the serialized FileDescriptorProtos that protoc's C++ generator embeds in a binary. Fields are written in
 * ascending order, so a descriptor ends where the order breaks; of the possible ends the longest that parses counts.
 * The result is in dependency order (imports first), independent of where in the binary a file lies.
 * What the compiler leaves out of the binary is put back: the JSON names that are not written in the .proto file.
 * Fails when an imported file is missing.
 */
export function extractDescriptors(binary: Buffer): readonly FoundFile[] {
  const found = new Map<string, FoundFile>();
  for (let at = binary.indexOf(suffix); at >= 0; at = binary.indexOf(suffix, at + 1)) {
    const nameEnd = at + suffix.length;
    for (const start of possibleStarts(binary, nameEnd)) {
      const file = longestParse(binary, start, nameEnd);
      const before = file === undefined ? undefined : found.get(file.name);
      if (file !== undefined && (before === undefined || before.sizeBytes < file.sizeBytes)) {
        found.set(file.name, file);
      }
    }
  }
  const files = inDependencyOrder(found);
  for (const file of files) file.descriptor.messageType.forEach(nameFieldsInJson);
  return files;
}

function nameFieldsInJson(message: DescriptorProto): void {
  for (const field of message.field) if (field.jsonName === '') field.jsonName = lowerCamel(field.name);
  message.nestedType.forEach(nameFieldsInJson);
}

/** The JSON name that protoc gives a field unless `json_name` says otherwise. */
export function lowerCamel(name: string): string {
  return name.replace(/_+(.?)/g, (_, letter: string) => letter.toUpperCase());
}

function possibleStarts(binary: Buffer, nameEnd: number): readonly number[] {
  const starts: number[] = [];
  for (let length = suffix.length + 1; length <= longestName; length++) {
    const start = nameEnd - length - 2;
    if (start < 0) break;
    if (!isNameByte(binary[nameEnd - length])) break;
    if (binary[start] === nameTag && binary[start + 1] === length) starts.push(start);
  }
  return starts;
}

function isNameByte(byte: number | undefined): boolean {
  return byte !== undefined && byte > 0x20 && byte < 0x7f;
}

function longestParse(binary: Buffer, start: number, nameEnd: number): FoundFile | undefined {
  const ends = fieldEnds(binary, nameEnd);
  for (let index = ends.length - 1; index >= 0; index--) {
    const bytes = binary.subarray(start, ends[index]);
    try {
      const descriptor = fromBinary(FileDescriptorProtoSchema, bytes);
      return { name: descriptor.name, sizeBytes: bytes.length, descriptor };
    } catch (error) {
      // Not a descriptor up to here: what follows one in the binary may look like a further field of it.
      if (!(error instanceof Error)) throw error;
    }
  }
  return undefined;
}

function fieldEnds(binary: Buffer, from: number): readonly number[] {
  const ends: number[] = [];
  let at = from;
  let last = 2;
  for (;;) {
    const tag = binary[at];
    if (tag === undefined) return ends;
    const field = tag >> 3;
    const wire = tag & 7;
    if (field < last || !knownFields.has(field) || (wire !== 0 && wire !== 2)) return ends;
    const value = readVarint(binary, at + 1);
    if (value === undefined) return ends;
    at = wire === 2 ? value.end + value.value : value.end;
    if (at > binary.length) return ends;
    last = field;
    ends.push(at);
  }
}

function readVarint(binary: Buffer, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let index = 0; index < 5; index++) {
    const byte = binary[at + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  return undefined;
}

function inDependencyOrder(found: ReadonlyMap<string, FoundFile>): readonly FoundFile[] {
  const ordered: FoundFile[] = [];
  const seen = new Set<string>();
  const visit = (name: string, importedBy: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    const file = found.get(name);
    if (file === undefined) throw new Error(`${name}, imported by ${importedBy}, is not in the binary`);
    for (const dependency of file.descriptor.dependency) visit(dependency, name);
    ordered.push(file);
  };
  for (const name of [...found.keys()].sort()) visit(name, 'nobody');
  return ordered;
}
