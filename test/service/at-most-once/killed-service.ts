/**
 * A service that stores its calls in the given folder. Prints its port, and a line per handler run. `/finish`
 * responds; `/hang` never does.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { atMostOnce, diskCalls } from 'binding-clerk/service';

const wrapped = atMostOnce(
  (request, response) => {
    process.stdout.write(`ran ${request.url}\n`);
    if (request.url === '/finish') response.writeHead(201, { 'x-order': '7' }).end('finished');
  },
  { store: diskCalls(process.argv[2] as string) },
);
const server = createServer(wrapped).listen(0, '127.0.0.1', () => {
  process.stdout.write(`port ${(server.address() as AddressInfo).port}\n`);
});
