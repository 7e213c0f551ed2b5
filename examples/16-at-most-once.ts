/**
 * At most once: all attempts of a call carry one idempotency key, and the service stores the response under this key.
 * A lost response is replayed, and the handler runs once.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { atMostOnce, memoryCalls } from 'binding-clerk/service';

export async function main(): Promise<void> {
  let charged = 0;
  const handler = atMostOnce(
    (request, response) => {
      charged++;
      if (charged === 1) request.socket.destroy(); // the handler ran, and its client gets no response
      response.writeHead(201, { 'content-type': 'text/plain' }).end(`charge ${charged}`);
    },
    { store: memoryCalls() }, // or diskCalls('/var/lib/shop'), which outlives the process
  );
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/charges`;

  const send = async (id: string, body: string) => {
    const request = { method: 'POST', headers: { 'clerk-call-id': id, connection: 'close' }, body };
    const response = await fetch(url, request).catch(() => undefined);
    return response ? `${response.status} ${response.headers.get('clerk-idempotency')}` : 'no response';
  };
  const id = `${Date.now()}-${randomBytes(16).toString('hex')}`;
  console.log(await send(id, '7 euros'), '|', await send(id, '7 euros'), '|', await send(id, '9 euros'));
  console.log(`charged: ${charged}`);
  server.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> no response | 201 replayed | 422 mismatch
//=> charged: 1
