import { once } from 'node:events';
import { defineCommand } from '../command.ts';
import { findMesh } from '../find-mesh.ts';
import { containerOption, defaultNamespace, meshOptions, namespaceOption } from '../options.ts';
import { podName } from '../pod-name.ts';

/** What a container wrote. */
export const logs = defineCommand({
  name: 'logs',
  summary: 'Print the log of a pod',
  examples: [
    { line: 'logs deploy/reviews-v1', text: 'of one of the pods of a Deployment' },
    { line: 'logs deploy/reviews-v1 -c istio-proxy --tail 20', text: 'the last lines of its Envoy' },
    { line: 'logs details-v1-abcde -f', text: 'and what is written from now on' },
  ],
  arguments: [{ name: 'NAME', text: "a pod's name, or deploy/NAME", offers: 'pod' }],
  options: {
    ...namespaceOption,
    ...containerOption,
    follow: { kind: 'flag', short: 'f', text: 'go on with what is written later' },
    tail: { kind: 'number', value: 'LINES', text: 'only the last lines' },
    previous: { kind: 'flag', short: 'p', text: 'the run before the present one' },
    ...meshOptions,
  },
  async run(context, { options, args: [name = ''] }) {
    const { namespace = defaultNamespace, container, follow, tail, previous } = options;
    const chunks = findMesh(context, options.state).control.logs({
      name: podName(name),
      namespace,
      follow,
      previous,
      ...(container === undefined ? {} : { container }),
      ...(tail === undefined ? {} : { tail }),
    });
    for await (const chunk of chunks) if (!context.stdout.write(chunk)) await once(context.stdout, 'drain');
    return 0;
  },
});
