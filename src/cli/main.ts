#!/usr/bin/env node
import { packageVersion } from '../runtime/package-version.js';
import { systemClock } from '../runtime/system-clock.js';
import { connectRegistry } from './connect-registry.js';
import type { Io } from './io.js';
import { run } from './program.js';
import { sanitizeLine } from './sanitize.js';

// A reader of the output, such as `head`, may close the pipe early.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    if (stream === process.stdout)
      process.stderr.write(`clerk: Standard output cannot be written: ${sanitizeLine(error.message)}\n`);
    process.exit(1);
  });

// Node would print its own form of a warning, with the process id.
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
  connect: connectRegistry,
  version: packageVersion(),
  interruptSignal,
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
  }
  return interruptController.signal;
}

void run(process.argv.slice(2), io).then((code) => {
  process.exitCode = code;
});
