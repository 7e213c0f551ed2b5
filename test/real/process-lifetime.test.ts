/** An idle clerk never keeps a process alive; a pending call always does; a closed one leaves nothing behind. */
import { test } from 'vitest';
import { spawnProgram } from './spawn-program.js';

const idle = [
  { scene: 'never-used', printed: '' },
  { scene: 'idle', printed: 'done\n' },
  { scene: 'idle-while-probing', printed: 'done\n' },
  { scene: 'idle-short-lived-lookups', printed: 'done\n' },
];
const pending = [
  'call-to-a-slow-server',
  'slow-lookup',
  'slow-resolve',
  'slow-factory',
  'slow-custom-call',
  'slow-close',
  'waiting-for-dial-backoff',
];

test.concurrent.for(idle)(
  'a program with an idle clerk ends by itself: $scene',
  async ({ scene, printed }, { expect, onTestFinished }) => {
    const { code, stdout, stderr } = await spawnProgram('process-lifetime.ts', [scene], onTestFinished)
      .result;
    expect([code, stdout, stderr]).toEqual([0, printed, '']);
  },
);

test.concurrent.for(pending)(
  'a program whose call is pending lives until it is answered: %s',
  async (scene, { expect, onTestFinished }) => {
    const { code, stdout, stderr } = await spawnProgram('process-lifetime.ts', [scene], onTestFinished)
      .result;
    // 13 is how Node ends when the promise it awaits has nobody left to settle it.
    expect([code, stdout, stderr]).toEqual([0, 'done\n', '']);
  },
);

test.concurrent('a clerk that was closed has left no handle', async ({ expect, onTestFinished }) => {
  const { code, stdout, stderr } = await spawnProgram('process-lifetime.ts', ['closed'], onTestFinished)
    .result;
  const said = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[0], line.split(' ').slice(1).join(' ')]),
  );

  expect([code, stderr]).toEqual([0, '']);
  expect(said.during).toBe('true');
  expect(said.after).toBe(said.before);
});
