/**
 * A registry of your own: one method that answers one name. Here it asks a Consul agent; a database or a file
 * look the same. The clerk does the rest: it remembers answers for as long as they say, asks once for any
 * number of callers, and goes on with the last good answer when the registry cannot be asked.
 */
import { createClerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { consulAgent, type Instance } from './lib/consul.js';
import { serve } from './lib/serve.js';

function consul(agent: string): Registry {
  return {
    async resolve(name, { signal }) {
      const service = name.slice(1).replaceAll('/', '-'); // /shop/orders → shop-orders
      const response = await fetch(`${agent}/v1/health/service/${service}?passing=true`, { signal });
      if (!response.ok) throw new Error(`Consul answered ${response.status}`); // cannot tell, so not "absent"
      const instances = (await response.json()) as Instance[];
      if (instances.length === 0) return { kind: 'absent' };
      const endpoints = instances.map(({ Service: at }) => {
        return { id: at.ID, address: `http://${at.Address}:${at.Port}` };
      });
      return { kind: 'bound', endpoints, ttlMs: 2_000 };
    },
  };
}

export async function main(): Promise<void> {
  const server = await serve('orders-1');
  const agent = await consulAgent({ 'shop-orders': [server.endpoint] });
  const clerk = createClerk({ registry: consul(agent.url) });
  const orders = clerk.bind('/shop/orders');
  await Promise.all(Array.from({ length: 100 }, (_, i) => orders.text(`/orders/${i}`)));
  console.log(`answers: ${server.answered}, look-ups: ${agent.asked}`);

  await clerk.close();
  await Promise.all([server.stop(), agent.stop()]);
}

if (process.argv[1] === import.meta.filename) await main();
//=> answers: 100, look-ups: 1
