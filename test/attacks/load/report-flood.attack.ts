import { startAttackedRegistry } from './attacked-registry.js';
import { registerLarge } from './large-service.js';
import type { LoadAttack } from './load-attack.js';
import { openRawClient, requestText } from './raw-client.js';

export const attack: LoadAttack = {
  name: 'report-flood',
  what: 'reports of ever new clerks from many loopback addresses hold a bounded number of bytes',
  sizes: { small: 10, full: 200 },
  limits: { heapGrowthMiB: 16 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await registerLarge(registry, 100, 10);
      const before = await registry.figures();
      const reports = Array.from({ length: 100 }, (_, i) => ({
        ...{ name: '/shop/orders', id: `i${String(i)}`, epoch: i + 1, verdict: 'unreachable' },
      }));
      await Promise.all(
        Array.from({ length: size }, async (_, address) => {
          const client = await openRawClient(registry.url, `127.0.1.${String(address + 1)}`);
          // Only reports of principals that have looked the service up count.
          client.send(requestText('/v1/resolve?name=/shop/orders'));
          for (let i = 0; i < 100; i++) {
            client.send(requestText('/v1/report', { clerk: `c${String(address)}-${String(i)}`, reports }));
            await client.readUntil('\r\n\r\n{}');
          }
          client.close();
        }),
      );
      const { heapBytes } = await registry.figures();
      return { heapGrowthMiB: (heapBytes - before.heapBytes) / 2 ** 20 };
    } finally {
      await registry.close();
    }
  },
};
