/** Small workloads for the tests of one machine's runtime. */

/** An HTTP server in one line that answers with its pod's name and logs each path. */
const answerer = (listen: string): string =>
  `require('http').createServer((q, s) => { console.log(q.url); s.end(process.env.HOSTNAME) }).listen(${listen})`;

/** What differs between Deployments of answering pods. */
export interface AnswererOptions {
  readonly replicas?: number;
  /** Arguments of `listen`. */
  readonly listen?: string;
  /** Lines of the container, in YAML's flow form. */
  readonly container?: string;
}

/** A Deployment of answering pods, and a Service with port 80 that leads to its named port. */
export function answering(name: string, options: AnswererOptions = {}): string {
  const {
    replicas = 1,
    listen = '8080',
    container = 'readinessProbe: { tcpSocket: { port: web }, periodSeconds: 1 }',
  } = options;
  return `
apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { selector: { app: ${name} }, ports: [{ name: http, port: 80, targetPort: web }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: app
          image: none
          command: [node, -e, "${answerer(listen)}"]
          ports: [{ name: web, containerPort: 8080 }]
          ${container}
`;
}

/** Settings from a ConfigMap and a Secret, as variables and as files. */
export const settings = `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { color: blue, size: large }
---
apiVersion: v1
kind: Secret
metadata: { name: password }
stringData: { PASSWORD: open sesame }
---
apiVersion: v1
kind: Pod
metadata: { name: reader }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: app
      image: none
      command: [sleep, infinity]
      env:
        - { name: COLOR, valueFrom: { configMapKeyRef: { name: settings, key: color } } }
        - { name: ME, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
        - { name: GREETING, value: I am $(ME) }
      envFrom: [{ secretRef: { name: password } }]
      volumeMounts:
        - { name: settings, mountPath: /etc/settings }
        - { name: password, mountPath: /var/password, readOnly: true }
        - { name: scratch, mountPath: /scratch }
  volumes:
    - { name: settings, configMap: { name: settings } }
    - { name: password, secret: { secretName: password, defaultMode: 256 } }
    - { name: scratch, emptyDir: {} }
`;

/** A pod that does its work and ends, and one that fails again and again. */
export const mortals = `
apiVersion: v1
kind: Pod
metadata: { name: job }
spec: { restartPolicy: Never, containers: [{ name: app, image: none, command: [sh, -c, 'echo the work is done'] }] }
---
apiVersion: v1
kind: Pod
metadata: { name: crash }
spec:
  containers: [{ name: app, image: none, command: [sh, -c, 'echo going down; exit 3'] }]
  terminationGracePeriodSeconds: 0
`;

/** A TCP server that speaks first and then echoes, behind a port that says TCP; `closed` waits for a port nobody opens. */
export const tcpEcho = `
apiVersion: v1
kind: Service
metadata: { name: tcp-echo }
spec: { selector: { app: tcp-echo }, ports: [{ name: tcp, port: 9000 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: tcp-echo }
spec:
  selector: { matchLabels: { app: tcp-echo } }
  template:
    metadata: { labels: { app: tcp-echo } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: app
          image: none
          command: [node, -e, "require('net').createServer((s) => { s.write('welcome '); s.pipe(s) }).listen(9000)"]
          readinessProbe: { tcpSocket: { port: 9000 }, periodSeconds: 1 }
---
apiVersion: v1
kind: Pod
metadata: { name: closed }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: app
      image: none
      command: [sleep, infinity]
      readinessProbe: { tcpSocket: { port: 9999 }, periodSeconds: 1 }
`;

/** Two servers of gRPC's health check, one asked for what it serves and one for what it does not. */
export function grpcServers(projectFolder: string): string {
  const pod = (name: string, service: string): string => `
apiVersion: v1
kind: Pod
metadata: { name: ${name} }
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - name: app
      image: none
      command: [node, ${projectFolder}/test/mesh/grpc-health.ts]
      readinessProbe: { grpc: { port: 9100, service: ${service} }, periodSeconds: 1 }
`;
  return `${pod('grpc-good', 'shop')}---${pod('grpc-bad', 'bank')}`;
}

/** Other kinds of Services: one without an address of its own, and names for what is elsewhere. */
export const otherServices = `
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata: { name: headless }
    spec: { clusterIP: None, selector: { app: pair }, ports: [{ name: http, port: 8080 }] }
  - apiVersion: v1
    kind: Service
    metadata: { name: elsewhere }
    spec: { type: ExternalName, externalName: outside.example, ports: [{ name: http, port: 80 }] }
  - apiVersion: v1
    kind: Service
    metadata: { name: alias }
    spec: { type: ExternalName, externalName: reviews.default.svc.cluster.local, ports: [{ name: http, port: 9080 }] }
`;

/** What is wrong in several ways, beside something that is right. */
export const mistakes = `apiVersion: example.com/v1
kind: Widget
metadata: { name: gadget }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: mistaken }
spec:
  hosts: [reviews]
  http:
    - rout:
        - destination: { host: reviews }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: mistaken }
spec:
  replicas: many
  selector: { matchLabels: { app: mistaken } }
  template:
    metadata: { labels: { app: mistaken } }
    spec: { containers: [{ name: app, image: none, command: [sleep, infinity] }] }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: right }
data: { a: b }
`;
