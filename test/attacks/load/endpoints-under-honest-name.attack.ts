import { createClerk } from '../../../src/index.js';
import { startAttackedRegistry } from './attacked-registry.js';
import { registerLarge } from './large-service.js';
import type { LoadAttack } from './load-attack.js';

export const attack: LoadAttack = {
  name: 'endpoints-under-honest-name',
  what: 'many large endpoints under the name of a service do not make its lookup too large for a clerk',
  sizes: { small: 700, full: 1_000 },
  limits: { unread: 0, acceptedOf64KB: 0 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await registerLarge(registry, 1, 10);
      const acceptedOf64KB = await registerLarge(registry, 70, 60_000, 1);
      await registerLarge(registry, size - 1, 7_500, 100);
      const clerk = createClerk({ registry: registry.url });
      const unread = await clerk.resolve('/shop/orders').then(
        ({ endpoints }) => Number(endpoints.length === 0),
        () => 1,
      );
      let isWatched = false;
      const watch = async (): Promise<void> => {
        for await (const change of clerk.watch('/**'))
          if ((isWatched ||= change.name === '/shop/orders')) return;
      };
      await Promise.race([
        watch().catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, 5_000).unref()),
      ]);
      await clerk.close();
      return { acceptedOf64KB, unread: unread + Number(!isWatched) };
    } finally {
      await registry.close();
    }
  },
};
