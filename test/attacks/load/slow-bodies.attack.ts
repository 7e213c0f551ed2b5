import { startHostileService } from './hostile-service.js';
import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'slow-bodies',
  what: 'a body that never ends is given up after totalTimeoutMs (size: calls at a time)',
  sizes: { small: 20, full: 500 },
  limits: { wrongCodes: 0, tookMs: 2_000 },
  async run(size) {
    const service = await startHostileService();
    try {
      return await runVictim({ task: 'read-slow-bodies', url: service.url, size });
    } finally {
      await service.close();
    }
  },
};
