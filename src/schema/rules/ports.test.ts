import assert from 'node:assert/strict';
import { test } from 'node:test';
import { caseName, pathsOf, type Json, type SpecCase } from '../testing/spec-cases.ts';

/** Each spec is refused at its path and nowhere else. */
function cases(kind: string, list: readonly SpecCase[]): void {
  for (const one of list) {
    const [path, spec] = one;
    test(caseName(kind, one), () => assert.deepEqual(pathsOf(kind, spec, 'error'), path === '' ? [] : [path]));
  }
}

const server = (more: Json = {}): Json => ({
  port: { number: 80, protocol: 'HTTP', name: 'http' },
  hosts: ['*'],
  ...more,
});
const tls = (settings: Json, protocol = 'HTTPS'): Json => ({
  servers: [server({ port: { number: 443, protocol, name: 'https' }, tls: settings })],
});
cases('Gateway', [
  [
    '',
    {
      selector: { istio: 'ingressgateway' },
      servers: [server({ hosts: ['*/a.com', './*', 'shop/*.b.com', 'c.com'] })],
    },
  ],
  ['', { servers: [server({ tls: { httpsRedirect: true } })] }],
  ['', tls({ mode: 'SIMPLE', credentialName: 'a' })],
  ['', tls({ mode: 'MUTUAL', serverCertificate: 'a', privateKey: 'b', caCertificates: 'c', cipherSuites: ['fake'] })],
  ['', tls({ mode: 'PASSTHROUGH' }, 'TLS')],
  ['', { servers: [server({ port: { number: 0, protocol: 'HTTP', name: 'a' }, bind: 'unix:///run/a' })] }],
  ['spec.servers', {}],
  ['spec.servers[0].hosts', { servers: [server({ hosts: [] })] }],
  ['spec.servers[0].hosts[0]', { servers: [server({ hosts: ['~/a'] })] }],
  ['spec.servers[0].hosts[0]', { servers: [server({ hosts: ['a/b/c'] })] }],
  ['spec.servers[0].port.protocol', { servers: [server({ port: { number: 80, protocol: 'HTPP', name: 'a' } })] }],
  ['spec.servers[0].port.number', { servers: [server({ port: { number: 0, protocol: 'HTTP', name: 'a' } })] }],
  ['spec.servers[0].port.name', { servers: [server({ port: { number: 80, protocol: 'HTTP' } })] }],
  [
    'spec.servers[0].port.targetPort',
    { servers: [server({ port: { number: 80, protocol: 'HTTP', name: 'a', targetPort: 8_080 } })] },
  ],
  ['spec.servers[1].port.name', { servers: [server(), server()] }],
  ['spec.servers[0].bind', { servers: [server({ bind: 'here' })] }],
  ['spec.servers[0].tls', { servers: [server({ port: { number: 443, protocol: 'HTTPS', name: 'a' } })] }],
  ['spec.servers[0].tls', { servers: [server({ tls: { mode: 'SIMPLE', credentialName: 'a' } })] }],
  [
    'spec.servers[0].tls',
    {
      servers: [
        server({ port: { number: 80, protocol: 'TCP', name: 'a' }, tls: { mode: 'SIMPLE', credentialName: 'a' } }),
      ],
    },
  ],
  ['spec.servers[0].tls.privateKey', tls({ mode: 'SIMPLE', serverCertificate: 'a' })],
  ['spec.servers[0].tls.caCertificates', tls({ mode: 'MUTUAL', serverCertificate: 'a', privateKey: 'b' })],
  ['spec.servers[0].tls.credentialName', tls({ mode: 'ISTIO_MUTUAL', credentialName: 'a' })],
  ['spec.servers[0].tls.credentialNames', tls({ mode: 'SIMPLE', credentialName: 'a', credentialNames: ['b'] })],
  [
    'spec.servers[0].tls.minProtocolVersion',
    tls({ mode: 'SIMPLE', credentialName: 'a', minProtocolVersion: 'TLSV1_3', maxProtocolVersion: 'TLSV1_2' }),
  ],
  ['spec.servers[0].tls.mode', tls({ mode: 'SIMPEL', credentialName: 'a' })],
]);

const entry = (more: Json = {}): Json => ({
  hosts: ['a.com'],
  ports: [{ number: 80, name: 'http', protocol: 'HTTP' }],
  resolution: 'DNS',
  ...more,
});
cases('ServiceEntry', [
  ['', entry()],
  ['', entry({ hosts: ['*.a.com'], resolution: 'NONE', addresses: ['10.0.0.0/8'] })],
  [
    '',
    entry({ resolution: 'STATIC', endpoints: [{ address: '1.2.3.4', ports: { http: 8_080 } }, { address: '::1' }] }),
  ],
  ['', entry({ resolution: 'STATIC', endpoints: [{ address: 'unix:///run/a' }] })],
  ['', entry({ resolution: 'STATIC', workloadSelector: { labels: { app: 'a' } }, exportTo: ['~'] })],
  ['', entry({ resolution: 'DYNAMIC_DNS', hosts: ['*.a.com'] })],
  ['spec.hosts', { ports: [] }],
  ['spec.hosts', entry({ hosts: [] })],
  ['spec.hosts[0]', entry({ hosts: ['*'], resolution: 'NONE' })],
  ['spec.hosts[0]', entry({ hosts: ['*.a.com'] })],
  ['spec.addresses[0]', entry({ addresses: ['a.com'] })],
  ['spec.addresses', entry({ addresses: ['10.0.0.0/8'] })],
  [
    'spec.ports[1].name',
    entry({
      ports: [
        { number: 80, name: 'a' },
        { number: 81, name: 'a' },
      ],
    }),
  ],
  [
    'spec.ports[1].number',
    entry({
      ports: [
        { number: 80, name: 'a' },
        { number: 80, name: 'b' },
      ],
    }),
  ],
  ['spec.ports[0].name', entry({ ports: [{ number: 80, name: 'a_b' }] })],
  ['spec.ports[0].number', entry({ ports: [{ number: 0, name: 'a' }] })],
  ['spec.ports[0].protocol', entry({ ports: [{ number: 80, name: 'a', protocol: 'HTPP' }] })],
  ['spec.ports[0].protocol', entry({ hosts: ['a.com', 'b.com'], ports: [{ number: 80, name: 'a', protocol: 'TCP' }] })],
  ['spec.endpoints', entry({ resolution: 'NONE', endpoints: [{ address: '1.2.3.4' }] })],
  ['spec.endpoints', entry({ resolution: 'DNS_ROUND_ROBIN', endpoints: [{ address: 'a.com' }, { address: 'b.com' }] })],
  ['spec.endpoints', entry({ resolution: 'STATIC', endpoints: [], workloadSelector: { labels: { a: 'b' } } })],
  ['spec.endpoints[0].address', entry({ resolution: 'STATIC', endpoints: [{ address: 'a.com' }] })],
  ['spec.endpoints[0].address', entry({ endpoints: [{ address: 'unix:///run/a' }] })],
  ['spec.endpoints[0].address', entry({ endpoints: [{}] })],
  ['spec.endpoints[0].ports.https', entry({ endpoints: [{ address: 'b.com', ports: { https: 1 } }] })],
  ['spec.workloadSelector.labels.app', entry({ resolution: 'STATIC', workloadSelector: { labels: { app: '*' } } })],
  ['spec.exportTo', entry({ exportTo: ['~', 'a'] })],
]);

cases('Sidecar', [
  ['', { egress: [{ hosts: ['./*', 'istio-system/*', '*/a.com', '~/*'] }] }],
  ['', { egress: [{ port: { number: 80, protocol: 'HTTP', name: 'a' }, hosts: ['./*'] }, { hosts: ['*/*'] }] }],
  ['', { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }],
  ['', { ingress: [{ port: { number: 80, protocol: 'HTTP', name: 'a' }, defaultEndpoint: '127.0.0.1:8080' }] }],
  ['spec', {}],
  ['spec.egress[0].hosts', { egress: [{}] }],
  ['spec.egress[0].hosts[0]', { egress: [{ hosts: ['a.com'] }] }],
  ['spec.egress[0].hosts[0]', { egress: [{ hosts: ['~/a.com'] }] }],
  ['spec.egress[0].port', { egress: [{ hosts: ['*/*'] }, { hosts: ['*/*'] }] }],
  [
    'spec.egress[1].port.number',
    {
      egress: [
        { port: { number: 80 }, hosts: ['*/*'] },
        { port: { number: 80 }, hosts: ['*/*'] },
      ],
    },
  ],
  ['spec.egress[0].bind', { egress: [{ port: { number: 0 }, hosts: ['*/*'] }] }],
  [
    'spec.outboundTrafficPolicy.egressProxy',
    { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY', egressProxy: { host: 'a', port: { number: 1 } } } },
  ],
  ['spec.outboundTrafficPolicy.egressProxy.port', { outboundTrafficPolicy: { egressProxy: { host: 'a' } } }],
  ['spec.ingress[0].defaultEndpoint', { ingress: [{ port: { number: 80 }, defaultEndpoint: '10.0.0.1:80' }] }],
]);

cases('WorkloadEntry', [
  ['', { address: '1.2.3.4', ports: { http: 80 } }],
  ['', { network: 'a' }],
  ['', { address: 'unix://@abstract' }],
  ['spec.address', {}],
  ['spec.address', { address: 'unix://a' }],
  ['spec.ports', { address: 'unix:///a', ports: { http: 80 } }],
  ['spec.ports.http', { address: 'a.com', ports: { http: 0 } }],
]);
cases('WorkloadGroup', [
  ['', { template: {} }],
  ['spec.template', { metadata: {} }],
  ['spec.probe', { template: {}, probe: {} }],
]);
cases('RequestAuthentication', [
  ['', { jwtRules: [{ issuer: 'a', jwksUri: 'https://a/b' }] }],
  ['spec.jwtRules[0].issuer', { jwtRules: [{}] }],
  ['spec.jwtRules[0]', { jwtRules: [{ issuer: 'a', jwks: '{"keys":[]}', jwksUri: 'https://a' }] }],
  ['spec.jwtRules[0].jwks', { jwtRules: [{ issuer: 'a', jwks: '{}' }] }],
]);
cases('Telemetry', [
  ['', { metrics: [{ overrides: [{ tagOverrides: { a: { operation: 'REMOVE' } } }] }] }],
  ['spec.tracing[0].randomSamplingPercentage', { tracing: [{ randomSamplingPercentage: 101 }] }],
  ['spec.metrics[0].overrides[0].tagOverrides.a.value', { metrics: [{ overrides: [{ tagOverrides: { a: {} } }] }] }],
]);
cases('WasmPlugin', [
  ['', { url: 'oci://a/b:c' }],
  ['', { url: 'a.io/b/c:1.0' }],
  ['', { url: 'file:///opt/a.wasm', sha256: '' }],
  ['spec.url', {}],
  ['spec.url', { url: 'ftp://a/b' }],
  ['spec.sha256', { url: 'a/b', sha256: 'XYZ' }],
  ['spec.vmConfig.env[1].name', { url: 'a/b', vmConfig: { env: [{ name: 'A' }, { name: 'A' }] } }],
]);
cases('TrafficExtension', [
  ['', { lua: { inlineCode: 'x' } }],
  ['spec', {}],
  ['spec', { lua: { inlineCode: 'x' }, wasm: { url: 'a/b' } }],
]);
const patched = (more: Json): Json => ({
  configPatches: [{ applyTo: 'CLUSTER', patch: { operation: 'MERGE', value: {} }, ...more }],
});
cases('EnvoyFilter', [
  ['', patched({ match: { cluster: {} } })],
  ['spec.configPatches[0].applyTo', { configPatches: [{ patch: { operation: 'REMOVE' } }] }],
  ['spec.configPatches[0].patch.value', patched({ patch: { operation: 'ADD' } })],
  ['spec.configPatches[0].match.listener', patched({ match: { listener: {} } })],
  [
    'spec.configPatches[0].patch.value.x.@type',
    patched({
      patch: { operation: 'ADD', value: { x: { '@type': 'type.googleapis.com/envoy.config.filter.http.lua.v2.Lua' } } },
    }),
  ],
]);
cases('ProxyConfig', [
  ['', { concurrency: 0 }],
  ['spec.concurrency', { concurrency: -1 }],
]);
