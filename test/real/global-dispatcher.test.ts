/** Using this library changes nothing for those who do not call it: neither the global dispatcher nor fetch. */
import { expect, test } from 'vitest';
import { program } from './program.js';

test.each([
  ['nobody has set a global dispatcher', 'nothing', '0'],
  ['the program has fetched before', 'fetched', '0'],
  ['the program has set one of its own', 'own', '5'],
])('%s', async (_what, before, dispatched) => {
  const { code, stdout, stderr } = await program('global-dispatcher.ts', before).ended;

  expect([code, stderr]).toEqual([0, '']);
  expect(
    Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ')),
    ),
  ).toEqual({
    'after-import': 'true',
    'after-create': 'true',
    answer: '{"ok":true}',
    'same-globals': 'true',
    'after-call': 'true',
    'own-request': '{"ok":true}',
    'own-undici-fetch': '{"ok":true}',
    'own-fetch': '{"ok":true}',
    passed: '{"ok":true}',
    'after-close': 'true',
    'own-request-after-close': '{"ok":true}',
    dispatched,
  });
});
