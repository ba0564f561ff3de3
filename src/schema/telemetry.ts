/** Telemetry: metrics, traces and access logs (https://istio.io/latest/docs/reference/config/telemetry/). */
import { istioKind, type SpecObject } from './kit/kind.ts';
import { boolean, choice, list, map, number, object, required, string, yes, type Static } from './kit/node.ts';
import { checkScope } from './rules/policy.ts';
import { nonEmpty, positiveDuration, targetReference, workloadSelector } from './shared.ts';

const mode = choice(['CLIENT_AND_SERVER', 'CLIENT', 'SERVER']);
const providers = yes(
  'where it goes',
  list(object({ name: required(yes('name in the settings of the mesh', nonEmpty)) })),
);
const modeMatch = yes('which side this is for', object({ mode: yes('client, server or both', mode) }));
const named = object({
  name: required(yes('its name', nonEmpty)),
  defaultValue: yes('value where it is not there', string()),
});

const tracing = object({
  match: modeMatch,
  providers,
  randomSamplingPercentage: yes('share of the requests', number({ min: 0, max: 100 })),
  disableSpanReporting: yes('no spans are sent', boolean()),
  customTags: yes(
    'tags of spans',
    map(
      object(
        {
          literal: yes('always the same', object({ value: required(yes('the value', nonEmpty)) })),
          environment: yes('an environment variable of the proxy', named),
          header: yes('a header of the request', named),
          formatter: yes('a format of access logs', object({ value: required(yes('the format', nonEmpty)) })),
        },
        { oneOf: [['literal', 'environment', 'header', 'formatter']] },
      ),
      { key: nonEmpty },
    ),
  ),
  useRequestIdForTraceSampling: yes('the request id decides about sampling', boolean()),
  enableIstioTags: yes('tags about the mesh', boolean()),
  disableContextPropagation: yes('no trace headers are sent on', boolean()),
});

const metric = choice([
  'ALL_METRICS',
  'REQUEST_COUNT',
  'REQUEST_DURATION',
  'REQUEST_SIZE',
  'RESPONSE_SIZE',
  'TCP_OPENED_CONNECTIONS',
  'TCP_CLOSED_CONNECTIONS',
  'TCP_SENT_BYTES',
  'TCP_RECEIVED_BYTES',
  'GRPC_REQUEST_MESSAGES',
  'GRPC_RESPONSE_MESSAGES',
]);

const tagOverride = object(
  {
    operation: yes('set it or take it away', choice(['UPSERT', 'REMOVE'])),
    value: yes('expression that gives the value', string()),
  },
  {
    rules: [
      ({ operation = 'UPSERT', value = '' }, report) => {
        if (operation === 'UPSERT' && value === '')
          report.error('value', 'is missing: UPSERT needs it', 'set value, or operation: REMOVE');
        if (operation === 'REMOVE' && value !== '') report.error('value', 'is not for REMOVE', 'take it away');
      },
    ],
  },
);

const metrics = object({
  providers,
  overrides: yes(
    'changes to metrics',
    list(
      object({
        match: yes(
          'which metrics',
          object(
            {
              metric: yes('one of the standard', metric),
              customMetric: yes('another', nonEmpty),
              mode: yes('client, server or both', mode),
            },
            { oneOf: [['metric', 'customMetric']] },
          ),
        ),
        disabled: yes('the metric is off', boolean()),
        tagOverrides: yes('labels of the metric', map(tagOverride)),
      }),
    ),
  ),
  reportingInterval: yes('time between reports', positiveDuration),
});

const accessLogging = object({
  match: modeMatch,
  providers,
  disabled: yes('nothing is logged', boolean()),
  filter: yes('what is logged', object({ expression: yes('CEL expression', string()) })),
});

const spec = object(
  {
    selector: yes('workloads that this is for', workloadSelector),
    targetRef: yes('gateway or service that this is for; the old form', targetReference),
    targetRefs: yes('gateways and services that this is for', list(targetReference, { maxItems: 16 })),
    tracing: yes('traces', list(tracing)),
    metrics: yes('metrics', list(metrics)),
    accessLogging: yes('access logs', list(accessLogging)),
  },
  { oneOf: [['selector', 'targetRef', 'targetRefs']], rules: [checkScope] },
);
/** What a Telemetry says. */
export type TelemetrySpec = Static<typeof spec>;
/** Metrics, traces and access logs. */
export interface Telemetry extends SpecObject<'Telemetry', TelemetrySpec> {}

/** The kind. */
export const telemetry = istioKind({
  group: 'telemetry.istio.io',
  versions: ['v1', 'v1alpha1'],
  kind: 'Telemetry',
  plural: 'telemetries',
  shortNames: ['telemetry'],
  spec,
  missing: 'metrics, traces and access logs follow the settings of the mesh',
});
