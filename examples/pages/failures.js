/** The code of docs/failures.md and docs/troubleshooting.md: retries, errors, and a wait for a service. */
import { createServer } from 'node:http';
import { createClerk, isClerkError } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';

export async function main() {
  const registry = await startServer({ port: 0 });
  const clerk = createClerk({ registry: registry.url });
  const server = createServer((request, response) => {
    if (request.method === 'POST')
      request.socket.destroy(); // the response is lost
    else response.writeHead(request.url === '/pens' ? 500 : 200).end('7 pens');
  });

  const orders = clerk.bind('/shop/orders', { waitForReady: true, timeoutMs: 30_000 });
  const waiting = orders.text('/orders/7'); // the service does not run yet
  const address = server.listen(0, '127.0.0.1');
  const ads = await Promise.all(
    ['/shop/orders', '/shop/stock'].map((name) => advertise({ name, address, registry: registry.url })),
  );
  await orders.ready({ timeoutMs: 30_000 });
  console.log(await waiting);

  const retries = { max: 2, statuses: [500, 503], budget: { ratio: 0.2, minPerSecond: 5 } };
  const stock = clerk.bind('/shop/stock', { retries });
  console.log((await stock.request({ path: '/pens' })).statusCode);

  const reconcile = () => console.log('look whether the order exists');
  try {
    await orders.json({ path: '/orders', method: 'POST', body: '{"pens":3}' });
  } catch (error) {
    if (isClerkError(error) && error.execution === 'unknown') await reconcile();
    else throw error;
  }

  try {
    await orders.json('/orders/7');
  } catch (error) {
    if (!isClerkError(error)) throw error;
    console.error(error.code, error.execution, error.message);
    for (const { endpoint, pickReason, stage, code, durationMs } of error.outcomes)
      console.error(` ${endpoint} (${pickReason}) ${stage} ${code} after ${durationMs} ms`);
  }
  await clerk.close();
  await Promise.all(ads.map((ad) => ad.close()));
  server.close();
  await registry.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> 7 pens
//=> 500
//=> look whether the order exists
