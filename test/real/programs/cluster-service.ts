/**
 * A service of three cluster workers that share a port. The second argument is `coordinated`, `uncoordinated`,
 * `own-store` for workers with stores of their own, `own-id` for workers with the option `id`, or `exclusive` for
 * uncoordinated workers with ports of their own.
 */
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { advertise, atMostOnce, coordinateWorkers, memoryCalls } from 'binding-clerk/service';
import { printLine } from './print-line.js';

const [registry = '', scene = '', port = '0'] = process.argv.slice(2);

if (cluster.isPrimary) {
  if (['coordinated', 'own-store', 'own-id'].includes(scene)) coordinateWorkers();
  for (let i = 0; i < 3; i++) cluster.fork();
} else {
  const options = scene === 'own-store' ? { store: memoryCalls() } : {};
  const guarded = atMostOnce((request, response) => {
    printLine('ran', request.url);
    if (request.url === '/crash') process.exit(1);
    const delayMs = request.url?.startsWith('/slow') === true ? 6_500 : 0;
    setTimeout(() => response.end(String(process.pid)), delayMs);
  }, options);
  const isExclusive = scene === 'exclusive';
  const server = createServer(guarded).listen({
    port: isExclusive ? 0 : Number(port),
    host: '127.0.0.1',
    exclusive: isExclusive,
  });
  try {
    const ad = await advertise({
      name: '/shop/orders',
      address: server,
      registry,
      atMostOnce: guarded,
      ...(scene === 'own-id' && { id: `orders-${String(process.pid)}` }),
    });
    printLine('advertised', ad.id, ad.epoch, ad.addresses.join(' '));
  } catch (error) {
    printLine('refused', (error as Error & { code: string }).code, (error as Error).message);
    process.exit(1);
  }
}
