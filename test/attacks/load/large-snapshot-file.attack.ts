import type { LoadAttack } from './load-attack.js';
import { runVictim } from './victim.js';

export const attack: LoadAttack = {
  name: 'large-snapshot-file',
  what: 'a large snapshot file does not hold the program that opens it (size: MiB)',
  sizes: { small: 7, full: 60 },
  limits: { wrongCodes: 0, heldMs: 150, grownMiB: 200 },
  run: (size) => runVictim({ task: 'open-large-snapshot-file', url: '', size }),
};
