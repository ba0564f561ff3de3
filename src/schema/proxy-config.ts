/** ProxyConfig: settings of the proxies of a group of pods (https://istio.io/latest/docs/reference/config/networking/proxy-config/). */
import { istioKind, type SpecObject } from './kit/kind.ts';
import { integer, map, object, string, yes, type Static } from './kit/node.ts';
import { workloadSelector } from './shared.ts';

const spec = object({
  selector: yes('pods that this is for', workloadSelector),
  concurrency: yes('worker threads', integer({ min: 0, max: 2_147_483_647 })),
  environmentVariables: yes('environment of the proxy', map(string({ maxLength: 2_048 }))),
  image: yes('image of the proxy', object({ imageType: yes('which variant', string()) })),
});
/** What a ProxyConfig says. */
export type ProxyConfigSpec = Static<typeof spec>;
/** Settings of the proxies of a group of pods. */
export interface ProxyConfig extends SpecObject<'ProxyConfig', ProxyConfigSpec> {}

/** The kind. */
export const proxyConfigKind = istioKind({
  group: 'networking.istio.io',
  versions: ['v1beta1'],
  kind: 'ProxyConfig',
  plural: 'proxyconfigs',
  spec,
  missing: 'proxies follow the settings of the mesh and the annotation proxy.istio.io/config',
});
