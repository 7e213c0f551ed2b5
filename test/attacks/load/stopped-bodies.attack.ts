import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'stopped-bodies',
  what: 'bodies of calls with a key that stop before their end keep at most 64 MiB, and an honest call runs',
  sizes: { small: 250, full: 600 },
  limits: { refusedHonest: 0, wrongRuns: 0, grownMiB: 180 },
  run: (size) => runVictim({ task: 'receive-stopped-bodies', url: '', size }),
};
