/**
 * A registry of your own: one method that resolves a name, here at a Consul agent. The clerk caches each result for its
 * `ttlMs`, shares one lookup among all callers, and continues with the last good result while the registry fails.
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
      if (!response.ok) throw new Error(`Consul answered ${response.status}`); // unknown is an error, not "absent"
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
  console.log(`responses: ${server.answered}, lookups: ${agent.requests}`);

  await clerk.close();
  await Promise.all([server.stop(), agent.stop()]);
}

if (process.argv[1] === import.meta.filename) await main();
//=> responses: 100, lookups: 1
