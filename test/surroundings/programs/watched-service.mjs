/** A service that `node --watch` or nodemon restarts. Prints how long its drain took. The argument is the URL of the registry. */
import { createServer } from 'node:http';
import { advertise } from 'binding-clerk/service';

const server = createServer((request, response) => response.end('"ok"')).listen(0, '127.0.0.1');
const ad = await advertise({
  name: '/shop/orders',
  address: server,
  registry: process.argv[2],
  drainOnSignal: false,
});
console.log('registered');

let isEnding = false;
// A runner may send the signal more than once.
process.on('SIGTERM', async () => {
  if (isEnding) return;
  isEnding = true;
  const startedAt = performance.now();
  await ad.drain();
  console.log(performance.now() - startedAt < 4_000 ? 'drained at once' : 'drained after a wait');
  process.exit();
});
