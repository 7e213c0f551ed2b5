/** The policies of docs/policies.md: by name, composed, a function, an object. */
import { createClerk, localFirst, roundRobin } from 'binding-clerk';
import { serve } from '../lib/serve.js';

export async function main() {
  const [a, b] = [await serve('a'), await serve('b')];
  const old = { ...a.endpoint, version: '1.9.0' };
  const canary = { ...b.endpoint, version: '1.10.0', attributes: { canary: 'yes' } };
  const names = ['orders', 'stock', 'carts', 'reports'].map((name) => [`/shop/${name}`, [old, canary]]);
  const clerk = createClerk({ registry: Object.fromEntries(names) });

  const orders = clerk.bind('/shop/orders', { policy: 'round-robin' });
  const stock = clerk.bind('/shop/stock', { policy: localFirst(roundRobin()) });
  const carts = clerk.bind('/shop/carts', {
    policy: 'affinity',
    affinity: (path) => path.split('/')[2], // /carts/anna/items → anna
  });
  for (const binding of [orders, stock, carts]) {
    const servers = [1, 2].map(async () => (await binding.json('/carts/anna/items')).server);
    console.log([...new Set(await Promise.all(servers))].length);
  }

  const versionOf = ({ endpoint }) => endpoint.version ?? '0.0.0';
  const byVersion = (one, other) => versionOf(other).localeCompare(versionOf(one), 'en', { numeric: true });
  const newest = (candidates) => [...candidates].sort(byVersion)[0];
  const reports = clerk.bind('/shop/reports', { policy: newest });
  console.log((await reports.json('/')).server);

  const onlyCanaries = {
    name: 'only-canaries',
    prepare({ candidates }) {
      const canaries = candidates.filter(({ endpoint }) => endpoint.attributes.canary === 'yes');
      return ({ random }) => canaries[Math.floor(random() * canaries.length)];
    },
  };
  const early = clerk.bind('/shop/reports', { policy: onlyCanaries });
  console.log((await early.json('/')).server);

  await clerk.close();
  await Promise.all([a.stop(), b.stop()]);
}

if (process.argv[1] === import.meta.filename) await main();
//=> 2
//=> 2
//=> 1
//=> b
//=> b
