import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Attack, ObservedWorld } from './attack.js';

/** Makes each attack, and expects its refusals and no effect. */
export function testAttacks<World extends ObservedWorld>(
  attacks: readonly Attack<World>[],
  world: () => World,
): void {
  test.each(attacks.map((attack) => [attack.name, attack] as const))('%s', async (_, attack) => {
    const file = attack.check.slice(0, attack.check.indexOf(':'));
    const path = fileURLToPath(new URL(`../../src/${file}`, import.meta.url));
    expect(existsSync(path), `${file} does not exist`).toBe(true);
    const prepared = await attack.prepare?.(world());
    const before = await world().snapshot();
    const refusals = await attack.run(world(), prepared);
    expect(refusals.length).toBeGreaterThan(0);
    for (const { as, because } of refusals) {
      expect([as, because]).toEqual([attack.refusedAs, expect.stringContaining(attack.because)]);
    }
    expect(await world().snapshot()).toBe(before);
  });
}
