import { hashText, type ContentHash } from '../base/hash.ts';

/** Largest file that is read, in bytes. */
export const maxFileBytes = 16 * 1024 * 1024;
/** Largest document that is parsed, in bytes: what the API server and etcd take is about the same. */
export const maxDocumentBytes = 1024 * 1024;
/** Deepest nesting that is parsed. */
export const maxDepth = 100;

/** One document of a file, not yet parsed. */
export interface DocumentText {
  readonly text: string;
  /** Line of the document's first character in its file, counted from 1. */
  readonly line: number;
  readonly hash: ContentHash;
}

/** Something wrong with a text, at a place in it (both counted from 1). */
export interface TextProblem {
  readonly level: 'error' | 'warning';
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly fix?: string;
}

/** The documents of a file, and those parts that cannot be one. */
export interface SplitFile {
  readonly documents: readonly DocumentText[];
  readonly problems: readonly TextProblem[];
}

// Horizontal tab, line feed, carriage return and what follows the space are what YAML calls printable.
// oxlint-disable-next-line no-control-regex -- finding them is the purpose
const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/u;

/**
 * Cuts a file into documents at lines that begin with `---` or `...`, which YAML gives no other meaning, and checks sizes
 * and encoding, so that a document that is too large or broken does not hide its neighbours.
 */
export function splitDocuments(bytes: Uint8Array): SplitFile {
  if (bytes.length > maxFileBytes) {
    return {
      documents: [],
      problems: [
        problem(1, `the file has ${bytes.length} bytes, more than ${maxFileBytes}`, 'split it into several files'),
      ],
    };
  }
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return {
      documents: [],
      problems: [problem(lineOfBadByte(bytes), 'the file is not UTF-8 text', 'save it as UTF-8')],
    };
  }
  const documents: DocumentText[] = [];
  const problems: TextProblem[] = [];
  for (const chunk of chunksOf(text)) {
    if (isBlank(chunk.text)) continue;
    const trouble = chunkProblem(chunk);
    if (trouble === undefined) documents.push({ ...chunk, hash: hashText(chunk.text) });
    else problems.push(trouble);
  }
  return { documents, problems };
}

function chunksOf(text: string): { readonly text: string; readonly line: number }[] {
  const chunks: { text: string; line: number }[] = [];
  const marker = /^(?:---|\.\.\.)(?=[ \t\r\n]|$)/gmu;
  let start = 0;
  let line = 1;
  for (let match = marker.exec(text); match !== null; match = marker.exec(text)) {
    if (match.index > start) {
      const part = text.slice(start, match.index);
      chunks.push({ text: part, line });
      line += lineBreaks(part);
    }
    // A document keeps its own `---`: content may stand on that line. `...` only ends one.
    start = match[0] === '---' ? match.index : match.index + 3;
  }
  chunks.push({ text: text.slice(start), line });
  return chunks;
}

function isBlank(text: string): boolean {
  return text.split('\n').every((line, index) => {
    const rest = (index === 0 && line.startsWith('---') ? line.slice(3) : line).trimStart();
    return rest === '' || rest.startsWith('#') || line.startsWith('%YAML');
  });
}

function chunkProblem(chunk: { readonly text: string; readonly line: number }): TextProblem | undefined {
  const size = Buffer.byteLength(chunk.text);
  if (size > maxDocumentBytes) {
    return problem(
      chunk.line,
      `the document has ${size} bytes, more than ${maxDocumentBytes}`,
      'make the object smaller',
    );
  }
  const bad = control.exec(chunk.text);
  if (bad === null) return undefined;
  const code = bad[0].charCodeAt(0).toString(16).padStart(4, '0');
  return problem(
    chunk.line + lineBreaks(chunk.text.slice(0, bad.index)),
    `the document holds the control character U+${code}`,
    'write it as an escape in double quotes',
  );
}

function lineOfBadByte(bytes: Uint8Array): number {
  const tolerant = new TextDecoder('utf-8').decode(bytes);
  return 1 + lineBreaks(tolerant.slice(0, Math.max(0, tolerant.indexOf('\ufffd'))));
}

function lineBreaks(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

function problem(line: number, message: string, fix: string): TextProblem {
  return { level: 'error', line, column: 1, message, fix };
}
