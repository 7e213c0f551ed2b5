#!/usr/bin/env node
import { ClerkError } from '../core/errors.js';
import { parsePins } from '../core/key-pin.js';
import { httpConnection } from '../registry-client/http-connection.js';
import type { RegistryDialer } from '../registry-client/unref-connector.js';
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
  connect: (url) =>
    httpConnection(url, { clock: systemClock, tls: {}, undici, dialer: environmentDialer(url) }),
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

/** Undefined when the environment states neither an identity nor a key of the registry. */
function environmentDialer(url: string): RegistryDialer | undefined {
  if (!process.env.CLERK_IDENTITY && !process.env.CLERK_REGISTRY_KEY) return undefined;
  if (!url.startsWith('https:'))
    throw new ClerkError(
      'CONFIG_INVALID',
      `$CLERK_IDENTITY and $CLERK_REGISTRY_KEY need a registry with an https: address; got ${url}`,
    );
  let opened: RegistryDialer | undefined;
  return {
    async prepare() {
      opened ??= await openDialer();
      await opened.prepare();
    },
    dial:
      (address, timeoutMs) =>
      (...dialled) =>
        opened?.dial(address, timeoutMs)(...dialled),
    onChanged: () => () => undefined,
  };
}

/** The modules are loaded by commands with an identity only, for a fast start. */
async function openDialer(): Promise<RegistryDialer> {
  const [{ openIdentity }, { PinnedDialer }, { systemKeys }] = await Promise.all([
    import('../identity/index.js'),
    import('../transport/pinned-dialer.js'),
    import('../runtime/system-keys.js'),
  ]);
  const { CLERK_IDENTITY: path, CLERK_REGISTRY_KEY: keys } = process.env;
  const identity = path ? await openIdentity(path) : undefined;
  const pins = keys ? parsePins(keys, '$CLERK_REGISTRY_KEY') : (identity?.registryKeys ?? []);
  return new PinnedDialer({ pins: () => pins, credentials: identity, keys: systemKeys, clock: systemClock });
}

void run(process.argv.slice(2), io).then((code) => {
  process.exitCode = code;
});
