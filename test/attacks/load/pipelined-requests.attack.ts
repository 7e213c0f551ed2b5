import { setTimeout } from 'node:timers/promises';
import { startAttackedRegistry } from './attacked-registry.js';
import { registerLarge } from './large-service.js';
import type { LoadAttack } from './load-attack.js';
import { openRawClient, requestText } from './raw-client.js';

export const attack: LoadAttack = {
  name: 'pipelined-requests',
  what: 'connections with 65 KB of pipelined requests that read nothing hold a bounded number of bytes',
  sizes: { small: 8, full: 248 },
  limits: { growthMiB: 200 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await registerLarge(registry, 150, 7_000);
      await registry.change('/v1/define', { name: '/honest' });
      await registry.get('/v1/resolve?name=/shop/orders');
      // Made once.
      await registry.get('/v1/openapi.json');
      const before = await registry.figures();
      let growth = 0;
      let longestMs = 0;
      const attacks = [
        '/v1/resolve?name=/shop/orders',
        '/v1/openapi.json',
        '/metrics',
        '/v1/search?glob=/**',
      ].map(async (path) => {
        const request = requestText(path);
        const clients = await Promise.all(
          Array.from({ length: size / 4 }, () => openRawClient(registry.url)),
        );
        // Too many, or as many as the registry accepts.
        for (const [i, client] of clients.entries())
          client.send(request.repeat(i % 2 === 0 ? Math.floor(65_000 / request.length) : 15));
        return clients;
      });
      const clients = (await Promise.all(attacks)).flat();
      const honest = registry.besideLookups('/honest', 20, setTimeout(3_000));
      for (let i = 0; i < 20; i++) {
        await setTimeout(100);
        const { rssBytes, heldMs } = await registry.figures();
        longestMs = Math.max(longestMs, heldMs);
        growth = Math.max(growth, rssBytes - before.rssBytes);
      }
      const p99 = await honest;
      for (const client of clients) client.close();
      return { growthMiB: growth / 2 ** 20, heldMs: longestMs, honestP99: p99 };
    } finally {
      await registry.close();
    }
  },
};
