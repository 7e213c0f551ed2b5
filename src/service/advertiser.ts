import { maxTimerMs } from '../core/clock.js';
import { ClerkError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { atMostOnceAttribute } from '../protocol/call-headers.js';
import { defaultRegistryUrl, defaultSecuredRegistryUrl } from '../protocol/limits.js';
import type { LaunchHandshake } from '../protocol/launch-messages.js';
import { uncheckedEvents } from './authenticate/unchecked-events.js';
import { ActivityMeter, ProcessActivity } from './activity-meter.js';
import type { Advertisement } from './advertisement.js';
import { joinCluster } from './cluster/join-cluster.js';
import { InFlightRequests } from './in-flight-requests.js';
import { LaunchContext } from './launch-context.js';
import { attachOrcaHeaders } from './orca-headers.js';
import { canNameInstance, nameInstance } from './instance-naming.js';
import { advertiseAborted, isServer, untilListening, type ServerLike } from './server-addresses.js';
import { ServicePlace } from './service-place.js';
import { refuseSharedListener } from './shared-listener-check.js';
import { EventLoopMeter } from './event-loop-meter.js';
import type { RegistryConnection } from '../registry-client/connection.js';
import { nearestFirst } from '../registry-client/server-order.js';
import { LeaseRenewer } from './lease-renewer.js';
import { toAdvertiseConfig, type AdvertiseConfig, type AdvertiseOptions } from './options.js';
import { KeyUpdates, type SecureServer } from './key-updates.js';
import { LoadReporter } from './load-reporter.js';
import { propagateDeadlines } from './request-deadlines.js';
import { AdvertisedService } from './advertised-service.js';
import { openRegistryProof, requireTls, type RegistryProof } from './registry-proof.js';
import { processLogger, type ServiceRuntime } from './service-runtime.js';
import { SignalDrain } from './signal-drain.js';
import { parseRegistryList } from '../registry-client/registry-access.js';

export class Advertiser {
  readonly #runtime: ServiceRuntime;
  readonly #launchContext: LaunchContext;
  readonly #signalDrain: SignalDrain;
  readonly #eventLoopMeter: EventLoopMeter;
  readonly #activity = new ProcessActivity();
  readonly #renewers = new Map<string, { readonly renewer: LeaseRenewer; users: number }>();

  constructor(runtime: ServiceRuntime) {
    this.#runtime = runtime;
    this.#launchContext = new LaunchContext(runtime.process);
    this.#signalDrain = new SignalDrain(runtime.process);
    this.#eventLoopMeter = new EventLoopMeter(runtime.clock, runtime.eventLoopActiveMs);
  }

  async advertise(options: AdvertiseOptions): Promise<Advertisement> {
    const config = toAdvertiseConfig(options);
    // Keeps the process alive while the registration waits for the registry.
    const keepAlive = this.#runtime.clock.setTimer(() => undefined, maxTimerMs);
    try {
      const shared = await this.#joinCluster(config, options);
      if (shared !== undefined) return shared;
      const service = await this.#createService(config);
      await service.start(config.signal);
      return service;
    } finally {
      keepAlive.cancel();
    }
  }

  /** Returns undefined unless this process is a cluster worker whose primary coordinates its workers. */
  async #joinCluster(config: AdvertiseConfig, options: AdvertiseOptions): Promise<Advertisement | undefined> {
    const { cluster, clock, process, knownRegistries } = this.#runtime;
    if (cluster?.port.isWorker !== true) return undefined;
    const logger = config.logger ?? processLogger(process);
    if (isServer(config.serverOrAddress)) propagateDeadlines(config.serverOrAddress, clock);
    const ad = await joinCluster(config, options, {
      ...cluster,
      clock,
      logger,
      env: process.env,
      meter: this.#eventLoopMeter,
      onMoved: (from, to) => knownRegistries?.addMove(from, to),
      addMoveSource: (ask) => knownRegistries?.addMoveSource(ask),
    });
    if (ad === undefined) return undefined;
    if (config.drainOnSignal) this.#signalDrain.add(ad, config.exitAfterDrain);
    return ad;
  }

  async #createService(config: AdvertiseConfig): Promise<AdvertisedService> {
    const closers: (() => void)[] = [];
    try {
      return await this.#compose(config, closers);
    } catch (error) {
      closeAll(closers);
      throw error;
    }
  }

  async #compose(config: AdvertiseConfig, closers: (() => void)[]): Promise<AdvertisedService> {
    const { clock, hashing, retry } = this.#runtime;
    const { signal } = config;
    const server = isServer(config.serverOrAddress) ? config.serverOrAddress : undefined;
    const { idempotencyGuard } = config;
    const counted = server !== undefined && canNameInstance(server) ? new ActivityMeter(clock) : undefined;
    const inFlight = new InFlightRequests(server, (count, isServed) => counted?.update(count, isServed));
    closers.push(() => inFlight.close());
    closers.push(
      this.#activity.add(counted ?? (server === undefined ? idempotencyGuard?.countCalls() : undefined)),
    );
    const logger = config.logger ?? processLogger(this.#runtime.process);
    if (server !== undefined) propagateDeadlines(server, clock);
    const handshake = await this.#launchContext.handshake();
    const name = config.name ?? handshake?.name;
    if (name === undefined)
      throw new ClerkError('CONFIG_INVALID', "advertise() needs a name such as '/shop/orders'");
    const { env } = this.#runtime.process;
    const { openIdentity, knownRegistries } = this.#runtime;
    const proof = await openRegistryProof(config, handshake, { env, openIdentity, knownRegistries });
    await idempotencyGuard?.open();
    const claimedHandshake = handshake && this.#launchContext.claim(handshake, name);
    if (server !== undefined) await untilListening(server, signal);
    const place = new ServicePlace(
      config,
      clock,
      this.#runtime.process.env,
      (shared) => this.#runtime.cluster?.port.sharesListener(shared) === true,
    );
    if (proof !== undefined) requireTls(place.registration.addresses, 'address of the service');
    if (proof !== undefined && server !== undefined) warnOfUncheckedEvents(server, name, logger);
    if (signal?.aborted === true) throw advertiseAborted(signal);
    const id = claimedHandshake?.instance ?? config.id ?? toUuid(hashing.randomHex(16));
    // Requests for this instance may arrive before the response of the registry, so the guard must know the id now.
    idempotencyGuard?.instanceEpochs.add(id, claimedHandshake?.epoch);
    const registry = Object.freeze([...this.#registryUrls(config, handshake, proof)]);
    if (proof !== undefined) requireTls(registry, 'registry address');
    const [renewer, releaseRenewer] = this.#acquireRenewer(registry, proof);
    closers.push(releaseRenewer);
    if (proof !== undefined && knownRegistries !== undefined)
      closers.push(knownRegistries.addMoveSource(() => renewer.renewNow()));
    const load = new LoadReporter({
      clock,
      meter: this.#eventLoopMeter,
      inFlight,
      hasServer: server !== undefined,
      measuresLoad: config.measureLoad,
    });
    closers.push(() => load.close());
    if (server !== undefined) closers.push(attachOrcaHeaders(server, load));
    if (place.namesInstance) {
      closers.push(nameInstance(server as ServerLike, id));
      const { askInstance } = this.#runtime;
      if (idempotencyGuard !== undefined && idempotencyGuard.scope === undefined && askInstance !== undefined)
        await refuseSharedListener(server as ServerLike, { clock, id, askInstance });
    }
    const service = new AdvertisedService({
      clock,
      hashing,
      retry,
      logger,
      renewer,
      registry,
      inFlight,
      load,
      activity: () => this.#activity.current,
      servedAgoMs: () => counted?.servedAgoMs,
      request: {
        name,
        id,
        leaseMs: config.leaseMs,
        ...place.registration,
        ...(counted !== undefined && { countsCalls: true }),
        zone: config.zone,
        version: config.version,
        weight: config.weight,
        attributes: {
          ...config.attributes,
          ...(idempotencyGuard && { [atMostOnceAttribute]: idempotencyGuard.scope ?? id }),
        },
      },
      readAddresses: () => place.readAddresses(),
      acceptsConnection: server === undefined ? this.#runtime.acceptsConnection : undefined,
      handshake: claimedHandshake,
      isIdGenerated: claimedHandshake === undefined && config.id === undefined,
      drainMs: config.drainMs,
      onRenewed: () => {
        proof?.onAccepted();
        keyUpdates?.poll();
      },
      onMoved: (from, to) => {
        if (proof !== undefined) knownRegistries?.addMove(from, to);
      },
      onRegistered: ({ epoch, incarnation }) => {
        proof?.onAccepted();
        idempotencyGuard?.instanceEpochs.add(id, epoch, incarnation);
      },
      onEnded: () => closeAll(closers),
    });
    const keyUpdates =
      proof &&
      new KeyUpdates({
        identity: proof.identity,
        server: server as unknown as SecureServer | undefined,
        register: () => service.registerAgain(),
        label: `${name} (${id})`,
        logger,
      });
    if (keyUpdates !== undefined) closers.push(() => keyUpdates.close());
    if (config.drainOnSignal) closers.push(this.#signalDrain.add(service, config.exitAfterDrain));
    return service;
  }

  #registryUrls(
    config: AdvertiseConfig,
    handshake: LaunchHandshake | undefined,
    proof: RegistryProof | undefined,
  ): readonly string[] {
    if (config.registry !== undefined) return config.registry;
    if (handshake !== undefined && handshake.registry.length > 0) return handshake.registry;
    const fromEnvironment = this.#runtime.process.env.CLERK_REGISTRY;
    if (fromEnvironment !== undefined && fromEnvironment !== '')
      return parseRegistryList(fromEnvironment, '$CLERK_REGISTRY');
    if (proof === undefined) return [defaultRegistryUrl];
    const { registry } = proof.identity;
    return registry.length > 0 ? registry : [defaultSecuredRegistryUrl];
  }

  /** Returns a renewer, and a function that releases it. The last release closes the renewer. */
  #acquireRenewer(urls: readonly string[], proof: RegistryProof | undefined): [LeaseRenewer, () => void] {
    const key = [...urls, ...(proof ? [proof.identity.name, ...proof.registryKeys()] : [])].join(' ');
    let shared = this.#renewers.get(key);
    if (shared === undefined) {
      const { connect, clock, process } = this.#runtime;
      const connectWith = (url: string): RegistryConnection => connect(url, proof);
      const logger = processLogger(process);
      shared = {
        // Does not move to a nearer registry server, because each move of a lease would be a write in the database.
        renewer: new LeaseRenewer(nearestFirst(urls, clock).map(connectWith), clock, {
          connect: connectWith,
          warn: (message) => logger.warn(message),
          moves: false,
        }),
        users: 0,
      };
      this.#renewers.set(key, shared);
    }
    const acquired = shared;
    acquired.users++;
    return [
      acquired.renewer,
      () => {
        if (--acquired.users > 0) return;
        this.#renewers.delete(key);
        void acquired.renewer.close();
      },
    ];
  }
}

function warnOfUncheckedEvents(server: ServerLike, name: string, logger: Pick<Logger, 'warn'>): void {
  const events = uncheckedEvents(server);
  if (events.length === 0) return;
  logger.warn(
    `The server of ${name} has listeners for ${events.join(' and ')} that do not check the tickets of requests; wrap these listeners with authenticate()`,
  );
}

function closeAll(closers: (() => void)[]): void {
  for (const close of closers.splice(0)) close();
}

function toUuid(hex: string): string {
  const variant = ((parseInt(hex.charAt(16), 16) & 3) | 8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
