import { Readable } from 'node:stream';
import { defineCommand } from '../command.ts';
import { findMesh } from '../find-mesh.ts';
import { containerOption, defaultNamespace, meshOptions, namespaceOption } from '../options.ts';
import { podName } from '../pod-name.ts';

/** Runs a command in a container. */
export const exec = defineCommand({
  name: 'exec',
  summary: 'Run a command in a pod',
  description: "The exit code is the command's own. Standard input is passed on with -i only, as with kubectl.",
  examples: [
    { line: 'exec deploy/reviews-v1 -- curl -s ratings:9080/ratings/0', text: 'as the application, through its Envoy' },
    { line: 'exec deploy/reviews-v1 -c istio-proxy -- curl -s localhost:15000/clusters', text: 'ask its Envoy' },
    { line: 'exec deploy/reviews-v1 -i -- sh < script.sh', text: 'with standard input' },
  ],
  arguments: [{ name: 'NAME', text: "a pod's name, or deploy/NAME", offers: 'pod' }],
  rest: { name: 'COMMAND', text: 'the command and its arguments' },
  options: {
    ...namespaceOption,
    ...containerOption,
    stdin: { kind: 'flag', short: 'i', text: 'pass standard input on' },
    ...meshOptions,
  },
  async run(context, { options, args: [name = ''], rest = [] }) {
    const { namespace = defaultNamespace, container } = options;
    return findMesh(context, options.state).control.exec({
      name: podName(name),
      namespace,
      argv: rest,
      stdin: options.stdin ? context.stdin : Readable.from([]),
      stdout: context.stdout,
      stderr: context.stderr,
      ...(container === undefined ? {} : { container }),
    });
  },
});
