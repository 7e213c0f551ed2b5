/** The library changes neither the global dispatcher nor fetch for other code. */
import { test } from 'vitest';
import { spawnProgram } from './spawn-program.js';

const cases = [
  { what: 'without a global dispatcher', before: 'nothing', dispatched: '0' },
  { what: 'after a fetch of the program', before: 'fetched', dispatched: '0' },
  { what: 'with a global dispatcher of the program', before: 'own', dispatched: '5' },
];

test.concurrent.for(cases)('$what', async ({ before, dispatched }, { expect, onTestFinished }) => {
  const { code, stdout, stderr } = await spawnProgram('global-dispatcher.ts', [before], onTestFinished)
    .result;

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
    response: '{"ok":true}',
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
