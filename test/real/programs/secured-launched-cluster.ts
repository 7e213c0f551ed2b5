/**
 * A launched service of two cluster workers. The primary holds the key of the launched instance, and gives it to the
 * workers. Arguments: the key of the registry, and a port.
 */
import cluster from 'node:cluster';
import { createServer } from 'node:https';
import { advertise, authenticate, callerOf, coordinateWorkers } from 'binding-clerk/service';

const [registryKey = '', port = '0'] = process.argv.slice(2);

if (cluster.isPrimary) {
  coordinateWorkers();
  for (let i = 0; i < 2; i++) cluster.fork();
} else {
  const handler = authenticate((request, response) => response.end(callerOf(request)?.principal), {
    ...{ service: '/shop/orders', registryKey },
  });
  const options = { minVersion: 'TLSv1.3', requestCert: true, rejectUnauthorized: false } as const;
  const server = createServer(options, handler).listen(Number(port), '127.0.0.1');
  await advertise({ name: '/shop/orders', address: server, leaseMs: 5_000 });
}
