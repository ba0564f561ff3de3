/** What the networking files of Bookinfo presuppose beside Bookinfo itself, answering from memory. */

/** Ratings by version, with the stars that tell who answered. */
export const ratingsVariants: Readonly<Record<string, string>> = { v2: '1,4', 'v2-mysql': '2,4', 'v2-mysql-vm': '3,4' };

const ratings = (version: string, stars: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ratings-${version} }
spec:
  selector: { matchLabels: { app: ratings, version: ${version} } }
  template:
    metadata: { labels: { app: ratings, version: ${version} } }
    spec:
      serviceAccountName: bookinfo-ratings
      containers:
        - name: ratings
          image: mizzen/bookinfo:0.1
          command: [node, apps/ratings.ts, '9080']
          env: [{ name: SERVICE_VERSION, value: ${version} }, { name: RATINGS, value: '${stars}' }]
          ports: [{ containerPort: 9080 }]
          readinessProbe: { httpGet: { path: /health, port: 9080 }, periodSeconds: 1 }
`;

/** Details that ask a book service outside, in clear, and leave TLS to the mesh; its proxy trusts the tests' authority. */
const details = (caPem: string): string => `
apiVersion: v1
kind: ConfigMap
metadata: { name: outside-ca }
data:
  ca-certificates.crt: ${JSON.stringify(caPem)}
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: details-v2 }
spec:
  selector: { matchLabels: { app: details, version: v2 } }
  template:
    metadata:
      labels: { app: details, version: v2 }
      annotations:
        sidecar.istio.io/userVolume: '{"outside-ca":{"configMap":{"name":"outside-ca"}}}'
        sidecar.istio.io/userVolumeMount: '{"outside-ca":{"mountPath":"/etc/ssl/certs/ca-certificates.crt","subPath":"ca-certificates.crt","readOnly":true}}'
    spec:
      serviceAccountName: bookinfo-details
      containers:
        - name: details
          image: mizzen/bookinfo:0.1
          command: [node, apps/details.ts, '9080']
          env: [{ name: ENABLE_EXTERNAL_BOOK_SERVICE, value: 'true' }, { name: DO_NOT_ENCRYPT, value: 'true' }]
          ports: [{ containerPort: 9080 }]
          readinessProbe: { httpGet: { path: /health, port: 9080 }, periodSeconds: 1 }
`;

const resolver = `
apiVersion: v1
kind: Service
metadata: { name: cert-manager-resolver, namespace: istio-system }
spec: { selector: { app: resolver }, ports: [{ name: http, port: 8089 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: cert-manager-resolver, namespace: istio-system }
spec:
  selector: { matchLabels: { app: resolver } }
  template:
    metadata: { labels: { app: resolver } }
    spec:
      containers:
        - name: resolver
          image: none
          command: [node, -e, "require('http').createServer((q, s) => s.end('resolver ' + q.url)).listen(8089)"]
          readinessProbe: { tcpSocket: { port: 8089 }, periodSeconds: 1 }
`;

/** All of it as one file. */
export function variants(caPem: string): string {
  const ratingsFiles = Object.entries(ratingsVariants).map(([version, stars]) => ratings(version, stars));
  return [...ratingsFiles, details(caPem), resolver].join('---');
}
