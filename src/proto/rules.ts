/**
 * What Envoy wants of values beyond their types: the rules of protoc-gen-validate that its messages carry as options
 * (validate/validate.proto says what each means), taken from the binary by tools/proto.
 */
export interface RuleTable {
  /** By full name of the message: JSON of its rules by name of the field. */
  readonly fields: Readonly<Record<string, string>>;
  /** By full name of the message: the oneofs of which a member must be set, with spaces between. */
  readonly oneofs: Readonly<Record<string, string>>;
}

/** The rules of one message. */
export interface MessageRules {
  readonly fields: Readonly<Record<string, FieldRules>>;
  readonly oneofs: readonly string[];
}

/** Reads the rules of a message when they are first asked for. */
export function openRules(table: RuleTable): (messageName: string) => MessageRules {
  const known = new Map<string, MessageRules>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const fields = Object.hasOwn(table.fields, name) ? table.fields[name] : undefined;
    const oneofs = Object.hasOwn(table.oneofs, name) ? table.oneofs[name] : undefined;
    const rules: MessageRules = {
      fields: fields === undefined ? {} : (JSON.parse(fields) as Readonly<Record<string, FieldRules>>),
      oneofs: oneofs?.split(' ') ?? [],
    };
    known.set(name, rules);
    return rules;
  };
}

/** Rules of one field, or of the elements, keys or values of one. */
export interface FieldRules {
  readonly number?: NumberRules;
  readonly string?: TextRules;
  readonly bytes?: LengthRules;
  readonly bool?: { readonly const?: boolean };
  readonly enum?: EnumRules;
  readonly duration?: DurationRules;
  readonly any?: { readonly required?: boolean };
  readonly message?: { readonly required?: boolean; readonly skip?: boolean };
  readonly repeated?: ListRules;
  readonly map?: MapRules;
}

/** Bounds; texts hold a duration. */
export interface Bounds<T> {
  readonly gt?: T;
  readonly gte?: T;
  readonly lt?: T;
  readonly lte?: T;
}

export interface NumberRules extends Bounds<number> {
  /** Zero is taken for "not set". */
  readonly ignore_empty?: boolean;
}

export interface DurationRules extends Bounds<string> {
  readonly required?: boolean;
}

/** Lengths are in characters for texts and in bytes for bytes. */
export interface LengthRules {
  readonly len?: number;
  readonly min_len?: number;
  readonly max_len?: number;
}

export interface TextRules extends LengthRules {
  readonly max_bytes?: number;
  readonly prefix?: string;
  readonly suffix?: string;
  /** RE2, found anywhere in the text. */
  readonly pattern?: string;
  readonly in?: readonly string[];
  readonly well_known_regex?: string;
  /** Of `well_known_regex`: default true; false only forbids NUL, CR and LF. */
  readonly strict?: boolean;
  /** The empty text is taken for "not set". */
  readonly ignore_empty?: boolean;
}

export interface EnumRules {
  readonly defined_only?: boolean;
  readonly not_in?: readonly number[];
}

export interface ListRules {
  readonly min_items?: number;
  readonly max_items?: number;
  readonly unique?: boolean;
  readonly items?: FieldRules;
}

export interface MapRules {
  readonly min_pairs?: number;
  readonly keys?: FieldRules;
  readonly values?: FieldRules;
}
