/** A service of two cluster workers with one identity file. Arguments: the path of the file, and a port. */
import cluster from 'node:cluster';
import { createServer } from 'node:https';
import { openIdentity } from 'binding-clerk/identity';
import { advertise, authenticate, callerOf, coordinateWorkers } from 'binding-clerk/service';
import { printLine } from './print-line.js';

const [file = '', port = '0'] = process.argv.slice(2);

if (cluster.isPrimary) {
  coordinateWorkers();
  for (let i = 0; i < 2; i++) cluster.fork();
} else {
  const identity = await openIdentity(file);
  const handler = authenticate((request, response) => response.end(callerOf(request)?.principal), {
    identity,
  });
  const server = createServer(identity.tls(), handler).listen(Number(port), '127.0.0.1');
  await advertise({
    ...{ name: '/shop/orders', address: server, identity: file, leaseMs: 1_000 },
    registry: identity.registry,
  });
  printLine('advertised');
}
