/** A service under a lease of a second, which says what it thinks of its registration. */
import { createServer } from 'node:http';
import { advertise } from 'binding-clerk/service';
import { say } from './say.js';

const [registry = '', id = ''] = process.argv.slice(2);
const server = createServer((_request, response) => response.end(id)).listen(0, '127.0.0.1');
const ad = await advertise({
  name: '/shop/orders',
  id,
  address: server,
  registry,
  leaseMs: 1_000,
  drainOnSignal: false,
});
ad.on('lost', () => say('lost'));
ad.on('registered', ({ again }) => say(again ? 'registered again' : 'registered'));
say('registered', String(ad.epoch));
