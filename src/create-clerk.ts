/** The composition root of the client. */
import { AsyncResource } from 'node:async_hooks';
import { BindingCache } from './binding/binding-cache.js';
import { ServiceBinding } from './binding/service-binding.js';
import { isUrlList, toClerkConfig, defaults, type ClerkConfig } from './client/config.js';
import type { ClerkOptions } from './client/options.js';
import { allowListeners } from './core/abort-signal.js';
import { AddressPolicy } from './core/address-policy.js';
import { withCallerStacks } from './core/caller-stack.js';
import { runWithoutInbound } from './core/inbound-request.js';
import { isFresh, type ResolvedService } from './core/resolution-result.js';
import { escapingLogger } from './core/logger.js';
import type { Registry } from './core/registry.js';
import { TicketCache } from './client/ticket-cache.js';
import { RegistryQueries } from './client/registry-queries.js';
import { createFetch, isClerkOrigin } from './client/fetch.js';
import { HostRouter } from './client/host-router.js';
import { ClerkEvents } from './client/events.js';
import type { Clerk } from './client/clerk.js';
import { GroupedWarnings } from './client/grouped-warnings.js';
import { DefaultClerk } from './client/default-clerk.js';
import { CallTracker, clerkClosedError } from './client/call-tracker.js';
import { openCredentials } from './identity/open-credentials.js';
import { retryLoop } from './runtime/p-retry-loop.js';
import { TimerWheel } from './invoke/timer-wheel.js';
import { serverRegistry } from './registry/remote/server-registry.js';
import { serverRegistryOf } from './registry/remote/remote-registry.js';
import { toRegistry } from './registry/to-registry.js';
import { CachedResolver } from './resolve/cached-resolver.js';
import { validatingResolver } from './resolve/validating-resolver.js';
import { LastKnownGood } from './resolve/last-known-good.js';
import { SnapshotFile } from './resolve/snapshot-file.js';
import { effectiveUserId, socketFacts } from './runtime/socket-facts.js';
import { systemFiles } from './runtime/system-files.js';
import { createOwnAddresses } from './client/own-addresses.js';
import type { ClerkContext } from './client/clerk-context.js';
import { resolveClock, defaultLogger, isDebugging, loudLogger } from './client/runtime-defaults.js';
import { defaultMaxSockets } from './transport/socket-limit.js';
import { clerkDispatcher } from './transport/dispatcher.js';
import { LazyCredentials } from './registry-client/lazy-credentials.js';
import { nearestFirst } from './registry-client/server-order.js';
import { serverConnector, type DialerSettings } from './registry-client/server-connector.js';
import { undici } from './transport/load-undici.js';
import { fetchOver } from './transport/undici-fetch.js';
import { undiciAdapters } from './transport/undici-adapters.js';
import { maxOpenFiles } from './runtime/max-open-files.js';
import { defaultTransport } from './transport/default-transport.js';
import { PinnedRegistryDialer } from './transport/pinned-registry-dialer.js';
import { systemKeys } from './runtime/system-keys.js';
import { HealthReporter } from './health/health-reporter.js';

export type { Clerk } from './client/clerk.js';
export type { ClerkFetch } from './client/fetch.js';

/**
 * Creates a clerk, the client through which a program calls services by name. Without the option `registry`, the clerk
 * uses the registry at the URLs in `$CLERK_REGISTRY`. If that variable is not set either, the clerk uses
 * `http://127.0.0.1:4711`, or `https://127.0.0.1:4711` with an identity or a registry key. `createClerk` is synchronous
 * and does no I/O, except that it reads the snapshot file.
 *
 * @example
 * ```ts
 * const clerk = createClerk({ registry: { '/shop/orders': ['http://127.0.0.1:3001', 'http://127.0.0.1:3002'] } });
 * const order = await clerk.bind('/shop/orders').json('/orders/7');
 * ```
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 * @throws {@link ClerkError} `NAME_INVALID` when `root` or a static name breaks the naming rules
 */
export function createClerk(options: ClerkOptions = {}): Clerk {
  const config = toClerkConfig(options);
  // A clerk may be created while the program serves a request, and outlives the request. So the deadline of the request
  // must not apply to the clerk.
  const clerk = runWithoutInbound(() => composeClerk(config));
  return isDebugging() ? withCallerStacks(clerk, (result) => result instanceof ServiceBinding) : clerk;
}

function composeClerk(config: ClerkConfig): Clerk {
  const controller = new AbortController();
  const { signal } = controller;
  // Every lookup, watch and health report in progress adds a listener. Without this line, Node would warn about a
  // listener leak.
  allowListeners(signal, 0);
  const clock = resolveClock(config.runtime);
  const logger = escapingLogger(config.logger ?? defaultLogger());
  const events = new ClerkEvents(logger);
  const callTracker = new CallTracker();
  const { identity } = config;
  const credentials =
    identity === undefined ? undefined : new LazyCredentials(() => openCredentials(identity));
  const asyncContext = new AsyncResource('CLERK');
  const createDialer = (settings: DialerSettings): PinnedRegistryDialer =>
    new PinnedRegistryDialer({ ...settings, keys: systemKeys, clock });
  const remote = isUrlList(config.registry)
    ? serverRegistry({
        urls: nearestFirst(config.registry, clock),
        clock,
        retry: retryLoop,
        warn: (message) => logger.warn(message),
        connect: serverConnector({
          ...{ clock, tls: config.tls, undici, credentials, createDialer },
          registryKeys: config.registryKeys,
        }),
      })
    : serverRegistryOf(config.registry);
  const registry: Registry =
    isUrlList(config.registry) && remote !== undefined ? remote : toRegistry(config.registry);
  const tickets =
    remote === undefined || config.tickets === 'off'
      ? undefined
      : new TicketCache({
          clock,
          request: (service) => remote.requestTicket(service, { signal }),
          maxNames: defaults.maxNames,
          asyncContext,
        });
  credentials?.onChanged(() => tickets?.clear());
  const { maxStaleMs } = defaults;
  const snapshot =
    config.snapshotFile === undefined
      ? undefined
      : new SnapshotFile({
          path: config.snapshotFile,
          files: systemFiles,
          clock,
          logger: loudLogger(config.logger, logger),
          maxStaleMs,
        });

  const onRecovered = (resolution: ResolvedService): void => {
    // If the lookup took longer than `ttlMs`, the resolution has expired, and the next call looks the name up again.
    if (!isFresh(resolution, clock.now(), clock.wallNow())) return;
    resolver.put(resolution);
    bindings.update(resolution);
  };
  const lastKnownGood = new LastKnownGood(
    validatingResolver(registry, { clock, timeoutMs: defaults.lookupTimeoutMs, signal }),
    {
      clock,
      reporter: events,
      retry: retryLoop,
      maxStaleMs,
      onRecovered,
      onNewer: (resolution) => snapshot?.record(resolution),
      stored: (name) => snapshot?.find(name),
      isBound: (name) => bindings.isBound(name),
    },
  );
  snapshot?.load();
  const resolver = new CachedResolver(lastKnownGood, {
    clock,
    reporter: events,
    maxNames: defaults.maxNames,
  });
  let subsetSeed: number | undefined;
  const locality = Object.freeze({
    host: config.host ?? clock.hostname(),
    hostId: clock.hostId(),
    zone: config.zone,
  });
  const addressPolicy = new AddressPolicy({
    allowed: config.allowAddresses,
    userId: effectiveUserId(),
    socketFacts,
  });
  const openTransport = config.runtime.transport ?? defaultTransport;
  const context: ClerkContext = {
    config,
    clock,
    timerWheel: new TimerWheel(clock),
    transport: openTransport(
      {
        locality,
        addressPolicy,
        connections: config.connections,
        maxSockets: config.maxSockets ?? defaultMaxSockets(config.runtime.maxOpenFiles?.() ?? maxOpenFiles()),
        tls: config.tls,
        undici: config.undici,
        credentials,
        pinOf: (certificate) => systemKeys.pinOf(certificate),
      },
      clock,
    ),
    registry,
    registryFailure: () => remote?.failure,
    credentials,
    keyTools: systemKeys,
    tickets,
    resolver,
    lastKnownGood,
    reporter: events,
    logger,
    watchWarnings: new GroupedWarnings(clock, logger),
    locality,
    addressPolicy,
    ownAddresses: createOwnAddresses(clock),
    healthReporter: new HealthReporter({ clock, registry, signal }),
    // Drawn on first use, because only services with many endpoints need the seed.
    subsetSeed: () => (subsetSeed ??= Math.floor(clock.random() * 2 ** 32)),
    callTracker,
    asyncContext,
    dispatcher: () => dispatcher,
    undici: undiciAdapters,
    closeSignal: signal,
  };
  const bindings = new BindingCache(context);
  const hostRouter = new HostRouter(bindings);
  const dispatcher = clerkDispatcher({
    isClerkOrigin,
    dispatch: (request, handler) => hostRouter.dispatch(request, handler),
    fallback: config.dispatcher,
    closedError: () => (callTracker.isOpen ? undefined : clerkClosedError()),
    isClosed: () => callTracker.isClosed,
    isDestroyed: () => callTracker.isDestroyed,
    close: () => clerk.close(),
    destroy: (error) => clerk.destroy(error),
  });
  const clerk: Clerk = new DefaultClerk({
    config,
    clock,
    logger,
    events,
    callTracker,
    timerWheel: context.timerWheel,
    bindings,
    queries: new RegistryQueries(context),
    lastKnownGood,
    dispatcher,
    fetch: createFetch({
      dispatcher,
      subject: 'clerk.fetch()',
      undiciFetch: fetchOver,
      maxResponseSize: config.maxResponseSize,
      redirects: config.redirects,
      clock,
    }),
    controller,
    closeRegistry: async () => {
      credentials?.close();
      await registry.close?.();
    },
    saveSnapshot: async () => snapshot?.close(),
  });
  return clerk;
}
