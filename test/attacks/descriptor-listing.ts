/** A program that starts another one as the launcher does. That one lists its descriptors in the file of the first argument. */
import { systemProcesses } from '../../src/runtime/system-processes.js';

const [logFile] = process.argv.slice(2);
const child = await systemProcesses.spawn({
  ...{ file: '/bin/ls', argv0: 'ls', args: ['-l', '/proc/self/fd'], env: {}, cwd: '/', stdin: '' },
  logFile,
  maxLogFiles: 0,
});
// The child does not keep this process alive.
const keepAlive = setInterval(() => undefined, 1_000);
await child.exited;
clearInterval(keepAlive);
