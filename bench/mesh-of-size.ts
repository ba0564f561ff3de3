/** YAML of a mesh of some size, in the proportions in which istiod was measured. */

/**
 * So many ServiceEntries (70 % HTTP on 80, 20 % on 8080, 10 % TCP) of 10 endpoints each (every 20th 100), 30 % with a
 * VirtualService, 60 % with a DestinationRule of two subsets and outlier detection.
 */
export function meshOfSize(services: number): string {
  return Array.from({ length: services }, (_, at) => [
    serviceEntry(at),
    ...(at % 10 < 3 ? [virtualService(at)] : []),
    ...(at % 10 < 6 ? [destinationRule(at)] : []),
  ])
    .flat()
    .join('---\n');
}

const hostOf = (at: number): string => `service-${at}.example`;

function serviceEntry(at: number): string {
  const port =
    at % 10 === 9
      ? `{ number: ${9_000 + at}, name: tcp, protocol: TCP }`
      : `{ number: ${at % 10 < 7 ? 80 : 8_080}, name: http, protocol: HTTP }`;
  const count = at % 20 === 19 ? 100 : 10;
  const endpoints = Array.from({ length: count }, (_, i) => {
    const labels = `{ app: service-${at}, version: ${i % 2 === 0 ? 'v1' : 'v2'} }`;
    return `{ address: 10.${100 + (at >> 8)}.${at & 255}.${i + 1}, labels: ${labels} }`;
  });
  return `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: service-${at} }
spec:
  hosts: [${hostOf(at)}]
  addresses: [240.240.${at >> 8}.${(at & 255) + 1}]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [${port}]
  endpoints:
    - ${endpoints.join('\n    - ')}
`;
}

function virtualService(at: number): string {
  return `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: service-${at} }
spec:
  hosts: [${hostOf(at)}]
  http: [{ route: [{ destination: { host: ${hostOf(at)} } }] }]
`;
}

function destinationRule(at: number): string {
  return `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: { name: service-${at} }
spec:
  host: ${hostOf(at)}
  trafficPolicy: { outlierDetection: { consecutive5xxErrors: 5 } }
  subsets: [{ name: v1, labels: { version: v1 } }, { name: v2, labels: { version: v2 } }]
`;
}
