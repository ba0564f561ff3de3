/** Deployment (https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/). */
import { memberPath } from '../kit/path.ts';
import { kubernetesKind, type SpecObject } from '../kit/kind.ts';
import {
  anyObject,
  boolean,
  choice,
  integer,
  list,
  map,
  no,
  object,
  required,
  string,
  withDefault,
  yes,
  type Static,
} from '../kit/node.ts';
import { podTemplate } from './pod.ts';

/** Selects objects by their labels. */
export const labelSelectorTerms = object({
  matchLabels: yes(
    'labels that have to be there',
    map(string({ format: 'labelValue' }), { key: string({ format: 'labelKey' }) }),
  ),
  matchExpressions: yes(
    'conditions on labels',
    list(
      object({
        key: required(yes('the label', string({ minLength: 1 }))),
        operator: required(yes('what has to hold', choice(['In', 'NotIn', 'Exists', 'DoesNotExist']))),
        values: yes('values that are meant', list(string())),
      }),
    ),
  ),
});

const spec = object({
  replicas: withDefault(1, yes('number of pods', integer({ min: 0 }))),
  selector: required(yes('labels of the pods; they have to be in the template', labelSelectorTerms)),
  template: required(yes('the pod', podTemplate)),
  minReadySeconds: no('time that a pod has to be ready', integer({ min: 0 })),
  strategy: no('how pods are replaced', anyObject(), 'a new pod is ready before an old one goes'),
  revisionHistoryLimit: no(
    'old versions that are kept',
    integer({ min: 0 }),
    'generations of the mesh are kept instead',
  ),
  progressDeadlineSeconds: no('time after which a change counts as failed', integer({ min: 0 })),
  paused: no('changes wait', boolean()),
});

/** What a Deployment says. */
export type DeploymentSpec = Static<typeof spec>;
/** A number of pods of one kind. */
export interface Deployment extends SpecObject<'Deployment', DeploymentSpec> {}

/** The kind. */
export const deployment = kubernetesKind({
  group: 'apps',
  versions: ['v1'],
  kind: 'Deployment',
  plural: 'deployments',
  shortNames: ['deploy'],
  fields: { spec: required(yes('what is wanted', spec)) },
  rules: [
    (value: { readonly spec: DeploymentSpec }, report) => {
      const { matchLabels, matchExpressions } = value.spec.selector;
      const labels = value.spec.template.metadata?.labels ?? {};
      if (Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0) {
        report.error(
          'spec.selector',
          'is empty; a Deployment has to select its pods',
          'add matchLabels with a label of the template',
        );
      }
      for (const [key, wanted] of Object.entries(matchLabels ?? {})) {
        if (labels[key] !== wanted) {
          report.error(
            memberPath('spec.selector.matchLabels', key),
            `"${wanted}" is not among the labels of the template`,
            `add ${key}: ${wanted} to spec.template.metadata.labels`,
          );
        }
      }
    },
  ],
});
