/** The service of docs/failures.md that stores its calls: a call whose response was lost is retried, and runs once. */
import { createServer } from 'node:http';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise, atMostOnce, memoryCalls } from 'binding-clerk/service';

export async function main() {
  const registry = await startServer({ port: 0 });
  let charged = 0;
  const handler = atMostOnce(
    (request, response) => {
      if (request.method !== 'POST') return response.end(); // a probe
      if (++charged === 1) request.socket.destroy(); // the response is lost
      response.writeHead(201, { 'content-type': 'text/plain' }).end(`charge ${charged}`);
    },
    { store: memoryCalls() }, // or diskCalls('/var/lib/shop'), which outlives the process
  );
  const server = createServer(handler).listen(0, '127.0.0.1');
  const service = { name: '/shop/charges', registry: registry.url };
  const ad = await advertise({ ...service, address: server, atMostOnce: handler });

  const clerk = createClerk({ registry: registry.url });
  console.log(await clerk.bind('/shop/charges').text('/', { method: 'POST', body: '7 euros' }));
  console.log(`charged: ${charged}`);

  await clerk.close();
  await ad.close();
  server.close();
  await registry.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> charge 1
//=> charged: 1
