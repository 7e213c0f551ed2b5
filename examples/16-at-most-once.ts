/**
 * At most once: a call keeps one id however often it is sent, and the service remembers what it ran. An answer that got
 * lost on its way is given again, and nothing runs a second time.
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
      if (charged === 1) request.socket.destroy(); // it ran, and its client will never hear of it
      response.writeHead(201, { 'content-type': 'text/plain' }).end(`charge ${charged}`);
    },
    { store: memoryCalls() }, // or diskCalls('/var/lib/shop'), which outlives the process
  );
  const server = createServer(handler).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/charges`;

  const send = async (id: string, body: string) => {
    const request = { method: 'POST', headers: { 'clerk-call-id': id, connection: 'close' }, body };
    const answer = await fetch(url, request).catch(() => undefined);
    return answer ? `${answer.status} ${answer.headers.get('clerk-idempotency')}` : 'no answer';
  };
  const id = `${Date.now()}-${randomBytes(16).toString('hex')}`;
  console.log(await send(id, '7 euros'), '|', await send(id, '7 euros'), '|', await send(id, '9 euros'));
  console.log(`charged: ${charged}`);
  server.close();
}

if (process.argv[1] === import.meta.filename) await main();
//=> no answer | 201 replayed | 422 mismatch
//=> charged: 1
