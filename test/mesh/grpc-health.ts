/** A server of grpc.health.v1.Health on port 9100: `shop` is SERVING, any other service is not. */
import { Server, ServerCredentials } from '@grpc/grpc-js';

const health = {
  Check: {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (value: Buffer) => value,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
} as const;

const server = new Server();
server.addService(health, {
  Check: (call: { readonly request: Buffer }, done: (error: null, answer: Buffer) => void) => {
    // HealthCheckRequest.service is field 1, HealthCheckResponse.status too: 1 is SERVING, 2 is NOT_SERVING.
    done(null, Buffer.of(0x08, call.request.subarray(2).toString() === 'shop' ? 1 : 2));
  },
});
server.bindAsync('0.0.0.0:9100', ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
