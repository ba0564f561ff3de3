/** WasmPlugin and TrafficExtension: code of one's own in the proxy (https://istio.io/latest/docs/reference/config/proxy_extensions/). */
import { istioKind, type SpecObject } from './kit/kind.ts';
import {
  anyObject,
  choice,
  integer,
  list,
  object,
  port,
  required,
  string,
  yes,
  type Report,
  type Static,
} from './kit/node.ts';
import { checkScope } from './rules/policy.ts';
import { targetReference, workloadSelector } from './shared.ts';

const variable = object(
  {
    name: required(yes('name of the variable', string({ minLength: 1, maxLength: 256 }))),
    valueFrom: yes('here or from the proxy', choice(['INLINE', 'HOST'])),
    value: yes('the value', string({ maxLength: 2_048 })),
  },
  {
    rules: [
      ({ valueFrom, value }, report) => {
        if (valueFrom === 'HOST' && value !== undefined)
          report.error('value', 'is not for valueFrom: HOST', 'take it away, or write valueFrom: INLINE');
      },
    ],
  },
);

const vmConfig = object(
  { env: yes('variables that the code sees', list(variable, { maxItems: 256 })) },
  {
    rules: [
      ({ env = [] }, report) => {
        const names = env.map(({ name }) => name);
        for (const [i, name] of names.entries())
          if (names.indexOf(name) < i) report.error(`env[${i}].name`, `${JSON.stringify(name)} is there twice`);
      },
    ],
  },
);

const moduleFields = {
  url: required(yes('where the module is', string({ minLength: 1 }))),
  sha256: yes('checksum of the module', string({ pattern: '(?:[a-f0-9]{64})?' })),
  imagePullPolicy: yes('when it is fetched', choice(['UNSPECIFIED_POLICY', 'IfNotPresent', 'Always'])),
  imagePullSecret: yes('credentials of the registry', string({ minLength: 1, maxLength: 253 })),
  verificationKey: yes('key of the signature', string()),
  pluginConfig: yes('settings of the module', anyObject()),
  pluginName: yes('name of the module', string({ minLength: 1, maxLength: 256 })),
  failStrategy: yes(
    'what becomes of requests when the module fails',
    choice(['FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD']),
  ),
  vmConfig: yes('settings of the machine', vmConfig),
} as const;

const pluginType = choice(['UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK']);
const match = list(
  object({
    mode: yes('which side', choice(['UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER'])),
    ports: yes('which ports', list(object({ number: required(yes('the port', port())) }))),
  }),
);

/** Checks where a module is: http, https, oci or file; without a scheme it is an image. */
function checkUrl({ url }: { readonly url: string }, report: Report): void {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/u.exec(url)?.[1]?.toLowerCase();
  if (
    scheme !== undefined &&
    (url.includes('://') || !/^[^/:]+:\d*(?:\/|$)/u.test(url)) &&
    !['http', 'https', 'oci', 'file'].includes(scheme) &&
    !/^[^/]+\/.*:[^/]*$/u.test(url)
  ) {
    report.error('url', `${JSON.stringify(url)} has scheme "${scheme}"`, 'use http://, https://, oci:// or file://');
    return;
  }
  const rest = url.replace(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//u, '');
  const sound =
    rest !== '' &&
    !/[\s<>"{}|\\^`]/u.test(rest) &&
    !/%(?![0-9A-Fa-f]{2})/u.test(rest) &&
    /^(?:\/|[^/?#:[\]]+(?::\d*)?(?:[/?#]|$)|[^/]+[/:@])/u.test(rest);
  if (!sound) report.error('url', `${JSON.stringify(url)} is no URL`, 'write it as oci://host/image:tag');
}

const wasmSpec = object(
  {
    ...moduleFields,
    selector: yes('workloads that this is for', workloadSelector),
    targetRef: yes('gateway or service that this is for; the old form', targetReference),
    targetRefs: yes('gateways and services that this is for', list(targetReference, { maxItems: 16 })),
    phase: yes('where in the chain', choice(['UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS'])),
    priority: yes('order within the phase', integer()),
    match: yes('which traffic', match),
    type: yes('HTTP or network', pluginType),
  },
  { oneOf: [['selector', 'targetRef', 'targetRefs']], rules: [checkScope, checkUrl] },
);
/** What a WasmPlugin says. */
export type WasmPluginSpec = Static<typeof wasmSpec>;
/** A Wasm module in the proxy. */
export interface WasmPlugin extends SpecObject<'WasmPlugin', WasmPluginSpec> {}

const missing = 'no code of users runs in the proxy yet';

/** The kind. */
export const wasmPlugin = istioKind({
  group: 'extensions.istio.io',
  versions: ['v1alpha1'],
  kind: 'WasmPlugin',
  plural: 'wasmplugins',
  spec: wasmSpec,
  specRequired: true,
  missing,
});

const extensionSpec = object(
  {
    selector: yes('workloads that this is for', workloadSelector),
    targetRefs: yes('gateways and services that this is for', list(targetReference, { maxItems: 16 })),
    phase: yes(
      'where in the chain',
      choice([
        'UNSPECIFIED',
        'AUTHN',
        'AUTHZ',
        'STATS',
        'EXECUTION_PHASE_UNSPECIFIED',
        'EXECUTION_PHASE_AUTHN',
        'EXECUTION_PHASE_AUTHZ',
        'EXECUTION_PHASE_STATS',
      ]),
    ),
    priority: yes('order within the phase', integer()),
    match: yes('which traffic', match),
    wasm: yes(
      'a Wasm module',
      object({ ...moduleFields, type: yes('HTTP or network', pluginType) }, { rules: [checkUrl] }),
    ),
    lua: yes(
      'a Lua script',
      object({ inlineCode: required(yes('the script', string({ minLength: 1, maxLength: 65_536 }))) }),
    ),
  },
  { oneOf: [['selector', 'targetRefs']], exactlyOne: [['wasm', 'lua']], rules: [checkScope] },
);
/** What a TrafficExtension says. */
export type TrafficExtensionSpec = Static<typeof extensionSpec>;
/** Code of one's own in the proxy. */
export interface TrafficExtension extends SpecObject<'TrafficExtension', TrafficExtensionSpec> {}

/** The kind. */
export const trafficExtension = istioKind({
  group: 'extensions.istio.io',
  versions: ['v1alpha1'],
  kind: 'TrafficExtension',
  plural: 'trafficextensions',
  spec: extensionSpec,
  specRequired: true,
  missing,
});
