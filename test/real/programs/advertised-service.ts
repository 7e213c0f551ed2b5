/** Advertises a service in the way of the first argument, at the registry of the second. */
import { createServer } from 'node:http';
import { createClerk } from 'binding-clerk';
import { advertise } from 'binding-clerk/service';
import { printLine } from './print-line.js';

const [scene, registry = ''] = process.argv.slice(2);
const server = createServer((request, response) => {
  if (request.url === '/slow') {
    printLine('working');
    setTimeout(() => response.end('slow'), 7_000);
  } else response.end('quick');
});

switch (scene) {
  // The address belongs to another process: nothing here keeps this one alive.
  case 'address-only': {
    const ad = await advertise({ name: '/shop/orders', address: 'http://127.0.0.1:9', registry });
    printLine(ad.state);
    break;
  }
  // A clerk that was used, with open watches.
  case 'clerk': {
    const clerk = createClerk({ registry });
    void clerk.watch('/**').next();
    printLine(await clerk.bind('/shop/orders').json('/'));
    break;
  }
  // The registry does not respond to the second request of the clerk.
  case 'hanging-registry': {
    const orders = createClerk({ registry }).bind('/shop/orders');
    printLine(await orders.json('/'));
    await new Promise((resolve) => setTimeout(resolve, 400));
    printLine(await orders.json('/'));
    break;
  }
  case 'server': {
    server.listen(0, '127.0.0.1');
    const ad = await advertise({ name: '/shop/orders', address: server, registry });
    ad.on('drained', () => printLine('drained'));
    printLine('at', ad.addresses[0]);
    break;
  }
  case 'listener-of-its-own': {
    server.listen(0, '127.0.0.1');
    process.once('SIGTERM', () => setTimeout(() => process.exit(7), 6_500));
    const ad = await advertise({ name: '/shop/orders', address: server, registry });
    ad.on('drained', () => printLine('drained'));
    printLine('at', ad.addresses[0]);
    break;
  }
  default:
    throw new Error(`Unknown scene '${String(scene)}'`);
}
