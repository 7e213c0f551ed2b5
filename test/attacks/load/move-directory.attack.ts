import { startAttackedRegistry } from './attacked-registry.js';
import type { LoadAttack } from './load-attack.js';
import { services, storeLines } from './stored-names.js';

export const attack: LoadAttack = {
  name: 'move-directory',
  what: 'a move of a directory of many names is refused before it begins, and its parts move',
  sizes: { small: 3_000, full: 100_000 },
  limits: { heldMs: 50, wrongStatuses: 0 },
  fullLimits: { honestP99Ms: 100 },
  async run(size) {
    const registry = await startAttackedRegistry();
    try {
      await registry.change('/v1/define', { name: '/shop/orders' });
      await storeLines(
        registry,
        services(size, (i) => `/big/d${String(i % 100)}/s${String(i)}`),
      );
      await registry.figures();
      const statuses: number[] = [];
      const load = async (): Promise<void> => {
        statuses.push((await registry.post('/v1/move', { from: '/big', to: '/moved' })).status);
        if (statuses[0] === 200) return;
        for (let i = 0; i < 100; i++)
          await registry.change('/v1/move', { from: `/big/d${String(i)}`, to: `/moved/d${String(i)}` });
      };
      const honestP99Ms = await registry.besideLookups('/shop/orders', 200, load());
      const { heldMs } = await registry.figures();
      const { status } = await registry.get(`/v1/resolve?name=/moved/d1/s1`);
      const wrong = statuses.filter((each) => each !== 200 && each !== 429).length + Number(status !== 200);
      return { heldMs, honestP99Ms, wrongStatuses: wrong, status: statuses[0] ?? 0 };
    } finally {
      await registry.close();
    }
  },
};
