import { setTimeout } from 'node:timers/promises';
import { startAttackedRegistry } from './attacked-registry.js';
import { registerLarge } from './large-service.js';
import type { LoadAttack } from './load-attack.js';
import { openRawClient, requestText } from './raw-client.js';

export const attack: LoadAttack = {
  name: 'silent-watchers',
  what: 'watches that read nothing hold a bounded number of bytes while a large service changes',
  sizes: { small: 16, full: 60 },
  limits: { growthMiB: 200 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await registerLarge(registry, 450, 7_000);
      const before = await registry.figures();
      const clients = await Promise.all(Array.from({ length: size }, () => openRawClient(registry.url)));
      for (const client of clients)
        client.send(requestText('/v1/watch', { globs: ['/shop/orders', '/shop/**'] }));
      await setTimeout(200);
      let growth = 0;
      for (let i = 0; i < 20; i++) {
        await registerLarge(registry, 1, 6_000 + i);
        const { rssBytes } = await registry.figures();
        growth = Math.max(growth, rssBytes - before.rssBytes);
      }
      for (const client of clients) client.close();
      return { growthMiB: growth / 2 ** 20 };
    } finally {
      await registry.close();
    }
  },
};
