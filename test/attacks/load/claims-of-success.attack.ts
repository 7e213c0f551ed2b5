import { setTimeout as sleep } from 'node:timers/promises';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';

export const attack: LoadAttack = {
  name: 'claims-of-success',
  what: 'invented clerks that claim to reach an endpoint do not keep it unmarked when it answers no calls',
  sizes: { small: 11, full: 1_000 },
  limits: { unmarked: 0, countedBeforeLookup: 0 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      const names = ['/shop/orders', '/shop/unseen'];
      const secrets = new Map<string, string>();
      for (const name of names)
        for (const id of ['a', 'b']) {
          const addresses = [`http://127.0.0.1:${id === 'a' ? '3001' : '3002'}`];
          const { secret } = await registry.change('/v1/register', { name, id, addresses, leaseMs: 60_000 });
          secrets.set(name + id, secret as string);
        }
      const renew = async (): Promise<void> => {
        const renewals = names.flatMap((name) =>
          ['a', 'b'].map((id, i) => ({
            ...{ name, id, epoch: i + 1, secret: secrets.get(name + id) },
            servedAgoMs: 60_000,
          })),
        );
        await registry.change('/v1/renew', { renewals });
      };
      await renew();
      await registry.get(`/v1/resolve?name=${names[0] as string}`);
      for (const name of names) {
        const reports = (verdict: string) => [{ name, id: 'a', epoch: 1, verdict }];
        await registry.change('/v1/report', { clerk: 'honest', reports: reports('unreachable') });
        for (let i = 0; i < size; i++)
          await registry.change('/v1/report', { clerk: `i${String(i)}`, reports: reports('reachable') });
      }
      await sleep(2_500);
      await renew();
      const suspects = async (name: string): Promise<number> => {
        const { text } = await registry.get(`/v1/resolve?name=${name}`);
        const { endpoints } = JSON.parse(text) as { endpoints: readonly { state: string }[] };
        return endpoints.filter(({ state }) => state === 'suspect').length;
      };
      await sleep(200);
      const [seen, unseen] = [await suspects('/shop/orders'), await suspects('/shop/unseen')];
      return { unmarked: 1 - seen, countedBeforeLookup: unseen };
    } finally {
      await registry.close();
    }
  },
};
