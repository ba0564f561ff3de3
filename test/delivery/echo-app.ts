/** The application behind every delivery test: says its name (`node echo-app.ts NAME PORT`), and ends in order. */
import { createServer } from 'node:http';

const [name = 'echo', port = '9080'] = process.argv.slice(2);
const server = createServer((request, response) => {
  request.resume();
  response.setHeader('content-type', 'text/plain');
  response.end(`from ${name}\n`);
});
server.keepAliveTimeout = 3_600_000;
server.listen(Number(port));
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
