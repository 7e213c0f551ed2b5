/**
 * A program of twelve steps with a registry, services and callers in one process. Each step prints one line, which must be
 * the same in every surrounding. With an argument, the registry keeps its data in that folder.
 */
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';

const name = '/shop/orders';
const bytes = 1_000_000;
const frozen = new Set();
let runs = 0;
let onNever = () => undefined;

function listen(id) {
  const server = createServer((request, response) => {
    if (request.url === '/never') onNever();
    if (frozen.has(id) || request.url === '/never') return;
    if (request.url === '/reset') {
      runs++;
      request.socket.destroy();
    } else if (request.url === '/upload') {
      let received = 0;
      request.on('data', (chunk) => (received += chunk.length));
      request.on('end', () => response.end(String(received)));
    } else if (request.url === '/download') Readable.from(pieces()).pipe(response);
    else response.end(JSON.stringify({ id }));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function* pieces() {
  for (let sent = 0; sent < bytes; sent += 10_000) yield Buffer.alloc(10_000);
}

function codeOf(promise) {
  return promise.then(
    () => 'done',
    (error) => `${error.code} ${error.execution}`,
  );
}

async function main([data] = process.argv.slice(2)) {
  const registry = await startServer({ port: 0, ...(data && { data }) });
  const ids = ['a', 'b', 'c'];
  const servers = await Promise.all(ids.map(listen));
  const [first, ...others] = servers;
  const service = (address, i) =>
    advertise({ name, id: ids[i], address, registry: registry.url, drainOnSignal: false });
  const ads = await Promise.all(servers.map(service));
  const clerk = createClerk({ registry: registry.url });
  const orders = clerk.bind(name, { policy: 'round-robin' });
  const { endpoints } = await clerk.resolve(name);
  console.log('1 start:', endpoints.length);

  const called = await Promise.all(ids.map(() => orders.json('/')));
  console.log('2 call:', [...new Set(called.map(({ id }) => id))].sort().join());

  const response = await clerk.fetch('http://orders.shop.clerk/');
  console.log('3 fetch:', response.status, ids.includes((await response.json()).id));

  const upload = await orders.request({ path: '/upload', method: 'PUT', body: Readable.from(pieces()) });
  console.log('4 stream to the service:', await upload.body.text());

  const download = await orders.request({ path: '/download' });
  let received = 0;
  for await (const chunk of download.body) received += chunk.length;
  console.log('5 stream to the caller:', received);

  const controller = new AbortController();
  const aborted = codeOf(orders.text('/never', { signal: controller.signal, kind: 'once', method: 'POST' }));
  onNever = () => controller.abort();
  console.log('6 abort:', await aborted);

  console.log('7 deadline:', await codeOf(orders.text('/never', { timeoutMs: 300 })));

  console.log('8 reset:', await codeOf(orders.text('/reset', { method: 'POST' })), runs);

  frozen.add('a');
  const besideFrozen = await Promise.all(ids.map(() => orders.json('/', { timeoutMs: 5_000 })));
  console.log(
    '9 freeze:',
    besideFrozen.every(({ id }) => id !== 'a'),
  );
  frozen.clear();

  const killed = new Promise((resolve) => first.close(resolve));
  first.closeAllConnections();
  await killed;
  const afterKill = await Promise.all(ids.map(() => orders.json('/', { timeoutMs: 5_000 })));
  console.log(
    '10 kill:',
    afterKill.every(({ id }) => id !== 'a'),
  );

  await ads[1].close();
  let left = ids;
  while (left.includes('b')) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    left = (await clerk.resolve(name)).endpoints.map(({ id }) => id);
  }
  console.log('11 withdraw:', left.sort().join());

  await clerk.close();
  console.log('12 close:', await codeOf(orders.text('/')));
  await Promise.all([ads[0].close(), ads[2].close()]);
  for (const server of others) {
    server.close();
    server.closeAllConnections();
  }
  await registry.close();
}

/** Settles after the last step. */
export const finished = main();
