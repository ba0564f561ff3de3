import { deepFreeze, type JsonObject, type JsonValue } from '../base/json.ts';
import type { KubeObject, SourcedObject } from '../schema/object.ts';
import type { ScopeOf, SourceProblem } from './source.ts';
import { parseDocumentText, type DocumentValues, type PlacedValue } from './yaml-document.ts';
import { splitDocuments, type DocumentText, type TextProblem } from './yaml-split.ts';

/** A document as it stands in its file; lines in `values` are counted from the document's start. */
export interface ParsedDocument {
  readonly document: DocumentText;
  readonly values: DocumentValues;
}

/** What a file holds. */
export interface FileContent {
  readonly objects: readonly SourcedObject[];
  readonly problems: readonly SourceProblem[];
}

/** Parses a whole file here and now; one that is watched goes through the worker of `createYamlParser` instead. */
export function parseYaml(file: string, content: Uint8Array | string, scopeOf: ScopeOf): FileContent {
  const split = splitDocuments(typeof content === 'string' ? Buffer.from(content) : content);
  const parsed = split.documents.map((document) => ({ document, values: parseDocumentText(document.text) }));
  const contents = parsed.map((document) => readDocument(file, document, scopeOf));
  return {
    objects: contents.flatMap((content) => content.objects),
    problems: [
      ...split.problems.map((problem) => inFile(file, problem, 1)),
      ...contents.flatMap((content) => content.problems),
    ],
  };
}

/** Turns a problem of a text into one of a file. `firstLine` is the line of the text's start in the file. */
export function inFile(file: string, problem: TextProblem, firstLine: number): SourceProblem {
  return { ...problem, file, line: problem.line + firstLine - 1 };
}

/** Reads a parsed document as Kubernetes objects with their places; kinds that nobody knows are named and left out. */
export function readDocument(file: string, parsed: ParsedDocument, scopeOf: ScopeOf): FileContent {
  const { document, values } = parsed;
  const objects: SourcedObject[] = [];
  const problems = values.problems.map((problem) => inFile(file, problem, document.line));
  for (const root of values.roots) {
    const result = readObject(root, scopeOf);
    const before = document.line - 1;
    if (result.kind === 'problem') {
      const { kind: _, ...problem } = result;
      const line = before + (root.lines[result.field ?? ''] ?? root.line);
      problems.push({ ...problem, file, line, column: root.column });
    } else {
      const origin = { file, line: before + root.line, lines: shifted(root.lines, before) };
      objects.push({ object: result.object, origin });
    }
  }
  return { objects, problems };
}

function shifted(lines: Readonly<Record<string, number>>, by: number): Readonly<Record<string, number>> {
  return Object.freeze(
    by === 0 ? lines : Object.fromEntries(Object.entries(lines).map(([path, line]) => [path, line + by])),
  );
}

interface Refusal extends Omit<SourceProblem, 'file' | 'line' | 'column'> {
  readonly kind: 'problem';
}

function readObject(
  root: PlacedValue,
  scopeOf: ScopeOf,
): { readonly kind: 'object'; readonly object: KubeObject } | Refusal {
  const { value } = root;
  if (!isObject(value)) return refuse('a document must be a mapping with apiVersion, kind and metadata');
  const { apiVersion, kind, metadata } = value;
  if (apiVersion === undefined && kind === undefined) {
    const message = 'not a Kubernetes object (it has neither apiVersion nor kind): skipped';
    return { kind: 'problem', level: 'warning', message };
  }
  if (typeof apiVersion !== 'string' || apiVersion === '') return mustBe('apiVersion', 'text');
  if (typeof kind !== 'string' || kind === '') return mustBe('kind', 'text');
  if (!isObject(metadata)) return mustBe('metadata', 'a mapping');
  const { name, namespace: written, ...rest } = metadata;
  if (typeof name !== 'string' || name === '') {
    const generated = 'give it a name: generateName has no meaning in a file';
    return mustBe('metadata.name', 'text', metadata['generateName'] === undefined ? undefined : generated);
  }
  const namespace = written === undefined || written === null || written === '' ? 'default' : written;
  const scope = scopeOf(apiVersion, kind);
  if (scope === undefined) {
    const object = { kind, namespace: typeof namespace === 'string' ? namespace : '', name };
    const message = `${kind} (${apiVersion}) is not a kind that is known here: skipped`;
    return { kind: 'problem', level: 'warning', field: 'kind', message, object };
  }
  if (!isName(name, 253)) return badName('metadata.name', name, 253);
  if (!isName(namespace, 63)) return badName('metadata.namespace', namespace, 63);
  const placed = scope === 'Cluster' ? {} : { namespace };
  return { kind: 'object', object: deepFreeze({ ...value, apiVersion, kind, metadata: { ...rest, ...placed, name } }) };
}

function isName(value: JsonValue, maxLength: number): value is string {
  return typeof value === 'string' && value.length <= maxLength && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/u.test(value);
}

function badName(field: string, value: JsonValue, maxLength: number): Refusal {
  const message = `${JSON.stringify(value).slice(0, 80)} is not a name that Kubernetes takes`;
  return refuse(message, field, `use at most ${maxLength} lower-case letters, digits, - and .`);
}

function mustBe(field: string, what: string, fix?: string): Refusal {
  return refuse(`${field} must be there and be ${what}`, field, fix);
}

function refuse(message: string, field?: string, fix?: string): Refusal {
  const optional = { ...(field === undefined ? {} : { field }), ...(fix === undefined ? {} : { fix }) };
  return { kind: 'problem', level: 'error', message, ...optional };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
