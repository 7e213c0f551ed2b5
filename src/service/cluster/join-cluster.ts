import { withTimeout, type Clock, type Timer } from '../../core/clock.js';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError } from '../../core/errors.js';
import type { IdentityTlsOptions } from '../../core/identity.js';
import type { Logger } from '../../core/logger.js';
import type { Advertisement } from '../advertisement.js';
import type { EventLoopMeter } from '../event-loop-meter.js';
import { InFlightRequests } from '../in-flight-requests.js';
import type { SecureServer } from '../key-updates.js';
import { LoadReporter } from '../load-reporter.js';
import { nameInstance } from '../instance-naming.js';
import type { AdvertiseConfig, AdvertiseOptions } from '../options.js';
import { isServer, untilListening, type ServerLike } from '../server-addresses.js';
import type { WorkerPort } from './cluster-messages.js';
import type { PrimaryLink } from './primary-link.js';
import { WorkerAdvertisement } from './worker-advertisement.js';
import type { JoinRequest, JoinResponse } from './worker-coordinator.js';

export interface JoinClusterOptions {
  readonly port: WorkerPort;
  readonly link: PrimaryLink | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The environment of this worker. It may differ from the environment of the primary. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly meter: EventLoopMeter;
  readonly onMoved: (from: string, to: string) => void;
  /** Returns a function that removes the source; undefined when this process does not ask for moves. */
  readonly addMoveSource: (ask: () => Promise<void>) => (() => void) | undefined;
}

/** Maximum time to wait for the primary, which asks the registry for moved names, in ms. */
const maxMoveAnswerMs = 3_000;

/** Interval between two load reports of a worker to the primary, in ms. */
const loadReportMs = 1_000;

/** A worker that has been idle for this time, in ms, reports to the primary that it is idle. */
const idleReportMs = 250;

/**
 * Advertises a shared listener through the primary. Returns undefined if this process shares no listener, or if the
 * primary does not coordinate its workers.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the workers share a listener and use `atMostOnce` without a common
 * store
 */
export async function joinCluster(
  config: AdvertiseConfig,
  options: AdvertiseOptions,
  { port, link, ...runtime }: JoinClusterOptions,
): Promise<Advertisement | undefined> {
  const server = isServer(config.serverOrAddress) ? config.serverOrAddress : undefined;
  if (!port.isWorker || server === undefined) return undefined;
  const { idempotencyGuard: guard } = config;
  // Another worker may already have advertised the listener, so requests may arrive as soon as this worker listens.
  const stopNaming = link && nameInstance(server, link.settings.id);
  if (link) guard?.instanceEpochs.add(link.settings.id, 0);
  const closers: (() => void)[] = stopNaming ? [stopNaming] : [];
  try {
    await untilListening(server, config.signal);
    const isShared = port.sharesListener(server);
    if (isShared) checkStore(config, link);
    if (!isShared || link === undefined) {
      for (const close of closers) close();
      return undefined;
    }
    await guard?.open();
    return await join(server, config, options, { ...runtime, link, closers });
  } catch (error) {
    for (const close of closers) close();
    throw error;
  }
}

async function join(
  server: ServerLike,
  config: AdvertiseConfig,
  options: AdvertiseOptions,
  {
    link,
    clock,
    logger,
    env,
    meter,
    onMoved,
    addMoveSource,
    closers,
  }: Omit<JoinClusterOptions, 'port' | 'link'> & {
    readonly link: PrimaryLink;
    readonly closers: (() => void)[];
  },
): Promise<Advertisement> {
  const { name, version, leaseMs, weight, zone, attributes } = options;
  const { drainMs, drainOnSignal, exitAfterDrain } = options;
  const registry = options.registry ?? (env.CLERK_REGISTRY || undefined);
  const host = options.host ?? (env.CLERK_ADVERTISE_HOST || undefined);
  const identity = config.identity ?? (env.CLERK_IDENTITY || undefined);
  if (identity !== undefined && typeof identity !== 'string')
    throw clusterError(
      "must have the path of an identity file as the option 'identity', because the primary registers the service; got an object or a function",
    );
  const registryKey = options.registryKey ?? (env.CLERK_REGISTRY_KEY || undefined);
  const request: JoinRequest = {
    options: definedFields({
      ...{ name, version, registry, leaseMs, weight, zone, attributes, host, drainMs },
      ...{ drainOnSignal, exitAfterDrain, identity, registryKey },
    }),
    bound: server.address() as JoinRequest['bound'],
    isSecure: typeof (server as { readonly setSecureContext?: unknown }).setSecureContext === 'function',
    isAtMostOnce: config.idempotencyGuard !== undefined,
  };
  const joined = (await link.request('join', request)) as JoinResponse;
  const setKey = (tls: IdentityTlsOptions): void => (server as unknown as SecureServer).setSecureContext(tls);
  if (joined.tls !== undefined) setKey(joined.tls);
  for (const former of joined.formerNames) onMoved(former, joined.name);
  const busyReport = new BusyReport(link, joined.group, clock);
  const inFlight = new InFlightRequests(server, (count) => busyReport.update(count));
  closers.push(() => inFlight.close());
  const load = new LoadReporter({
    ...{ clock, meter, inFlight },
    hasServer: true,
    measuresLoad: config.measureLoad,
  });
  const stopReports = repeat(clock, loadReportMs, () => {
    const { current } = load;
    if (current !== undefined) void link.request('load', joined.group, current).catch(() => undefined);
  });
  closers.push(stopReports, () => load.close());
  const removeMoveSource = addMoveSource(async () => {
    const asked = link.request('learn-moves').then(() => undefined);
    await withTimeout(clock, maxMoveAnswerMs, asked, () => new Error('Timed out')).catch(() => undefined);
  });
  if (removeMoveSource !== undefined) closers.push(removeMoveSource);
  return new WorkerAdvertisement({
    link,
    joined,
    clock,
    logger,
    inFlight,
    load,
    drainMs: config.drainMs,
    onKey: setKey,
    onMoved,
    onEnded: () => {
      for (const close of closers.splice(0)) close();
    },
  });
}

/** Calls a function at an interval, without keeping the process alive. Returns a function that ends the calls. */
function repeat(clock: Clock, intervalMs: number, run: () => void): () => void {
  let timer: Timer;
  const schedule = (): void => {
    timer = clock.setTimer(() => {
      run();
      schedule();
    }, intervalMs);
    timer.setRef(false);
  };
  schedule();
  return () => timer.cancel();
}

/** Reports to the primary whether this worker handles requests. The primary drains until all workers are idle. */
class BusyReport {
  readonly #send: (isBusy: boolean) => void;
  readonly #clock: Clock;
  #isBusy = false;
  #timer: Timer | undefined;

  constructor(link: PrimaryLink, group: string, clock: Clock) {
    this.#clock = clock;
    this.#send = (isBusy) => {
      this.#isBusy = isBusy;
      link.request('busy', group, isBusy).catch(() => undefined);
    };
  }

  update(count: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (count > 0) {
      if (!this.#isBusy) this.#send(true);
    } else {
      this.#timer = this.#clock.setTimer(() => this.#send(false), idleReportMs);
      this.#timer.setRef(false);
    }
  }
}

/** A call may reach any worker, so all workers must use one store. */
function checkStore({ idempotencyGuard: guard, id }: AdvertiseConfig, link: PrimaryLink | undefined): void {
  if (link !== undefined && id !== undefined)
    throw clusterError(
      "must not have the option 'id', since all workers are one instance; pass the id to coordinateWorkers() in the primary",
    );
  if (guard === undefined || guard.scope !== undefined || guard.isStoreOfPrimary) return;
  throw clusterError(
    link === undefined
      ? "shares its port with other workers, but not its 'atMostOnce' store, so calls would be rejected or run twice; call coordinateWorkers() in the primary before cluster.fork(), or listen with { exclusive: true } on a separate port"
      : "has its own 'atMostOnce' store; remove the option 'store' of atMostOnce(), and pass the store to coordinateWorkers() in the primary",
  );
}

function clusterError(problem: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `advertise() in a cluster worker: the worker ${problem}`);
}
