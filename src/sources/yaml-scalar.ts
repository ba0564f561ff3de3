/** A plain scalar's value, or why it has none. */
export type ScalarValue =
  | { readonly kind: 'value'; readonly value: null | boolean | number | string }
  | { readonly kind: 'bad'; readonly message: string };

const words = new Map<string, null | boolean>([
  ...['y', 'Y', 'yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'].map((word) => [word, false] as const),
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
]);
const notFinite = new Set(
  ['', '+', '-']
    .flatMap((sign) => ['inf', 'Inf', 'INF'].map((word) => `${sign}.${word}`))
    .concat('.nan', '.NaN', '.NAN'),
);
const decimal = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/u;
const based = /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+))$/u;

/**
 * What an unquoted, untagged YAML scalar means to kubectl (sigs.k8s.io/yaml over go-yaml v2): YAML 1.1 booleans, Go's
 * integers (`017` and `0o17` are 15, `0x1f` is 31, `1_000` is 1000), floats; base 60 (`1:30`) and dates stay text.
 */
export function plainScalar(source: string): ScalarValue {
  const word = words.get(source);
  if (word !== undefined) return { kind: 'value', value: word };
  if (notFinite.has(source)) return { kind: 'bad', message: `${source} is not a number that JSON can hold` };
  const first = source.charCodeAt(0);
  const numeric = (first >= 0x30 && first <= 0x39) || first === 0x2b || first === 0x2d || first === 0x2e;
  if (!numeric || source.length > 400) return { kind: 'value', value: source };
  return { kind: 'value', value: numberOf(source) ?? source };
}

function numberOf(source: string): number | undefined {
  const plain = source.startsWith('.') ? source : source.replaceAll('_', '');
  const match = based.exec(plain);
  if (match !== null) {
    const [, sign, hex, octal, binary] = match;
    const value =
      hex !== undefined
        ? Number(`0x${hex}`)
        : octal !== undefined
          ? Number(`0o${octal}`)
          : Number(`0b${binary ?? '0'}`);
    return sign === '-' && value !== 0 ? -value : value;
  }
  const value = decimal.test(plain) ? Number(plain) : Number.NaN;
  return Number.isFinite(value) ? value + 0 : undefined;
}

/** The value of a scalar with an explicit core tag (`!!int "5"`); undefined if the tag does not fit the text. */
export function taggedScalar(tag: string, source: string): null | boolean | number | string | undefined {
  const plain = plainScalar(source);
  const value = plain.kind === 'value' ? plain.value : undefined;
  switch (tag) {
    case 'str':
    case 'timestamp':
      return source;
    case 'binary':
      return Buffer.from(source, 'base64').toString('utf8');
    case 'null':
      return value === null ? null : undefined;
    case 'bool':
      return typeof value === 'boolean' ? value : undefined;
    case 'int':
      return typeof value === 'number' && Number.isInteger(value) ? value : undefined;
    case 'float':
      return typeof value === 'number' ? value : undefined;
    default:
      return undefined;
  }
}
