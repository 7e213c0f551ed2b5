/**
 * Affinity: calls with the same key go to the same endpoint, from every process, without a shared table. When an
 * endpoint is removed, only its keys move to other endpoints.
 */
import { createClerk } from 'binding-clerk';
import { serve, type Answer } from './lib/serve.js';

export async function main(): Promise<void> {
  const [a, b, c] = [await serve('a'), await serve('b'), await serve('c')];
  const clerk = createClerk({ registry: { '/shop/carts': [a.endpoint, b.endpoint, c.endpoint] } });
  const carts = clerk.bind('/shop/carts', {
    policy: 'affinity',
    affinity: (path) => path.split('/')[2], // /carts/anna/items → anna
  });

  const serversOf = async (...customers: string[]): Promise<string> => {
    const servers: string[] = [];
    for (const customer of customers) {
      const { server } = await carts.json<Answer>(`/carts/${customer}/items`);
      servers.push(`${customer}: ${server}`);
    }
    return servers.join(', ');
  };

  console.log(await serversOf('anna', 'dora', 'emma', 'finn', 'kim'));
  console.log(await serversOf('anna', 'dora', 'emma', 'finn', 'kim'));
  await b.stop();
  console.log(await serversOf('anna', 'dora', 'emma', 'finn', 'kim'), '(b is gone)');

  await clerk.close();
  await Promise.all([a.stop(), c.stop()]);
}

if (process.argv[1] === import.meta.filename) await main();
//=> anna: c, dora: a, emma: b, finn: c, kim: b
//=> anna: c, dora: a, emma: b, finn: c, kim: b
//=> anna: c, dora: a, emma: a, finn: c, kim: c (b is gone)
