/**
 * Local first, the default: calls stay on this host, then in this zone, until the endpoints there fail or are busy. A
 * loopback address or unix socket is on this host, unless the endpoint states another host.
 */
import { createClerk } from 'binding-clerk';
import { serve, type Answer } from './lib/serve.js';

export async function main(): Promise<void> {
  const [here, near, far] = [await serve('here'), await serve('near'), await serve('far')];
  const clerk = createClerk({
    host: 'host-1',
    zone: 'zone-1',
    registry: {
      '/shop/orders': [
        { ...far.endpoint, host: 'host-9', zone: 'zone-2' },
        { ...near.endpoint, host: 'host-2', zone: 'zone-1' },
        { ...here.endpoint, host: 'host-1', zone: 'zone-1' },
      ],
    },
  });
  const orders = clerk.bind('/shop/orders');
  const callFive = async (): Promise<string> => {
    const responses = await Promise.all([1, 2, 3, 4, 5].map((id) => orders.json<Answer>(`/orders/${id}`)));
    return responses.map(({ server }) => server).join(' ');
  };
  console.log('all are up:', await callFive());
  await here.stop();
  console.log('none is left on this host:', await callFive());
  await near.stop();
  console.log('none is left in this zone:', await callFive());

  await clerk.close();
  await far.stop();
}

if (process.argv[1] === import.meta.filename) await main();
//=> all are up: here here here here here
//=> none is left on this host: near near near near near
//=> none is left in this zone: far far far far far
