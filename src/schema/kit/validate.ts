/** Turns a schema into a function that finds everything wrong with a value. */
import { parseDuration } from '../../base/duration.ts';
import { isRecord } from '../../base/json.ts';
import { formatComplaint } from './formats.ts';
import { nearest } from './nearest.ts';
import type { DurationNode, Field, ListNode, MapNode, Node, NumberNode, ObjectNode, StringNode } from './node.ts';
import { add, addShapeError, limits, reportAt, type Run } from './run.ts';

/** Looks at a value and adds what is wrong to the run. */
export type Check = (value: unknown, run: Run) => void;

const compiled = new WeakMap<Node, Check>();

/** The check of a schema. Compiled once. */
export function checkOf(node: Node): Check {
  let check = compiled.get(node);
  if (check === undefined) {
    check = compile(node);
    compiled.set(node, check);
  }
  return check;
}

function compile(node: Node): Check {
  switch (node.type) {
    case 'string':
      return stringCheck(node);
    case 'number':
      return numberCheck(node);
    case 'duration':
      return durationCheck(node);
    case 'boolean':
      return (value, run) => {
        if (typeof value !== 'boolean')
          addShapeError(run, `must be true or false, not ${shown(value)}`, booleanFix(value));
      };
    case 'intOrString':
      return (value, run) => {
        if (typeof value !== 'string' && !Number.isInteger(value))
          addShapeError(run, `must be a whole number or text, not ${shown(value)}`);
      };
    case 'quantity':
      return quantityCheck;
    case 'any':
      return anyCheck(node.object);
    case 'list':
      return listCheck(node);
    case 'map':
      return mapCheck(node);
    case 'object':
      return objectCheck(node);
  }
}

/** A value as a message shows it: short, and never the content of an object. */
export function shown(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string')
    return value.length > 60 ? `text of ${value.length} characters` : JSON.stringify(value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value;
}

function booleanFix(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return /^(?:true|false)$/iu.test(value) ? `write it without quotes: ${value.toLowerCase()}` : undefined;
}

function stringCheck(node: StringNode): Check {
  const { values, format, minLength = 0, maxLength = 65_536 } = node;
  const pattern = node.pattern === undefined ? undefined : new RegExp(`^(?:${node.pattern})$`, 'u');
  return (value, run) => {
    if (typeof value !== 'string') {
      if (values !== undefined && typeof value === 'number')
        addShapeError(
          run,
          `must be a name, not the number ${value}`,
          `write one of ${values.filter((name) => name !== '').join(', ')}`,
        );
      else
        addShapeError(
          run,
          `must be text, not ${shown(value)}`,
          typeof value === 'number' || typeof value === 'boolean' ? `put it in quotes: "${value}"` : undefined,
        );
      return;
    }
    if (values !== undefined && !values.includes(value)) {
      const meant = nearest(value, values);
      add(
        run,
        'error',
        `${shown(value)} is not among the values ${values.filter((name) => name !== '').join(', ')}`,
        meant === undefined ? undefined : `write ${meant}`,
      );
      return;
    }
    reportUnsupportedValue(node, value, run);
    if (value.length < minLength)
      add(run, 'error', minLength === 1 ? 'must not be empty' : `must have ${minLength} characters at least`);
    else if (value.length > maxLength)
      add(
        run,
        'error',
        maxLength === 0 ? 'must be empty' : `must have ${maxLength} characters at most, not ${value.length}`,
      );
    else if (pattern !== undefined && !pattern.test(value))
      add(run, 'error', `${shown(value)} has a character that is not allowed here`);
    else if (format !== undefined && value !== '') {
      const complaint = formatComplaint(format, value);
      if (complaint !== undefined) add(run, 'error', `${shown(value)} ${complaint.message}`, complaint.fix);
    }
  };
}

function reportUnsupportedValue(node: StringNode, value: string, run: Run): void {
  if (node.unsupported === undefined || !run.reportUnsupported) return;
  for (const [name, missing] of Object.entries(node.unsupported)) {
    if (name.endsWith('*') ? value.startsWith(name.slice(0, -1)) : value === name)
      add(run, 'warning', `${shown(value)} is accepted, but has no effect yet: ${missing}`);
  }
}

function numberCheck(node: NumberNode): Check {
  const { integer, min = -Infinity, max = Infinity } = node;
  const what = integer ? 'a whole number' : 'a number';
  const range = max === Infinity ? `${min} or more` : min === -Infinity ? `${max} or less` : `${min} to ${max}`;
  return (value, run) => {
    if (typeof value !== 'number' || !Number.isFinite(value) || (integer && !Number.isInteger(value))) {
      const unquoted =
        typeof value === 'string' && /^-?\d+$/u.test(value) ? `write it without quotes: ${value}` : undefined;
      addShapeError(run, `must be ${what}, not ${shown(value)}`, unquoted);
    } else if (value < min || value > max) {
      add(run, 'error', `must be ${range}, not ${value}`);
    }
  };
}

function durationCheck(node: DurationNode): Check {
  const { minMs = -Infinity, maxMs = Infinity } = node;
  return (value, run) => {
    if (typeof value !== 'string') {
      addShapeError(
        run,
        `must be a duration, not ${shown(value)}`,
        typeof value === 'number' ? `write it with its unit: ${value}s` : undefined,
      );
      return;
    }
    const ms = parseDuration(value);
    if (ms === undefined)
      add(
        run,
        'error',
        `${shown(value)} is no duration`,
        /^\d+(?:\.\d+)?$/u.test(value) ? `write it with its unit: ${value}s` : 'write it as 1h30m, 5s or 250ms',
      );
    else if (ms < minMs)
      add(
        run,
        'error',
        minMs === 1 ? `must be a millisecond or more, not ${value}` : `must be ${minMs} ms or more, not ${value}`,
      );
    else if (ms > maxMs) add(run, 'error', `must be ${maxMs} ms or less, not ${value}`);
    else if (ms >= 1 && Math.abs(ms - Math.round(ms)) > 1e-9)
      add(run, 'error', `${value} is finer than a millisecond`, 'round it to milliseconds');
  };
}

/** Kubernetes' quantities (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/). */
function quantityCheck(value: unknown, run: Run): void {
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (typeof value !== 'string') addShapeError(run, `must be a quantity, not ${shown(value)}`);
  else if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?$/u.test(value))
    add(run, 'error', `${shown(value)} is no quantity`, 'write it as 100m, 0.5, 128Mi or 1Gi');
}

function anyCheck(object: boolean): Check {
  return (value, run) => {
    if (object && (typeof value !== 'object' || value === null || Array.isArray(value)))
      addShapeError(run, `must be an object, not ${shown(value)}`);
    else if (tooDeep(value, run.path.length)) addShapeError(run, `is nested deeper than ${limits.depth} levels`);
  };
}

function tooDeep(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return depth >= limits.depth || Object.values(value).some((member) => tooDeep(member, depth + 1));
}

function listCheck(node: ListNode): Check {
  const { minItems = 0, maxItems = 16_384 } = node;
  const item = checkOf(node.item);
  return (value, run) => {
    if (!Array.isArray(value)) {
      addShapeError(
        run,
        `must be a list, not ${shown(value)}`,
        typeof value === 'string' || typeof value === 'object' ? 'write each entry behind a "- "' : undefined,
      );
      return;
    }
    if (value.length < minItems)
      add(run, 'error', minItems === 1 ? 'must not be empty' : `must have ${minItems} entries at least`);
    if (value.length > maxItems) {
      add(run, 'error', `must have ${maxItems} entries at most, not ${value.length}`);
      return;
    }
    for (const [i, entry] of value.entries()) {
      run.path.push(i);
      item(entry, run);
      run.path.pop();
    }
    if (node.unique === true && new Set(value).size < value.length) add(run, 'error', 'has an entry twice');
  };
}

function mapCheck(node: MapNode): Check {
  const { maxItems = 4_096 } = node;
  const member = checkOf(node.value);
  const key = node.key === undefined ? undefined : checkOf(node.key);
  return (value, run) => {
    if (!isRecord(value)) {
      addShapeError(
        run,
        `must be an object with keys, not ${shown(value)}`,
        Array.isArray(value) ? 'write "key: value" without "- "' : undefined,
      );
      return;
    }
    const entries = Object.entries(value);
    if (entries.length > maxItems) {
      add(run, 'error', `must have ${maxItems} entries at most, not ${entries.length}`);
      return;
    }
    for (const [name, inner] of entries) {
      run.path.push(name);
      key?.(name, run);
      member(inner, run);
      run.path.pop();
    }
  };
}

type Member = { readonly field: Field<unknown, boolean>; readonly check: Check };

function objectCheck(node: ObjectNode): Check {
  const members = new Map(
    Object.entries(node.fields).map(([name, field]): [string, Member] => [
      name,
      { field, check: checkOf(field.schema) },
    ]),
  );
  const required = [...members].filter(([, { field }]) => field.required).map(([name]) => name);
  return (value, run) => {
    if (!isRecord(value)) {
      addShapeError(
        run,
        `must be an object, not ${shown(value)}`,
        Array.isArray(value) ? 'write its fields without "- "' : undefined,
      );
      return;
    }
    const before = run.shapeErrors;
    for (const [name, inner] of Object.entries(value)) {
      if (inner === undefined) continue;
      run.path.push(name);
      const member = members.get(name);
      if (member === undefined) addUnknown(run, name, node);
      else checkMember(member, inner, run);
      run.path.pop();
    }
    for (const name of required) if (value[name] === undefined) addMissing(run, name, node);
    for (const group of node.oneOf) checkGroup(group, value, run);
    if (run.shapeErrors === before) for (const rule of node.rules) rule(value as never, reportAt(run));
  };
}

function checkMember({ field, check }: Member, value: unknown, run: Run): void {
  const mutes = field.support === 'no';
  if (run.reportUnsupported && field.support !== 'yes') {
    const note = field.note ?? field.text;
    add(
      run,
      'warning',
      field.support === 'no' ? `is accepted, but has no effect yet: ${note}` : `is honoured in part: ${note}`,
    );
  }
  if (mutes) run.muted++;
  check(value, run);
  if (mutes) run.muted--;
}

function addUnknown(run: Run, name: string, node: ObjectNode): void {
  const known = Object.keys(node.fields);
  const camel = name.replace(/_([a-z0-9])/gu, (_, letter: string) => letter.toUpperCase());
  if (known.includes(camel)) {
    add(run, 'error', `"${name}" is not how this field is written`, `write ${camel}`);
    return;
  }
  const meant = nearest(name, known);
  const listed = known.length <= 12 ? `the fields here are ${known.join(', ')}` : undefined;
  add(run, 'error', `there is no field "${name}" here`, meant === undefined ? listed : `write ${meant}`);
}

function addMissing(run: Run, name: string, node: ObjectNode): void {
  const text = node.fields[name]?.text;
  run.path.push(name);
  addShapeError(run, text === undefined ? 'is missing' : `is missing: ${text}`);
  run.path.pop();
}

function checkGroup(
  group: { readonly fields: readonly string[]; readonly must: boolean },
  value: Readonly<Record<string, unknown>>,
  run: Run,
): void {
  const set = group.fields.filter((name) => value[name] !== undefined);
  if (set.length > 1) add(run, 'error', `${set.join(' and ')} exclude each other`, `keep one of ${set.join(', ')}`);
  else if (set.length === 0 && group.must) add(run, 'error', `one of ${group.fields.join(', ')} is needed`);
}
