import type { Any, TypedMessages } from './generated/types.ts';

/** Before the full name in a message's `@type`. */
export const typePrefix = 'type.googleapis.com/';

/** A message of a known type together with its type's URL. */
export type Typed<Name extends keyof TypedMessages> = {
  readonly '@type': `type.googleapis.com/${Name}`;
} & TypedMessages[Name];

/** The content of a `typed_config`: the message with its `@type`. */
export function typed<Name extends keyof TypedMessages>(name: Name, message: TypedMessages[Name]): Any {
  return { '@type': typePrefix + name, ...message };
}
