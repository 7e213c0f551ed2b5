import { ClerkError } from '../../core/errors.js';
import type { IdempotencyStore } from '../../core/idempotency-store.js';
import { escapingLogger, type Logger } from '../../core/logger.js';
import { toAtMostOnceConfig } from '../at-most-once/options.js';
import { memoryCalls } from '../at-most-once/store/memory-idempotency-store.js';
import type { PrimaryPort, WorkerSettings } from './cluster-messages.js';
import { WorkerCoordinator, type WorkerCoordinatorOptions } from './worker-coordinator.js';

/** Options of {@link coordinateWorkers}. An unknown key is an error. */
export interface CoordinateWorkersOptions {
  /** Store for the calls of all workers. Default: a new `memoryCalls()`. */
  readonly store?: IdempotencyStore;
  /**
   * The one instance id that all workers share. No other instance may ever use this id. With a durable store such as
   * `diskCalls()`, set a fixed id, so that retries find their calls after a restart. A fixed id is rejected for a
   * store in memory. Default: a random id.
   */
  readonly id?: string;
  /** Receives warnings and errors that cannot be thrown to a caller. Default: process warnings. */
  readonly logger?: Logger;
}

const keys = Object.keys({ store: true, id: true, logger: true } satisfies Record<
  keyof CoordinateWorkersOptions,
  true
>);

export interface CoordinationRuntime extends Pick<
  WorkerCoordinatorOptions,
  'advertise' | 'guard' | 'learnMoves' | 'logger'
> {
  readonly port: PrimaryPort;
  readonly wallNow: () => number;
  readonly randomId: () => string;
}

export function startCoordination(options: CoordinateWorkersOptions, runtime: CoordinationRuntime): void {
  for (const key of Object.keys(options))
    if (!keys.includes(key))
      throw coordinationError(`got the unknown option '${key}'; known options are ${keys.join(', ')}`);
  const { port, wallNow, randomId } = runtime;
  const { store = memoryCalls(), id, logger = runtime.logger } = options;
  toAtMostOnceConfig({ store });
  if (!port.isPrimary)
    throw coordinationError(
      'must be called in the primary of node:cluster; call it where cluster.isPrimary is true',
    );
  if (port.hasWorkers)
    throw coordinationError(
      'must be called before the first cluster.fork(); move the call to an earlier line',
    );
  if (port.isCoordinated) throw coordinationError('must be called once; remove the second call');
  if (id !== undefined && !/^[\x21-\x7e]{1,128}$/.test(id))
    throw coordinationError('needs an id of 1 to 128 printable characters without spaces');
  if (id !== undefined && !store.isDurable && store.scope === undefined)
    throw coordinationError(
      "needs a durable store for the option 'id', since a store in memory lacks the calls of an earlier process; pass store: diskCalls('…'), or remove the id",
    );
  const settings: WorkerSettings = {
    id: id ?? randomId(),
    startedAt: wallNow(),
    isDurable: store.isDurable,
    ...(store.scope !== undefined && { scope: store.scope }),
  };
  const coordinator = new WorkerCoordinator({
    ...runtime,
    port,
    store,
    settings,
    logger: escapingLogger(logger),
  });
  coordinator.start();
}

function coordinationError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `coordinateWorkers() ${message}`);
}
