import { startHostileService } from './hostile-service.js';
import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'endless-bodies',
  what: 'a response body without end is given up at maxResponseSize, however it is read whole (size: MiB)',
  sizes: { small: 8, full: 64 },
  limits: { wrongCodes: 0, grownMiB: 300 },
  async run(size) {
    const service = await startHostileService();
    try {
      return await runVictim({ task: 'read-endless-bodies', url: service.url, size });
    } finally {
      await service.close();
    }
  },
};
