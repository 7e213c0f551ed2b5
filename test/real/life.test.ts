/** An idle clerk never keeps a process alive; a pending call always does; a closed one leaves nothing behind. */
import { expect, test } from 'vitest';
import { program } from './program.js';

const idle = [
  ['never-used', ''],
  ['idle', 'done\ndone\ndone\ndone\n'],
  ['idle-while-probing', 'done\n'],
  ['idle-short-lived-answers', 'done\n'],
] as const;
const pending = [
  'call-to-a-slow-server',
  'slow-look-up',
  'slow-resolve',
  'slow-factory',
  'slow-talk',
  'slow-close',
  'waiting-for-a-pause',
];

test.each(idle)('a program with an idle clerk ends by itself: %s', async (scene, printed) => {
  const { code, stdout, stderr } = await program('life.ts', scene).ended;
  expect([code, stdout, stderr]).toEqual([0, printed, '']);
});

test.each(pending)('a program whose call is pending lives until it is answered: %s', async (scene) => {
  const { code, stdout, stderr } = await program('life.ts', scene).ended;
  // 13 is how Node ends when the promise it awaits has nobody left to settle it.
  expect([code, stdout, stderr]).toEqual([0, 'done\n', '']);
});

test('a clerk that was closed has left no handle', async () => {
  const { code, stdout, stderr } = await program('life.ts', 'closed').ended;
  const said = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[0], line.split(' ').slice(1).join(' ')]),
  );

  expect(said.after).toBe(said.before);
  expect(said.during).toBe('true');
  expect([code, stderr]).toEqual([0, '']);
});
