/** Every attack of hostile load at its small size. `npm run attacks` runs them at full size. */
import { expect, test } from 'vitest';
import { attackNames, loadAttack } from './all-attacks.js';
import { exceededLimits } from './load-attack.js';

/** Other tests run at the same time. */
const tolerance = 5;

test.each(attackNames())('%s', { timeout: 120_000 }, async (name) => {
  const attack = await loadAttack(name);
  const figures = await attack.run(attack.sizes.small);
  expect(exceededLimits(attack, figures, { tolerance, isFull: false })).toEqual([]);
});
