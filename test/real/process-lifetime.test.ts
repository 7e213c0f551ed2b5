/** An idle clerk never keeps a process alive, a pending call always does, and a closed clerk leaves no handles. */
import { test } from 'vitest';
import { fullBacklogListener } from './full-backlog-listener.js';
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
  'a process with an idle clerk exits by itself: $scene',
  async ({ scene, printed }, { expect, onTestFinished }) => {
    const { code, stdout, stderr } = await spawnProgram('process-lifetime.ts', [scene], onTestFinished)
      .result;
    expect([code, stdout, stderr]).toEqual([0, printed, '']);
  },
);

test.concurrent.for(pending)(
  'a process with a pending call lives until the call ends: %s',
  async (scene, { expect, onTestFinished }) => {
    const { code, stdout, stderr } = await spawnProgram('process-lifetime.ts', [scene], onTestFinished)
      .result;
    // Node exits with 13 when an awaited promise can no longer settle.
    expect([code, stdout, stderr]).toEqual([0, 'done\n', '']);
  },
);

test.concurrent.for([
  'connecting-answered-elsewhere',
  'connecting-answered-elsewhere-then-closed',
  'connecting-aborted',
  'connecting-aborted-then-closed',
  'connecting-at-deadline',
  'connecting-destroyed',
  'connecting-ready',
  'connecting-tcp',
  'connecting-to-registry',
])(
  'a connection attempt to a server that accepts nothing holds neither close() nor the process: %s',
  async (scene, { expect, onTestFinished }) => {
    const stalled = await fullBacklogListener();
    onTestFinished(() => stalled.close());
    const { code, stdout, stderr } = await spawnProgram(
      'process-lifetime.ts',
      [scene, stalled.address],
      onTestFinished,
    ).result;
    expect([code, stdout, stderr]).toEqual([0, 'done\n', '']);
  },
);

test.concurrent('a closed clerk leaves no handle', async ({ expect, onTestFinished }) => {
  const { code, stdout, stderr } = await spawnProgram('process-lifetime.ts', ['closed'], onTestFinished)
    .result;
  const lines = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => [line.split(' ')[0], line.split(' ').slice(1).join(' ')]),
  );

  expect([code, stderr]).toEqual([0, '']);
  expect(lines.during).toBe('true');
  expect(lines.after).toBe(lines.before);
});
