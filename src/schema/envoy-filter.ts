/** EnvoyFilter: patches to what the proxies get (https://istio.io/latest/docs/reference/config/networking/envoy-filter/). */
import { istioKind, type SpecObject } from './kit/kind.ts';
import { anyObject, choice, integer, list, map, object, port, string, yes, type Static } from './kit/node.ts';
import { checkPatch } from './rules/envoy-filter.ts';
import { checkScope } from './rules/policy.ts';
import { networkingSelector, targetReference } from './shared.ts';

const number = integer({ min: 0, max: 4_294_967_295 });
const text = string();
const filter = object({
  name: yes('name of the filter', text),
  subFilter: yes('filter within it', object({ name: yes('its name', text) })),
});

const listener = object({
  portNumber: yes('port of the listener', number),
  portName: yes('name of the port; not used', text),
  filterChain: yes(
    'filter chain of the listener',
    object({
      name: yes('name of the chain', text),
      sni: yes('server name of the chain', text),
      transportProtocol: yes('transport of the chain', text),
      applicationProtocols: yes('protocols of the chain', text),
      filter: yes('filter of the chain', filter),
      destinationPort: yes('port of the chain', number),
    }),
  ),
  listenerFilter: yes('listener filter', text),
  name: yes('name of the listener', text),
});

const routeConfiguration = object({
  portNumber: yes('port of the configuration', number),
  portName: yes('name of the port', text),
  gateway: yes('gateway of the configuration', text),
  vhost: yes(
    'virtual host',
    object({
      name: yes('name of the virtual host', text),
      domainName: yes('domain of the virtual host', text),
      route: yes(
        'route of the virtual host',
        object({
          name: yes('name of the route', text),
          action: yes('what it does', choice(['ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE'])),
        }),
      ),
    }),
  ),
  name: yes('name of the configuration', text),
});

const match = object(
  {
    context: yes('which proxies', choice(['ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'])),
    proxy: yes(
      'which versions',
      object({
        proxyVersion: yes('pattern of the version', string({ format: 'regex' })),
        metadata: yes('metadata of the node', map(text)),
      }),
    ),
    listener: yes('which listener', listener),
    routeConfiguration: yes('which routes', routeConfiguration),
    cluster: yes(
      'which cluster',
      object({
        portNumber: yes('port of the cluster', number),
        service: yes('host of the cluster', text),
        subset: yes('subset of the cluster', text),
        name: yes('name of the cluster', text),
      }),
    ),
    waypoint: yes(
      'which part of a waypoint',
      object({
        portNumber: yes('port of the service', port()),
        filter: yes('filter', filter),
        route: yes('route', object({ name: yes('name of the route', text) })),
      }),
    ),
  },
  { oneOf: [['listener', 'routeConfiguration', 'cluster', 'waypoint']] },
);

const places = [
  'INVALID',
  'LISTENER',
  'FILTER_CHAIN',
  'NETWORK_FILTER',
  'HTTP_FILTER',
  'ROUTE_CONFIGURATION',
  'VIRTUAL_HOST',
  'HTTP_ROUTE',
  'CLUSTER',
  'EXTENSION_CONFIG',
  'BOOTSTRAP',
  'LISTENER_FILTER',
] as const;
const operations = [
  'INVALID',
  'MERGE',
  'ADD',
  'REMOVE',
  'INSERT_BEFORE',
  'INSERT_AFTER',
  'INSERT_FIRST',
  'REPLACE',
  'MERGE_AND_REPLACE_LIST',
] as const;

const patch = object(
  {
    applyTo: yes('what is patched', choice(places)),
    match: yes('where it is patched', match),
    patch: yes(
      'the patch',
      object({
        operation: yes('what is done', choice(operations)),
        value: yes('with what', anyObject()),
        filterClass: yes('where a filter goes', choice(['UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'])),
      }),
    ),
  },
  { rules: [checkPatch] },
);

const spec = object(
  {
    workloadSelector: yes('proxies that this is for', networkingSelector),
    targetRefs: yes('gateways and services that this is for', list(targetReference, { maxItems: 16 })),
    configPatches: yes('the patches', list(patch)),
    priority: yes('order of the patches', integer()),
  },
  {
    oneOf: [['workloadSelector', 'targetRefs']],
    rules: [({ targetRefs = [] }, report) => checkScope({ targetRefs }, report)],
  },
);
/** What an EnvoyFilter says. */
export type EnvoyFilterSpec = Static<typeof spec>;
/** Patches to what the proxies get. */
export interface EnvoyFilter extends SpecObject<'EnvoyFilter', EnvoyFilterSpec> {}

/** The kind. */
export const envoyFilter = istioKind({
  group: 'networking.istio.io',
  versions: ['v1alpha3'],
  kind: 'EnvoyFilter',
  plural: 'envoyfilters',
  spec,
  missing: 'nothing is patched yet',
});
