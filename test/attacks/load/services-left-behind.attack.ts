import { limits as serverLimits } from '../../../src/protocol/limits.js';
import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';

export const attack: LoadAttack = {
  name: 'services-left-behind',
  what: 'endpoints that are registered under ever new names and withdrawn leave a bounded number of services',
  sizes: { small: 500, full: 120_000 },
  limits: { excessNames: 0, heapGrowthMiB: 100 },
  async run(size) {
    const maxNamesPerPrincipal = Math.min(serverLimits.maxNamesPerPrincipal, Math.floor(size / 2));
    const registry = await startAttackedRegistry({ maxNamesPerPrincipal });
    try {
      const before = await registry.figures();
      let next = 0;
      const worker = async (): Promise<void> => {
        while (next < size) {
          const name = `/left/s${String(next++)}`;
          const { status, text } = await registry.post('/v1/register', {
            name,
            id: 'i',
            addresses: ['http://127.0.0.1:3001'],
          });
          if (status === 429) continue;
          const { epoch, secret } = JSON.parse(text) as { readonly epoch: number; readonly secret: string };
          await registry.change('/v1/withdraw', { name, id: 'i', epoch, secret, now: true });
        }
      };
      await Promise.all(Array.from({ length: 50 }, worker));
      const { text } = await registry.get('/healthz');
      const { services } = JSON.parse(text) as { readonly services: number };
      const { heapBytes } = await registry.figures();
      return {
        services,
        excessNames: services - maxNamesPerPrincipal,
        heapGrowthMiB: (heapBytes - before.heapBytes) / 2 ** 20,
      };
    } finally {
      await registry.close();
    }
  },
};
