/** What all services of one clerk share: made once by the composition root, handed to everything below it. */
import type { Clock } from '../core/clock.js';
import type { EventSink } from '../core/events.js';
import type { Logger } from '../core/logger.js';
import type { Locality } from '../core/policy.js';
import type { Registry } from '../core/registry.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { Transport } from '../core/transport.js';
import type { ClerkConfig } from './config.js';
import type { CachedResolver } from '../resolve/cached-resolver.js';
import type { LastKnownGood } from '../resolve/last-known-good.js';
import type { HealthReporter } from '../health/health-reporter.js';
import type { TimerWheel } from '../invoke/timer-wheel.js';

/** Who may call now, and when the last call is over. */
export interface CallTracker {
  /** Whether anything may begin. @throws a `ClerkError` `CLERK_CLOSED` */
  assertOpen(): void;
  /** A call begins. @throws a `ClerkError` `CLERK_CLOSED` */
  start(): void;
  /** A call is over. */
  finish(): void;
}

/** See the file's header. */
export interface ClerkContext {
  readonly config: ClerkConfig;
  readonly clock: Clock;
  readonly timerWheel: TimerWheel;
  readonly transport: Transport;
  readonly registry: Registry;
  readonly resolver: CachedResolver;
  readonly lastKnownGood: LastKnownGood;
  readonly reporter: EventSink;
  readonly logger: Logger;
  readonly retry: RetryLoop;
  readonly locality: Locality;
  /** Tells the registry of endpoints. */
  readonly healthReporter: HealthReporter;
  /** 32 bits that set this clerk apart from all others: which part of a large fleet it uses. */
  readonly subsetSeed: () => number;
  readonly callTracker: CallTracker;
  /** Aborted when the clerk closes. */
  readonly closeSignal: AbortSignal;
}
