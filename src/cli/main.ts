#!/usr/bin/env node
import { httpConnection } from '../registry-client/http-connection.js';
import { packageVersion } from '../runtime/package-version.js';
import { systemClock } from '../runtime/system-clock.js';
import { undici } from '../transport/load-undici.js';
import type { Io } from './io.js';
import { run } from './program.js';

// A reader of the output, such as `head`, may close the pipe early.
for (const stream of [process.stdout, process.stderr])
  stream.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1);
  });

const io: Io = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  clock: systemClock,
  connect: (url) => httpConnection(url, { clock: systemClock, tls: {}, undici }),
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
