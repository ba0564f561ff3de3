/** A service as a route names it. */
import { object, required, string, yes, type Static } from './kit/node.ts';
import { portSelector } from './shared.ts';

/** A service, and maybe a subset and a port of it. */
export const destination = object({
  host: required(
    yes(
      "service that gets the traffic; a short name belongs to the rule's namespace",
      string({ minLength: 1, format: 'wildcardHost' }),
    ),
  ),
  subset: yes('subset of the host, from a DestinationRule', string({ format: 'label' })),
  port: yes('port of the service; needed where it has several', portSelector),
});
/** A service, and maybe a subset and a port of it. */
export type Destination = Static<typeof destination>;
