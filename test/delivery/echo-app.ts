/** The application behind every delivery test: says its name (`node echo-app.ts NAME PORT`), and ends in order. */
import { createServer } from 'node:http';

const [name = 'echo', port = '9080'] = process.argv.slice(2);
let isEnding = false;
const server = createServer((request, response) => {
  request.resume();
  response.setHeader('content-type', 'text/plain');
  // Or whoever keeps the connection would keep this process.
  if (isEnding) response.setHeader('connection', 'close');
  response.end(`from ${name}\n`);
});
server.keepAliveTimeout = 3_600_000;
server.listen(Number(port));
process.on('SIGTERM', () => {
  isEnding = true;
  server.close(() => process.exit(0));
  setInterval(() => server.closeIdleConnections(), 100);
  // A connection on which no request ever came does not count as idle.
  setTimeout(() => server.closeAllConnections(), 2_000);
});
