/** What a field needs around it to be tried, as data. */
import type { JsonObject, JsonValue } from '../../../src/base/json.ts';

/** What is known of a field, or of all fields whose path ends in the same way. */
export interface FieldCase {
  /** Two values; by the schema where there are none. */
  readonly values?: readonly [JsonValue, JsonValue];
  /** Members beside it, from the place where the path's ending begins. */
  readonly beside?: JsonObject;
  /** Key of the maps on the way. */
  readonly key?: string;
  /** YAML of further objects. */
  readonly objects?: string;
  /** The field is written for people or other tools; why no proxy needs to see it. */
  readonly unseen?: string;
}

/** How fields of a kind are tried. */
export interface KindCases {
  readonly kind: string;
  readonly apiVersion: string;
  /** The object around a field, by the beginning of its path; the longest one counts. */
  readonly bases: Readonly<Record<string, JsonObject>>;
  /** By the end of the path; the longest one counts. */
  readonly fields: Readonly<Record<string, FieldCase>>;
  /** YAML of further objects, by the beginning of the path. */
  readonly objects?: Readonly<Record<string, string>>;
  /** Namespace of the object; `default` where it is absent. */
  readonly namespace?: string;
}
