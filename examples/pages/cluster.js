/** The program of docs/cluster-workers.md. */
import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { advertise, atMostOnce, coordinateWorkers, diskCalls } from 'binding-clerk/service';

if (cluster.isPrimary) {
  coordinateWorkers({ store: diskCalls(process.env.DATA), id: 'orders-1' }); // or coordinateWorkers()
  for (let i = 0; i < 4; i++) cluster.fork();
} else {
  const guarded = atMostOnce((request, response) => response.end('ordered'));
  const server = createServer(guarded).listen(process.env.PORT);
  await advertise({ name: '/shop/orders', address: server, atMostOnce: guarded });
}
