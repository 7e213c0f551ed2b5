import { startHostileService } from './hostile-service.js';
import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'decoded-bombs',
  what: 'bodies that decode to 256 MiB are refused early (size: calls at a time)',
  sizes: { small: 10, full: 100 },
  limits: { wrongCodes: 0, grownMiB: 300 },
  async run(size) {
    const service = await startHostileService();
    try {
      return await runVictim({ task: 'read-bombs', url: service.url, size });
    } finally {
      await service.close();
    }
  },
};
