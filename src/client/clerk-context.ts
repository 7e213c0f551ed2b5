import type { AsyncResource } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import type { AddressPolicy } from '../core/address-policy.js';
import type { Clock } from '../core/clock.js';
import type { CredentialSource, KeyTools } from '../core/credentials.js';
import type { ClerkError } from '../core/errors.js';
import type { EventSink } from '../core/events.js';
import type { Logger } from '../core/logger.js';
import type { Locality } from '../core/locality.js';
import type { Registry } from '../core/registry.js';
import type { TicketSource } from '../core/service-ticket.js';
import type { Transport } from '../core/transport.js';
import type { UndiciPort } from '../core/undici-port.js';
import type { CallTracker } from './call-tracker.js';
import type { ClerkConfig } from './config.js';
import type { GroupedWarnings } from './grouped-warnings.js';
import type { CachedResolver } from '../resolve/cached-resolver.js';
import type { LastKnownGood } from '../resolve/last-known-good.js';
import type { HealthReporter } from '../health/health-reporter.js';
import type { TimerWheel } from '../invoke/timer-wheel.js';

export interface ClerkContext {
  readonly config: ClerkConfig;
  readonly clock: Clock;
  readonly timerWheel: TimerWheel;
  readonly transport: Transport;
  readonly registry: Registry;
  /** Error of the last request to the bundled registry, if that request got no response. */
  readonly registryFailure: () => ClerkError | undefined;
  /** Undefined if the program proves no identity. */
  readonly credentials: CredentialSource | undefined;
  readonly keyTools: Pick<KeyTools, 'pinOf'>;
  /** Undefined if calls carry no tickets. */
  readonly tickets: TicketSource | undefined;
  readonly resolver: CachedResolver;
  readonly lastKnownGood: LastKnownGood;
  readonly reporter: EventSink;
  readonly logger: Logger;
  readonly watchWarnings: GroupedWarnings;
  readonly locality: Locality;
  readonly ownAddresses: () => readonly string[];
  readonly addressPolicy: AddressPolicy;
  readonly healthReporter: HealthReporter;
  /** The random 32-bit seed that determines which endpoints of a large service this clerk uses. */
  readonly subsetSeed: () => number;
  readonly callTracker: CallTracker;
  readonly asyncContext: AsyncResource;
  /** The dispatcher of the clerk, which is created after this context. */
  readonly dispatcher: () => Dispatcher;
  readonly undici: UndiciPort;
  /** Aborts when the clerk is destroyed. After `close`, aborts when the last call has ended. */
  readonly closeSignal: AbortSignal;
}
