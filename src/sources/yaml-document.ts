import {
  Lexer,
  LineCounter,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Alias,
  type Node,
  type Pair,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import type { JsonValue } from '../base/json.ts';
import { plainScalar, taggedScalar } from './yaml-scalar.ts';
import { maxDepth, type TextProblem } from './yaml-split.ts';

/** Most values a document may hold once its aliases are written out. */
const maxValues = 200_000;

/** A value with the line of each of its fields, by path as in `Violation.path`. */
export interface PlacedValue {
  readonly value: JsonValue;
  /** Counted from 1, within the document. */
  readonly line: number;
  readonly column: number;
  readonly lines: Readonly<Record<string, number>>;
}

/** A document's roots (a `kind: List` has one for each item), or what is wrong with it. */
export interface DocumentValues {
  readonly roots: readonly PlacedValue[];
  readonly problems: readonly TextProblem[];
}

/** Parses the text of one document. Depth is bounded before anything recursive runs; size is the caller's part. */
export function parseDocumentText(text: string): DocumentValues {
  const counter = new LineCounter();
  if (nestingDepth(text) > maxDepth) return { roots: [], problems: [tooDeep(1, 1)] };
  const document = parseDocument(text, {
    lineCounter: counter,
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const problems = document.errors.map((error): TextProblem => {
    const { line, col } = counter.linePos(error.pos[0]);
    return { level: 'error', line, column: Math.max(1, col), ...explained(error.code, error.message) };
  });
  // The parser's further errors are mostly consequences of the first.
  if (problems.length > 0) return { roots: [], problems: problems.slice(0, 1) };
  try {
    return { roots: rootsOf(document.contents, (offset) => counter.linePos(offset)), problems: [] };
  } catch (error) {
    if (error instanceof Unreadable) return { roots: [], problems: [error.problem] };
    throw error;
  }
}

/** The path of a member, as `schema/` writes it: `a.b`, `headers["x user"]`. */
export function memberPath(path: string, key: string): string {
  if (!/^[A-Za-z_$@][-\w$/@]*$/u.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

class Unreadable extends Error {
  readonly problem: TextProblem;
  constructor(problem: TextProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

type Position = (offset: number) => { readonly line: number; readonly col: number };

interface Walk {
  readonly position: Position;
  readonly lines: Record<string, number>;
  readonly anchors: ReadonlyMap<string, readonly Node[]>;
  readonly budget: { values: number };
  /** Anchored nodes being walked now: an alias to one of them would never end. */
  readonly open: Set<Node>;
}

function rootsOf(contents: unknown, position: Position): PlacedValue[] {
  if (contents === null) return [];
  const anchors = anchorsOf(contents);
  const budget = { values: 0 };
  const place = (node: unknown): PlacedValue => {
    const lines: Record<string, number> = {};
    const value = valueOf(node, { path: '', depth: 0 }, { position, lines, anchors, budget, open: new Set() });
    const { line, col } = position(startOf(node));
    return { value, line, column: Math.max(1, col), lines };
  };
  return (listItems(contents) ?? [contents]).map(place);
}

/** The items of a `kind: List` (or `ServiceList`, …) object. */
function listItems(node: unknown): unknown[] | undefined {
  if (!isMap(node)) return undefined;
  const kind = node.get('kind');
  const items = node.get('items', true) as unknown;
  return typeof kind === 'string' && kind.endsWith('List') && isSeq(items) ? items.items : undefined;
}

// A failsafe document holds nothing but maps, sequences, scalars and aliases; depth is bounded by the byte check.
function anchorsOf(root: unknown): Map<string, Node[]> {
  const anchors = new Map<string, Node[]>();
  const visit = (node: unknown): void => {
    if (!isMap(node) && !isSeq(node) && !isScalar(node)) return;
    if (node.anchor !== undefined) anchors.set(node.anchor, [...(anchors.get(node.anchor) ?? []), node]);
    if (isSeq(node)) node.items.forEach(visit);
    if (isMap(node)) {
      for (const pair of node.items) {
        visit(pair.key);
        visit(pair.value);
      }
    }
  };
  visit(root);
  return anchors;
}

interface Place {
  readonly path: string;
  readonly depth: number;
}

function valueOf(node: unknown, place: Place, walk: Walk): JsonValue {
  if (++walk.budget.values > maxValues)
    throw fail(node, walk, `the document has more than ${maxValues} values once its aliases are written out`);
  if (place.depth > maxDepth) throw new Unreadable(tooDeep(...at(node, walk)));
  if (isScalar(node)) return scalarValue(node, walk);
  if (isAlias(node)) {
    const target = targetOf(node, walk);
    walk.open.add(target);
    const value = valueOf(target, { ...place, depth: place.depth + 1 }, walk);
    walk.open.delete(target);
    return value;
  }
  if (isSeq(node)) {
    return node.items.map((item, index) => {
      const path = `${place.path}[${index}]`;
      walk.lines[path] ??= at(item, walk)[0];
      return valueOf(item, { path, depth: place.depth + 1 }, walk);
    });
  }
  if (isMap(node)) return Object.fromEntries(members(node, place, walk));
  return null;
}

function members(map: YAMLMap, place: Place, walk: Walk): Map<string, JsonValue> {
  const own = new Map<string, JsonValue>();
  const merges: Pair[] = [];
  if (map.tag !== undefined && !map.tag.startsWith('tag:yaml.org,2002:'))
    throw fail(map, walk, `the tag ${map.tag} has no meaning here`);
  for (const pair of map.items) {
    if (isScalar(pair.key) && pair.key.type === 'PLAIN' && pair.key.value === '<<') {
      merges.push(pair);
      continue;
    }
    const key = keyOf(pair.key, map, walk);
    if (own.has(key)) throw fail(pair.key, walk, `the key ${JSON.stringify(key)} is there twice`, 'keep one of them');
    const path = memberPath(place.path, key);
    walk.lines[path] ??= at(pair.key, walk)[0];
    own.set(key, valueOf(pair.value, { path, depth: place.depth + 1 }, walk));
  }
  for (const pair of merges)
    for (const [key, value] of merged(pair.value, place, walk)) if (!own.has(key)) own.set(key, value);
  return own;
}

/** What `<<` brings in: a mapping's members, or several mappings', the first one winning. */
function merged(value: unknown, place: Place, walk: Walk): Map<string, JsonValue> {
  const target = isAlias(value) ? targetOf(value, walk) : value;
  if (isSeq(target)) return new Map(target.items.toReversed().flatMap((item) => [...merged(item, place, walk)]));
  if (!isMap(target)) throw fail(value, walk, 'a merge key needs a mapping');
  if (walk.open.has(target) || place.depth > maxDepth) throw fail(value, walk, 'a merge key refers to itself');
  walk.open.add(target);
  const result = members(target, { ...place, depth: place.depth + 1 }, walk);
  walk.open.delete(target);
  return result;
}

function keyOf(node: unknown, map: YAMLMap, walk: Walk): string {
  const scalar = isAlias(node) ? targetOf(node, walk) : node;
  if (!isScalar(scalar)) throw fail(node ?? map, walk, 'a key must be text', 'put it in quotes');
  const value = scalarValue(scalar, walk);
  if (value === null) throw fail(node, walk, 'a key must be text, not null', 'put it in quotes');
  const key = String(value);
  if (key === '__proto__') throw fail(node, walk, 'the key "__proto__" is not allowed', 'use another name');
  return key;
}

function scalarValue(node: Scalar, walk: Walk): null | boolean | number | string {
  const text = typeof node.value === 'string' ? node.value : (node.source ?? '');
  if (node.tag !== undefined) {
    const name = node.tag.startsWith('tag:yaml.org,2002:')
      ? node.tag.slice('tag:yaml.org,2002:'.length)
      : node.tag === '!'
        ? 'str'
        : '';
    const value = taggedScalar(name, text);
    if (value === undefined)
      throw fail(node, walk, `${JSON.stringify(text.slice(0, 40))} cannot be read as ${node.tag}`, 'remove the tag');
    return value;
  }
  if (node.type !== 'PLAIN') return text;
  const result = plainScalar(text);
  if (result.kind === 'bad') throw fail(node, walk, result.message, 'put it in quotes');
  return result.value;
}

function targetOf(alias: Alias, walk: Walk): Node {
  const target = walk.anchors.get(alias.source)?.findLast((node) => startOf(node) < startOf(alias));
  if (target === undefined) throw fail(alias, walk, `no anchor &${alias.source} stands before this alias`);
  const within = !isScalar(target) && startOf(alias) < (target.range?.[1] ?? 0);
  if (within || walk.open.has(target))
    throw fail(alias, walk, `the alias *${alias.source} stands within its own anchor`);
  return target;
}

function fail(node: unknown, walk: Walk, message: string, fix?: string): Unreadable {
  const [line, column] = at(node, walk);
  return new Unreadable({ level: 'error', line, column, message, ...(fix === undefined ? {} : { fix }) });
}

function at(node: unknown, walk: Walk): [line: number, column: number] {
  const { line, col } = walk.position(startOf(node));
  return [Math.max(1, line), Math.max(1, col)];
}

function startOf(node: unknown): number {
  return (isScalar(node) || isMap(node) || isSeq(node) || isAlias(node)) && node.range ? node.range[0] : 0;
}

function tooDeep(line: number, column: number): TextProblem {
  return { level: 'error', line, column, message: `the document nests deeper than ${maxDepth} levels` };
}

/**
 * An upper bound of the nesting depth, without recursion: open flow brackets, plus the rising indents of the lines, plus
 * the `- - -` at a line's head. The exact lexer runs only where the cheap count of brackets is suspicious.
 */
export function nestingDepth(text: string): number {
  return Math.max(blockDepth(text), text.split(/[[{]/u, maxDepth + 2).length > maxDepth ? flowDepth(text) : 0);
}

function blockDepth(text: string): number {
  const indents: number[] = [];
  let deepest = 0;
  for (const line of text.split('\n')) {
    const head = /^(?:---[ \t]*)?([ ]*)((?:[-?][ \t]+)*)/u.exec(line);
    const indent = head?.[1]?.length ?? 0;
    if (head?.[0].length === line.length && indent === 0 && head[2] === '') continue;
    while ((indents.at(-1) ?? -1) >= indent) indents.pop();
    indents.push(indent);
    const inline = (head?.[2] ?? '').replaceAll(/[ \t]/gu, '').length;
    for (let i = 1; i <= inline; i++) indents.push(indent + i);
    // Text in a block scalar has indents too, but no prose climbs a hundred steps without coming back.
    deepest = Math.max(deepest, indents.length);
  }
  return deepest;
}

function flowDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth);
    else if (token === ']' || token === '}') depth = Math.max(0, depth - 1);
  }
  return deepest;
}

function explained(code: string, message: string): { message: string; fix?: string } {
  switch (code) {
    case 'TAB_AS_INDENT':
      return { message: 'a tab is used to indent, which YAML does not allow', fix: 'use spaces' };
    case 'MULTIPLE_DOCS':
      return { message: 'text follows the end of the document', fix: 'begin the next document with ---' };
    case 'BAD_INDENT':
    case 'MISSING_CHAR':
      return { message, fix: 'compare the indentation and the quotes with the lines above' };
    default:
      return { message };
  }
}
