#!/usr/bin/env node
import { packageVersion } from '../runtime/package-version.js';
import { onParentEnd } from '../runtime/parent-process.js';
import { systemClock } from '../runtime/system-clock.js';
import type { Io } from './io.js';
import { run } from './program.js';
import { sanitizeLine } from './sanitize.js';

// A reader of the output, such as `head`, may close the pipe early. This is not an error of the command.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    if (stream === process.stdout)
      process.stderr.write(`clerk: Standard output cannot be written: ${sanitizeLine(error.message)}\n`);
    process.exit(1);
  });

// The listener of Node would print each warning in another form, with the process id.
process.removeAllListeners('warning');
process.on('warning', ({ name, message }) => {
  if (name === 'ClerkWarning') process.stderr.write(`clerk: ${sanitizeLine(message)}\n`);
});

const io: Io = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  clock: systemClock,
  version: packageVersion(),
  interruptSignal,
  onNpxEnd,
};

let interruptController: AbortController | undefined;

function interruptSignal(): AbortSignal {
  if (interruptController === undefined) {
    const controller = new AbortController();
    interruptController = controller;
    for (const [signal, number] of [
      ['SIGINT', 2],
      ['SIGTERM', 15],
    ] as const)
      process.on(signal, () => {
        if (controller.signal.aborted) process.exit(128 + number);
        controller.abort();
      });
    onNpxEnd(() => controller.abort());
  }
  return interruptController.signal;
}

/** A signal can end npx without reaching the program that npx has started. So this program must end when npx ends. */
function onNpxEnd(callback: () => void): void {
  if (process.env['npm_command'] === 'exec') onParentEnd(systemClock, callback);
}

void run(process.argv.slice(2), io).then((code) => {
  process.exitCode = code;
});
