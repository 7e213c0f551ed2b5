/** What all services of one clerk share: made once by the composition root, handed to everything below it. */
import type { Clock } from './core/clock.js';
import type { Reporter } from './core/events.js';
import type { Logger } from './core/logger.js';
import type { Standpoint } from './core/policy.js';
import type { Registry } from './core/registry.js';
import type { Retry } from './core/retry.js';
import type { Transport } from './core/transport.js';
import type { Config } from './config.js';
import type { Cached } from './resolve/cached.js';
import type { LastKnownGood } from './resolve/last-known-good.js';
import type { Witness } from './witness.js';
import type { Wheel } from './invoke/wheel.js';

/** Who may call now, and when the last call is over. */
export interface Gate {
  /** Whether anything may begin. @throws a `ClerkError` `CLOSED` */
  check(): void;
  /** A call begins. @throws a `ClerkError` `CLOSED` */
  enter(): void;
  /** A call is over. */
  leave(): void;
}

/** See the file's header. */
export interface Shared {
  readonly config: Config;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly transport: Transport;
  readonly registry: Registry;
  readonly cached: Cached;
  readonly lastKnownGood: LastKnownGood;
  readonly reporter: Reporter;
  readonly logger: Logger;
  readonly retry: Retry;
  readonly standpoint: Standpoint;
  /** Tells the registry of endpoints. */
  readonly witness: Witness;
  /** 32 bits that set this clerk apart from all others: which part of a large fleet it uses. */
  readonly seed: () => number;
  readonly gate: Gate;
  /** Aborted when the clerk closes. */
  readonly signal: AbortSignal;
}
