import type { Dispatcher } from 'undici';
import type { Factory } from '../core/factory.js';
import type { CallKind } from '../core/idempotency.js';
import type { Logger } from '../core/logger.js';
import type { Policy, PolicyFunction, PolicyName } from '../core/policy.js';
import type { Registry } from '../core/registry.js';
import type { Runtime } from '../core/runtime.js';
import type { TlsOptions } from '../core/transport.js';
import type { StaticAddresses } from '../registry/static-registry.js';

/** Options of {@link createClerk}. All are optional; an unknown option is an error. */
export interface ClerkOptions {
  /**
   * Where names are looked up. One of:
   *
   * - the URL of a registry server (`http(s)://host:port`), or a list of URLs of equivalent servers
   * - static addresses: an object whose keys are absolute names
   * - an object with a `resolve` method: a {@link Registry}, `firstOf(…)`, `union(…)` or `mount(…)`
   *
   * Default: the URLs in `$CLERK_REGISTRY`, separated by commas, else `http://127.0.0.1:4711`.
   */
  readonly registry?: string | readonly string[] | Registry | StaticAddresses;
  /**
   * File that stores the last known good resolutions, so that the program can start while the registry is unreachable.
   * A resolution from the file is used for at most an hour and marked stale. Default: none.
   *
   * @see [C1.4](../../docs/guarantees.md#c1-4)
   */
  readonly snapshotFile?: string;
  /** Prefix of names that do not begin with `/`. Default: none. @see [G1](../../docs/background.md#g1) */
  readonly root?: string;
  /** TLS certificates. Default: the authorities Node trusts, and no client certificate. */
  readonly tls?: TlsOptions;
  /** Connections per endpoint, 1 … 10,000. At-most-once calls use a separate pool of the same size. Default 64. */
  readonly connections?: number;
  /**
   * Calls of one binding that may wait to be sent, 1 … 1,000,000. A further call fails at once with `LIMIT_EXCEEDED`.
   * Default 1,024.
   */
  readonly maxPending?: number;
  /** Name of this host, for the policy `local-first`. Default: the hostname of the machine. */
  readonly host?: string;
  /** Zone of this host, for the policy `local-first`. Default: none. */
  readonly zone?: string;
  /**
   * Dispatcher of requests to hosts outside `.clerk`. The clerk never closes it. Default: the global dispatcher at the time
   * of `createClerk`.
   */
  readonly dispatcher?: Dispatcher;
  /** Options of undici's pools, such as `allowH2`, `headersTimeout`, `bodyTimeout`, `maxResponseSize`, `connect`. */
  readonly undici?: Readonly<Record<string, unknown>>;
  /** Replaces the clock, the source of randomness or the transport. Default: the real ones, for each missing member. */
  readonly runtime?: Partial<Runtime>;
  /** Receives background errors, which no caller can receive. Default: prints them with `NODE_DEBUG=binding-clerk`. */
  readonly logger?: Logger;
}

/** Options of {@link Clerk.bind}. All are optional; an unknown option is an error. */
export interface BindOptions {
  /** Semver range that the version of an endpoint must satisfy. Default: any. @see [B2](../../docs/background.md#b2) */
  readonly version?: string;
  /** How an endpoint is picked. Default: the policy of the service config, else `local-first` over `load-aware`. */
  readonly policy?: PolicyName | Policy | PolicyFunction;
  /**
   * Affinity key: under the policy `affinity`, calls with one key go to one endpoint. A function receives the path of the
   * call. Default: none.
   */
  readonly affinity?: string | ((path: string) => string | undefined);
  /**
   * Number of endpoints of a large service that this clerk uses: an integer ≥ 12, or Infinity for all. Limits the number
   * of connections. Default 100.
   *
   * Each clerk uses its own random subset; all subsets together load the endpoints evenly. An ejected or removed endpoint
   * is replaced. `local-first` takes a subset on the same host, in the same zone, and elsewhere. The subset grows while
   * its endpoints are busy. The policies `affinity` and `primary` and custom policies use all endpoints.
   *
   * @see [Decision 014](../../docs/decisions/014-random-subset.md)
   */
  readonly subsetSize?: number;
  /** Timeout of a call in ms, above 0 … 2^31 − 1. Default: the timeout of the service config, else 10,000. */
  readonly timeoutMs?: number;
  /** Whether calls may be retried. Default: by the method of each request. */
  readonly kind?: CallKind;
  /**
   * Sends a second attempt to another endpoint while the first has no response. The first response wins; the other attempt
   * is cancelled. Applies to calls that may be retried, and draws on its own budget and the retry budget. `true`: the
   * second attempt starts after the 95th percentile of the latency of the method. Default `false`.
   *
   * @see [Decision 025](../../docs/decisions/025-hedging.md)
   */
  readonly hedge?: boolean | HedgeOptions;
  /** Starts the service when it has no endpoint. Default: none. */
  readonly factory?: Factory;
}

/** When a hedged attempt starts, and how many there may be. */
export interface HedgeOptions {
  /** Delay of the second attempt in ms, ≥ 0. Default: the latency quantile 1 − `budgetRatio` of the method. */
  readonly afterMs?: number;
  /** Hedged attempts per call in any 10 s, above 0 … 1. Default 0.05. */
  readonly budgetRatio?: number;
}
