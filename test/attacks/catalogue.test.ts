import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { attacks, attacksPage, checks } from './catalogue.js';

test('each attack has a name of its own, and at least 100 different checks stop them', () => {
  expect(new Set(attacks.map(({ name }) => name)).size).toBe(attacks.length);
  expect(checks.size).toBeGreaterThanOrEqual(100);
  for (const attacker of ['client', 'server', 'registry', 'launched program', 'local user'])
    expect(attacks.some(({ by }) => by === attacker)).toBe(true);
});

test('docs/attacks.md lists all attacks; update: node --import tsx test/attacks/list-attacks.mjs', () => {
  const page = readFileSync(new URL('../../docs/attacks.md', import.meta.url), 'utf8');
  expect(page).toBe(attacksPage());
});
