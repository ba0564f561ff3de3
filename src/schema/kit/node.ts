/**
 * Schemas as plain data: one description of a kind gives its types, its validation, its JSON schema and its ledger.
 * The type that a node describes travels as a phantom (`Phantom`), so that `Static<typeof schema>` costs nothing at run time.
 */
import type { JsonValue } from '../../base/json.ts';
import type { FormatName } from './formats.ts';

/** How far a field is honoured: `no` means that it is accepted and reported on use. */
export type Support = 'yes' | 'partial' | 'no';

/** Carries a type without a value. */
export interface Phantom<T> {
  readonly $type?: T;
}

/** The TypeScript type that a schema or a field describes. */
export type Static<S> = S extends { readonly $type?: infer T } ? T : never;

/** Text, from a closed list where `values` is given. */
export interface StringNode {
  readonly type: 'string';
  readonly values?: readonly string[];
  readonly format?: FormatName;
  /** RE2 pattern that the whole text has to match; ours, never the user's. */
  readonly pattern?: string;
  readonly minLength?: number;
  /** In characters; 65,536 where it is not given. */
  readonly maxLength?: number;
  /** Values that are accepted without effect, each with what is missing. A trailing `*` means any ending. */
  readonly unsupported?: Readonly<Record<string, string>>;
}

/** A number, whole where `integer` is set. */
export interface NumberNode {
  readonly type: 'number';
  readonly integer: boolean;
  readonly min?: number;
  readonly max?: number;
}

/** A duration in Go's notation. */
export interface DurationNode {
  readonly type: 'duration';
  /** Least value in milliseconds; zero and less are refused only by this. */
  readonly minMs?: number;
  readonly maxMs?: number;
}

/** True or false. */
export interface BooleanNode {
  readonly type: 'boolean';
}

/** Kubernetes' IntOrString: a port's number or name, a count or a percentage. */
export interface IntOrStringNode {
  readonly type: 'intOrString';
}

/** Kubernetes' resource quantity (`100m`, `1Gi`, 2). */
export interface QuantityNode {
  readonly type: 'quantity';
}

/** Any JSON, or any JSON object. */
export interface AnyNode {
  readonly type: 'any';
  readonly object: boolean;
}

/** A list of one kind of thing. */
export interface ListNode {
  readonly type: 'list';
  readonly item: Node;
  readonly minItems?: number;
  /** 16,384 where it is not given. */
  readonly maxItems?: number;
  readonly unique?: boolean;
}

/** An object with free keys. */
export interface MapNode {
  readonly type: 'map';
  readonly value: Node;
  readonly key?: StringNode;
  /** 4,096 where it is not given. */
  readonly maxItems?: number;
  /** A key without a value has an empty one, as in Kubernetes' own maps of text. */
  readonly nullIsEmpty?: boolean;
}

/** An object with named fields. */
export interface ObjectNode {
  readonly type: 'object';
  readonly fields: Readonly<Record<string, Field<unknown, boolean>>>;
  /** Of each group at most one field may be set; exactly one where the group is `must`. */
  readonly oneOf: readonly OneOf[];
  /** What no shape can say. Run only where the shape of the whole object is right. */
  readonly rules: readonly Rule<never>[];
}

/** Any schema. */
export type Node =
  | StringNode
  | NumberNode
  | DurationNode
  | BooleanNode
  | IntOrStringNode
  | QuantityNode
  | AnyNode
  | ListNode
  | MapNode
  | ObjectNode;

/** A group of fields that exclude each other. */
export interface OneOf {
  readonly fields: readonly string[];
  readonly must: boolean;
}

/** A schema that knows its type. */
export type Schema<T> = Node & Phantom<T>;

/** A field of an object, with its entry in the ledger. */
export interface Field<T, Required extends boolean> extends Phantom<T> {
  readonly schema: Node;
  readonly required: Required;
  readonly support: Support;
  /** What the field does on the proxy. */
  readonly text: string;
  /** What is missing where it is honoured in part or not at all, or since when it is there. */
  readonly note?: string;
  readonly default?: JsonValue;
}

/** Where a rule puts what it finds. Paths are relative to the rule's object (`match[0].port`), empty for itself. */
export interface Report {
  readonly error: (path: string, message: string, fix?: string) => void;
  readonly warning: (path: string, message: string, fix?: string) => void;
}

/** A rule over an object whose shape is right. */
export type Rule<T> = (value: T, report: Report) => void;

type Fields = Readonly<Record<string, Field<unknown, boolean>>>;
type RequiredNames<F> = { [K in keyof F]: F[K] extends { readonly required: true } ? K : never }[keyof F];
type Simple<T> = { readonly [K in keyof T]: T[K] };

/** The type of an object with these fields. */
export type StaticObject<F extends Fields> = Simple<
  { readonly [K in RequiredNames<F>]: Static<F[K]> } & {
    readonly [K in Exclude<keyof F, RequiredNames<F>>]?: Static<F[K]>;
  }
>;

/** What an object has beside its fields. */
export interface ObjectOptions<T> {
  readonly oneOf?: readonly (readonly (keyof T & string)[])[];
  readonly exactlyOne?: readonly (readonly (keyof T & string)[])[];
  readonly rules?: readonly Rule<T>[];
}

/** An object with named fields; anything else in it is an error. */
export function object<const F extends Fields>(
  fields: F,
  options: ObjectOptions<StaticObject<F>> = {},
): ObjectNode & Phantom<StaticObject<F>> {
  const groups = [
    ...(options.oneOf ?? []).map((names) => ({ fields: names, must: false })),
    ...(options.exactlyOne ?? []).map((names) => ({ fields: names, must: true })),
  ];
  return Object.freeze({
    type: 'object',
    fields: Object.freeze({ ...fields }),
    oneOf: groups,
    rules: options.rules ?? [],
  } as const);
}

/** Text. */
export function string(options: Omit<StringNode, 'type' | 'values'> = {}): StringNode & Phantom<string> {
  return Object.freeze({ type: 'string', ...options } as const);
}

/** One of these words. */
export function choice<const V extends string>(
  values: readonly V[],
  unsupported?: Readonly<Partial<Record<V, string>>>,
): StringNode & Phantom<V> {
  return Object.freeze({
    type: 'string',
    values,
    ...(unsupported === undefined ? {} : { unsupported: unsupported as Record<string, string> }),
  } as const);
}

/** A whole number. */
export function integer(options: { readonly min?: number; readonly max?: number } = {}): Schema<number> {
  return Object.freeze({ type: 'number', integer: true, ...options } as const);
}

/** A port: 1 to 65,535. */
export function port(): Schema<number> {
  return integer({ min: 1, max: 65_535 });
}

/** A number with or without decimals. */
export function number(options: { readonly min?: number; readonly max?: number } = {}): Schema<number> {
  return Object.freeze({ type: 'number', integer: false, ...options } as const);
}

/** A duration, as text. */
export function duration(options: Omit<DurationNode, 'type'> = {}): Schema<string> {
  return Object.freeze({ type: 'duration', ...options } as const);
}

/** True or false. */
export function boolean(): Schema<boolean> {
  return Object.freeze({ type: 'boolean' } as const);
}

/** A number or a text. */
export function intOrString(): Schema<number | string> {
  return Object.freeze({ type: 'intOrString' } as const);
}

/** A resource quantity. */
export function quantity(): Schema<number | string> {
  return Object.freeze({ type: 'quantity' } as const);
}

/** Any JSON. */
export function anyJson(): Schema<JsonValue> {
  return Object.freeze({ type: 'any', object: false } as const);
}

/** Any JSON object. */
export function anyObject(): Schema<Readonly<Record<string, JsonValue>>> {
  return Object.freeze({ type: 'any', object: true } as const);
}

/** A list. */
export function list<T>(
  item: Schema<T>,
  options: Omit<ListNode, 'type' | 'item'> = {},
): ListNode & Phantom<readonly T[]> {
  return Object.freeze({ type: 'list', item, ...options } as const);
}

/** An object with free keys. */
export function map<T>(
  value: Schema<T>,
  options: Omit<MapNode, 'type' | 'value'> = {},
): MapNode & Phantom<Readonly<Record<string, T>>> {
  return Object.freeze({ type: 'map', value, ...options } as const);
}

/** A field that is honoured. */
export function yes<T>(text: string, schema: Schema<T>): Field<T, false> {
  return Object.freeze({ schema, required: false, support: 'yes', text } as const);
}

/** A field that is honoured in part; `note` says what is missing and is reported on use. */
export function partial<T>(text: string, schema: Schema<T>, note: string): Field<T, false> {
  return Object.freeze({ schema, required: false, support: 'partial', text, note } as const);
}

/** A field that is accepted, has no effect yet, and is reported on use. */
export function no<T>(text: string, schema: Schema<T>, note?: string): Field<T, false> {
  return Object.freeze({
    schema,
    required: false,
    support: 'no',
    text,
    ...(note === undefined ? {} : { note }),
  } as const);
}

/** The field has to be there. */
export function required<T>(field: Field<T, false>): Field<T, true> {
  return Object.freeze({ ...field, required: true } as const);
}

/** What counts where the field is absent. */
export function withDefault<T>(value: T & JsonValue, field: Field<T, false>): Field<T, false> {
  return Object.freeze({ ...field, default: value });
}
