/**
 * Starts a process with the instance id given, whose output goes to the log file given, prints its process id and identity, and
 * waits to be killed.
 */
import { systemProcesses } from '../../../../src/runtime/system-processes.js';

// The process writes all the time: without its log redirected, a closed pipe would end it.
const script = 'setInterval(() => console.log("running"), 20); setTimeout(() => process.exit(), 20000)';
const { pid, identity } = await systemProcesses.spawn({
  file: process.execPath,
  argv0: 'node',
  args: ['-e', script],
  env: { CLERK_OWNER: process.argv[2] as string },
  cwd: '/',
  stdin: 'unused\n',
  logFile: process.argv[3],
  maxLogFiles: 1,
});
console.log(JSON.stringify({ pid, identity }));
setInterval(() => undefined, 1_000);
