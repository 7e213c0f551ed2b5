/** Workers of `node:cluster` on one port are one instance with one store of calls: any worker replays a response. */
import cluster, { type Worker } from 'node:cluster';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { startServer } from 'binding-clerk/server';
import { advertise, atMostOnce, coordinateWorkers, type Advertisement } from 'binding-clerk/service';

export async function main(): Promise<void> {
  const registry = await startServer({ port: 0 });
  coordinateWorkers(); // before the first fork
  cluster.setupPrimary({ exec: import.meta.filename, execArgv: ['--import', 'tsx'] });
  const workers = [1, 2].map(() => cluster.fork({ CLERK_REGISTRY: registry.url }));
  const ads = await Promise.all(workers.map(advertisementOf));
  console.log(`instances: ${new Set(ads.map(({ id }) => id)).size}`);
  const headers = { 'clerk-call-id': `${Date.now()}-${'0123456789abcdef'.repeat(2)}`, connection: 'close' };
  for (let i = 0; i < 3; i++) {
    const response = await fetch(`${ads[0]?.addresses[0]}/charges`, { method: 'POST', headers });
    console.log(response.status, response.headers.get('clerk-idempotency') ?? 'ran');
  }
  for (const worker of workers) worker.send('end');
  await Promise.all(workers.map((worker) => once(worker, 'exit')));
  await registry.close();
}

function advertisementOf(worker: Worker): Promise<Advertisement> {
  return new Promise((resolve) => worker.on('message', ({ ad }) => ad && resolve(ad)));
}

if (cluster.isWorker) {
  const guarded = atMostOnce((_request, response) => response.writeHead(201).end());
  const server = createServer(guarded).listen(0, '127.0.0.1');
  const ad = await advertise({ name: '/charges', address: server, atMostOnce: guarded });
  process.on('message', (message) => message === 'end' && void ad.close().then(() => process.exit()));
  process.send?.({ ad: { id: ad.id, addresses: ad.addresses } });
} else if (process.argv[1] === import.meta.filename) await main();
//=> instances: 1
//=> 201 ran
//=> 201 replayed
//=> 201 replayed
