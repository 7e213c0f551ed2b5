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
   * The registry in which names are looked up. One of:
   *
   * - the URL of a registry server (`http(s)://host:port`), or a list of URLs of equivalent servers
   * - static addresses: an object whose keys are absolute names
   * - an object with a `resolve` method: a {@link Registry}, `firstOf(…)`, `union(…)` or `mount(…)`
   *
   * Default: the URLs in `$CLERK_REGISTRY`, separated by commas; if that variable is not set,
   * `http://127.0.0.1:4711`.
   */
  readonly registry?: string | readonly string[] | Registry | StaticAddresses;
  /**
   * File that stores the last known good resolutions, so that the program can start while the registry is
   * unreachable. A resolution from the file is used for one hour at most and is marked stale. Default: none.
   *
   * @see [C1.4](../../docs/guarantees.md#c1-4)
   */
  readonly snapshotFile?: string;
  /** Prefix added to names that do not begin with `/`. Default: none. @see [G1](../../docs/background.md#g1) */
  readonly root?: string;
  /** TLS certificates. Default: the certificate authorities that Node trusts, and no client certificate. */
  readonly tls?: TlsOptions;
  /**
   * Maximum number of connections per endpoint, 1 … 10,000. At-most-once calls use a separate pool of the same size.
   * Default 64.
   */
  readonly connections?: number;
  /**
   * Maximum number of calls of one binding that wait to be sent, 1 … 1,000,000. When this many calls wait, the next
   * call fails at once with `LIMIT_EXCEEDED`. Default 1,024.
   */
  readonly maxPending?: number;
  /** Name of this host, for the policy `local-first`. Default: the hostname of the machine. */
  readonly host?: string;
  /** Zone of this host, for the policy `local-first`. Default: none. */
  readonly zone?: string;
  /**
   * Dispatcher for requests to hosts outside `.clerk`. The clerk never closes this dispatcher. Default: the global
   * dispatcher of undici when `createClerk` is called.
   */
  readonly dispatcher?: Dispatcher;
  /** Options of undici's pools, such as `allowH2`, `headersTimeout`, `bodyTimeout`, `maxResponseSize`, `connect`. */
  readonly undici?: Readonly<Record<string, unknown>>;
  /**
   * Objects that replace the clock, the source of randomness or the transport. Default for each missing member: the
   * real clock, source of randomness or transport.
   */
  readonly runtime?: Partial<Runtime>;
  /**
   * Receives errors of background work, which reach no caller. Default: a logger that prints when
   * `NODE_DEBUG=binding-clerk` is set.
   */
  readonly logger?: Logger;
}

/** Options of {@link Clerk.bind}. All are optional; an unknown option is an error. */
export interface BindOptions {
  /**
   * Semver range that the version of an endpoint must satisfy. Default: any version.
   *
   * @see [B2](../../docs/background.md#b2)
   */
  readonly version?: string;
  /**
   * Load-balancing policy, which picks an endpoint for each call. Default: the policy of the service config; if the
   * service config sets none, `local-first` over `load-aware`.
   */
  readonly policy?: PolicyName | Policy | PolicyFunction;
  /**
   * Affinity key: under the policy `affinity`, calls with the same key go to the same endpoint. A function receives
   * the path of the call and returns the key. Default: none.
   */
  readonly affinity?: string | ((path: string) => string | undefined);
  /**
   * Number of endpoints of a large service that this clerk uses: an integer ≥ 12, or Infinity for all endpoints.
   * Limits the number of connections. Default 100.
   *
   * Each clerk uses its own random subset; all subsets together load the endpoints evenly. An ejected or removed
   * endpoint is replaced. `local-first` takes one subset on the same host, one subset in the same zone, and one
   * subset elsewhere. The subset grows while the endpoints in the subset are busy. The policies `affinity` and
   * `primary` and custom policies use all endpoints.
   *
   * @see [Decision 014](../../docs/decisions/014-random-subset.md)
   */
  readonly subsetSize?: number;
  /**
   * Timeout of a call in ms, above 0 and at most 2^31 − 1. Default: the timeout of the service config; if the service
   * config sets none, 10,000.
   */
  readonly timeoutMs?: number;
  /** Whether calls may be retried. Default: the HTTP method of each request decides. */
  readonly kind?: CallKind;
  /**
   * Whether a second attempt is sent to another endpoint while the first attempt has no response. The first response
   * is used; the other attempt is cancelled. Only calls that may be retried are hedged. Each second attempt counts
   * against both a hedging budget and the retry budget. With `true`, the second attempt starts after the 95th
   * percentile of the latency of the HTTP method. Default `false`.
   *
   * @see [Decision 025](../../docs/decisions/025-hedging.md)
   */
  readonly hedge?: boolean | HedgeOptions;
  /** Function that starts the service when the service has no endpoint. Default: none. */
  readonly factory?: Factory;
}

/** Options of hedging: when a second attempt starts, and how many second attempts are allowed. */
export interface HedgeOptions {
  /**
   * Delay before the second attempt, in ms, ≥ 0. Default: the latency of the HTTP method at the quantile 1 −
   * `budgetRatio`.
   */
  readonly afterMs?: number;
  /**
   * Second attempts allowed in any 10 s, as a fraction of the calls in these 10 s; above 0 and at most 1. Default
   * 0.05.
   */
  readonly budgetRatio?: number;
}
