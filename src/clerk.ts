/** The composition root: makes a clerk out of its parts, and is the only file that sees all of them. */
import { setMaxListeners } from 'node:events';
import { Bindings } from './bindings.js';
import { configOf, defaults } from './config.js';
import type { ClerkOptions } from './options.js';
import { isFresh, type Answer } from './core/answer.js';
import type { Registry } from './core/registry.js';
import { Directory } from './directory.js';
import { Doors, isOurs } from './doors.js';
import { Events } from './events.js';
import { Clerk } from './face.js';
import { CountingGate } from './gate.js';
import { retry } from './invoke/retry.js';
import { Wheel } from './invoke/wheel.js';
import { referenceRegistry } from './registry/reference.js';
import { asRegistry, type StaticAddresses } from './registry/static.js';
import { Cached } from './resolve/cached.js';
import { checking } from './resolve/checking.js';
import { LastKnownGood } from './resolve/last-known-good.js';
import { SnapshotFile } from './resolve/snapshot.js';
import { systemFiles } from './runtime/files.js';
import type { Shared } from './shared.js';
import { clockOf, defaultLogger } from './surroundings.js';
import { clerkDispatcher } from './transport/dispatcher.js';
import { httpPeer } from './transport/json-client.js';
import { fetchOver } from './transport/methods.js';
import { systemTransport } from './transport/system.js';
import { Witness } from './witness.js';

export type { Clerk } from './face.js';
export type { ClerkFetch } from './doors.js';

/**
 * Makes a clerk: what a program calls other programs through, by name. Without options it asks the registry that
 * `$CLERK_REGISTRY` names, else the one on this host.
 *
 * @example
 * ```ts
 * const clerk = createClerk({ registry: { '/shop/orders': ['http://127.0.0.1:3001', 'http://127.0.0.1:3002'] } });
 * const order = await clerk.bind('/shop/orders').json('/orders/7');
 * ```
 * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`
 */
export function createClerk(options: ClerkOptions = {}): Clerk {
  const config = configOf(options);
  const controller = new AbortController();
  const { signal } = controller;
  // Everything that is under way listens to it: that is no leak.
  setMaxListeners(0, signal);
  const clock = clockOf(config.runtime);
  const logger = config.logger ?? defaultLogger();
  const events = new Events(logger);
  const gate = new CountingGate();
  const registry = isUrls(config.registry)
    ? referenceRegistry({
        urls: config.registry,
        clock,
        retry,
        connect: (url) => httpPeer(url, { clock, tls: config.tls }),
      })
    : asRegistry(config.registry);
  const { maxStaleMs } = defaults;
  const snapshot =
    config.snapshotFile === undefined
      ? undefined
      : new SnapshotFile({ path: config.snapshotFile, files: systemFiles, clock, logger, maxStaleMs });

  /** An answer came in after a time of trouble: whoever holds the name gets it. */
  const onRecovered = (answer: Answer): void => {
    // From a registry slower than its own promise it has run out on its way: asked again when somebody calls.
    if (!isFresh(answer, clock.now(), clock.wallNow())) return;
    cached.learn(answer);
    bindings.adopt(answer);
  };
  const lastKnownGood = new LastKnownGood(
    checking(registry, { clock, timeoutMs: defaults.lookupTimeoutMs, signal }),
    {
      clock,
      reporter: events,
      retry,
      maxStaleMs,
      onRecovered,
      onLearned: (answer) => snapshot?.keep(answer),
      isHeld: (name) => bindings.holds(name),
    },
  );
  for (const answer of snapshot?.load() ?? []) lastKnownGood.learn(answer);
  const cached = new Cached(lastKnownGood, { clock, reporter: events, maxNames: defaults.maxNames });
  let seed: number | undefined;
  const openTransport = config.runtime.transport ?? systemTransport;
  const shared: Shared = {
    config,
    clock,
    wheel: new Wheel(clock),
    transport: openTransport(
      { connections: config.connections, tls: config.tls, undici: config.undici },
      clock,
    ),
    registry,
    cached,
    lastKnownGood,
    reporter: events,
    logger,
    retry,
    standpoint: Object.freeze({ host: config.host ?? clock.hostname(), zone: config.zone }),
    witness: new Witness({ clock, registry, signal }),
    // Drawn when it is needed: a small fleet never needs it.
    seed: () => (seed ??= Math.floor(clock.random() * 2 ** 32)),
    gate,
    signal,
  };
  const bindings = new Bindings(shared);
  const doors = new Doors(bindings, (input, init) => fetchOver(dispatcher, input, init));
  const dispatcher = clerkDispatcher({
    isOurs,
    dispatch: (request, handler) => doors.dispatch(request, handler),
    passTo: config.dispatcher,
    close: () => clerk.close(),
    destroy: (error) => clerk.destroy(error),
  });
  const clerk = new Clerk({
    config,
    events,
    gate,
    wheel: shared.wheel,
    bindings,
    directory: new Directory(shared),
    lastKnownGood,
    dispatcher,
    fetch: (input, init) => doors.fetch(input, init),
    controller,
    release: async () => {
      await snapshot?.close();
      await registry.close?.();
    },
  });
  return clerk;
}

function isUrls(registry: Registry | StaticAddresses | readonly string[]): registry is readonly string[] {
  return Array.isArray(registry);
}
