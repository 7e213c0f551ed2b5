/** What a program writes to make a clerk or a binding: loose and friendly. Checked and completed by config.ts. */
import type { Dispatcher } from 'undici';
import type { CallKind } from '../core/idempotency.js';
import type { Factory } from '../core/factory.js';
import type { Logger } from '../core/logger.js';
import type { Policy, PolicyFunction, PolicyName } from '../core/policy.js';
import type { Registry } from '../core/registry.js';
import type { Runtime } from '../core/runtime.js';
import type { TlsOptions } from '../core/transport.js';
import type { StaticAddresses } from '../registry/static-registry.js';

/** What a clerk can be made with. Everything is optional; an unknown key is an error. */
export interface ClerkOptions {
  /**
   * Where names are looked up: the address of a registry server (`http(s)://host:port`), or several of them that stand
   * in for one another; an object whose keys are absolute names (static addresses); or any object with a `resolve`
   * method (a registry of your own, `firstOf(…)`, `union(…)`, `mount(…)`). Default: `$CLERK_REGISTRY`, with commas
   * between addresses, else `http://127.0.0.1:4711`.
   */
  readonly registry?: string | readonly string[] | Registry | StaticAddresses;
  /**
   * A file in which the last known good answers are kept, so that this program can start while the registry is away;
   * what is read from it is used for an hour at most, flagged stale. Default: none. @see promises C1.4
   */
  readonly snapshotFile?: string;
  /** Put in front of names that do not begin with `/`. Default: none. @see GNS G1 (working root) */
  readonly root?: string;
  /** Certificates for TLS. Default: what Node trusts, and no certificate of our own. */
  readonly tls?: TlsOptions;
  /** Connections per endpoint, 1 … 10,000. Default 64. Calls that must run at most once have as many of their own. */
  readonly connections?: number;
  /** Calls that may wait to be sent, per binding, 1 … 1,000,000. One more fails at once with `LIMIT_EXCEEDED`. Default 1,024. */
  readonly maxPending?: number;
  /** Name of this host, for `local-first`. Default: the machine's. */
  readonly host?: string;
  /** Zone of this host, for `local-first`. Default: none. */
  readonly zone?: string;
  /** Where requests go that are not for a `.clerk` host. Default: the global dispatcher as it is now. Never closed by us. */
  readonly dispatcher?: Dispatcher;
  /** Options handed to undici's pools: `allowH2`, `headersTimeout`, `bodyTimeout`, `maxResponseSize`, `connect` … */
  readonly undici?: Readonly<Record<string, unknown>>;
  /** Time, chance and sockets. Default: the real ones. Missing parts are the real ones too. */
  readonly runtime?: Partial<Runtime>;
  /** Where the clerk says what it cannot throw. Default: `NODE_DEBUG=binding-clerk`. */
  readonly logger?: Logger;
}

/** What a binding can be made with. */
export interface BindOptions {
  /** Only endpoints whose version satisfies this semver range. Default: any. @see "Building Secure and Reliable Network Applications" B2 */
  readonly version?: string;
  /** How to choose. Default: the service's own rule, else `local-first` over `load-aware`. */
  readonly policy?: PolicyName | Policy | PolicyFunction;
  /** Key that keeps calls together under the policy `affinity`; a function gets the call's path. Default: none. */
  readonly affinity?: string | ((path: string) => string | undefined);
  /**
   * Endpoints of a large fleet that this clerk uses, so that it need not keep connections to all: an integer ≥ 12, or
   * Infinity for all. Each clerk has another part, and all parts together load the fleet evenly; one that is set aside or
   * leaves is replaced by the next; `local-first` takes so many on this host, in its zone and elsewhere each. Grows while
   * its endpoints are busy. Nobody is left out by `affinity`, `primary` and a policy of the program. Default 100.
   */
  readonly subsetSize?: number;
  /** Time for a call, in ms, > 0 … 2^31 − 1. Default: what the service's record says, else 10,000. */
  readonly timeoutMs?: number;
  /** What a repeat would do. Default: by the method. */
  readonly kind?: CallKind;
  /**
   * Whether a second endpoint is asked while the first has not answered; whoever answers first wins, the other is cut off.
   * Only calls that may be repeated, within a budget of its own and that of all repeats. `true`: once the first takes
   * longer than 95 % of the answers of its method; an object says otherwise: `afterMs`, the wait in ms, ≥ 0; `share`,
   * second attempts per call, above 0 … 1, default 0.05, which also sets the wait that is learned. Default `false`.
   */
  readonly hedge?: boolean | HedgeOptions;
  /** Starts the service when nobody runs it. Default: none. */
  readonly factory?: Factory;
}

/** When a second endpoint is asked beside the first, and how often. */
export interface HedgeOptions {
  /** How long the first is waited for, in ms, ≥ 0. Default: as long as all but `share` of the answers of the method take. */
  readonly afterMs?: number;
  /** Second attempts per call in any 10 s, above 0 … 1. Default 0.05. */
  readonly budgetRatio?: number;
}
