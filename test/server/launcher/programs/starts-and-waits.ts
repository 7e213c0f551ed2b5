/** Starts a program, tells which it is, and waits to be killed. */
import { systemProcesses } from '../../../../src/runtime/system-processes.js';

// It prints all the time: whoever has no reader for that any more would be ended by it.
const prints = 'setInterval(() => console.log("still here"), 20); setTimeout(() => process.exit(), 20000)';
const { pid, identity } = await systemProcesses.spawn({
  file: process.execPath,
  argv0: 'node',
  args: ['-e', prints],
  env: { CLERK_INSTANCE: 'starts-and-waits' },
  cwd: '/',
  stdin: 'nobody reads this\n',
  logFile: undefined,
});
console.log(JSON.stringify({ pid, identity }));
setInterval(() => undefined, 1_000);
