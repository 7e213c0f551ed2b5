import type { Dispatcher } from 'undici';
import type { CredentialProvider, CredentialSource } from '../core/credentials.js';
import type { Factory } from '../core/factory.js';
import type { CallKind } from '../core/idempotency.js';
import type { Interceptors } from '../core/interceptors.js';
import type { Logger } from '../core/logger.js';
import type { Policy, PolicyFunction, PolicyName } from '../core/policy.js';
import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';
import type { Runtime } from '../core/runtime.js';
import type { TlsOptions } from '../core/transport.js';
import type { RegistrySource } from '../registry/to-registry.js';

/** Options of {@link createClerk}. All options are optional. An unknown option is rejected with `CONFIG_INVALID`. */
export interface ClerkOptions {
  /**
   * The registry in which names are looked up. One of:
   *
   * - the URL of a registry server (`http(s)://host:port`), or a list of URLs of equivalent servers
   * - static addresses: an object whose keys are absolute names
   * - an object with a `resolve` method: a `Registry` of `binding-clerk/extend`, `remoteRegistry(…)`, `firstOf(…)`,
   *   `union(…)` or `mount(…)`. Closing the clerk closes this object.
   *
   * Default: the URLs in `$CLERK_REGISTRY`, separated by commas. Without that variable,
   * `http://127.0.0.1:4711`; with an identity or a registry key, `https://127.0.0.1:4711`.
   */
  readonly registry?: RegistrySource | undefined;
  /**
   * File in which the clerk stores the last resolution of each name. A restarted program can then call services while
   * the registry is unreachable. A resolution from the file is used for at most one hour. Default: no file.
   *
   * @see [C1.4](../../docs/guarantees.md#c1-4)
   */
  readonly snapshotFile?: string | undefined;
  /** Prefix added to names that do not begin with `/`. Default: no prefix. @see [G1](../../docs/background.md#g1) */
  readonly root?: string | undefined;
  /**
   * The identity that the program proves to the registry and to endpoints. One of:
   *
   * - the path of an identity file, as `openIdentity()` writes it
   * - the result of `openIdentity` of `binding-clerk/identity`
   * - a function that returns `{ name, key, cert }`: an absolute name, and a private key and its certificate in PEM
   *
   * With an identity, the registry and each endpoint with a key must prove their keys over TLS 1.3 before a byte of a
   * request is sent. The option `connect` of `undici` does not apply to these connections. Default: the file in
   * `$CLERK_IDENTITY`, if the registry is a list of URLs; otherwise no identity.
   *
   * @see [C7.3](../../docs/guarantees.md#c7-3)
   */
  readonly identity?: string | CredentialSource | CredentialProvider | undefined;
  /**
   * Key that the registry must prove: `sha256/…`, as `clerk init` prints it. Give the old and the new key while the
   * operator replaces the key. Default: `$CLERK_REGISTRY_KEY`, otherwise the keys in the identity file.
   *
   * @see [C7.1](../../docs/guarantees.md#c7-1)
   */
  readonly registryKey?: string | readonly string[] | undefined;
  /**
   * Whether requests carry a ticket of the registry.
   *
   * - `required`: endpoints without a key are not called
   * - `offered`: endpoints without a key are called, without proof of a key and without a ticket
   * - `off`: no ticket is requested; an endpoint with a key must still prove the key
   *
   * Default: `required` with an identity, otherwise `off`.
   *
   * @see [C7.2](../../docs/guarantees.md#c7-2)
   */
  readonly tickets?: 'required' | 'offered' | 'off' | undefined;
  /** TLS certificates. Default: the certificate authorities that Node trusts, and no client certificate. */
  readonly tls?: TlsOptions | undefined;
  /**
   * Maximum number of connections per endpoint, 1 … 10,000. Calls of kind `once` use separate connections with the
   * same maximum. A connection that was replaced because it received no data does not count. Default 64.
   */
  readonly connections?: number | undefined;
  /**
   * Maximum number of open sockets to all endpoints together, 1 … 1,000,000. At the maximum, a call without a free
   * connection waits until a socket closes. Sockets for health probes and registries do not count. Default: half of
   * the maximum number of open files of the process.
   */
  readonly maxSockets?: number | undefined;
  /**
   * Maximum number of calls of one binding that wait to be sent, 1 … 1,000,000. A further call fails at once with
   * `LIMIT_EXCEEDED`. Default 1,024.
   */
  readonly maxPending?: number | undefined;
  /**
   * Maximum time for which {@link Clerk.close} waits for calls in flight and unread response bodies, in ms, an
   * integer ≥ 0. After this time, `close` fails the remaining calls and logs a warning. Default 30,000.
   */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * Maximum size of a response body that is read whole, in bytes after decoding: an integer ≥ 1, or Infinity. Applies
   * to `json`, `text` and `bytes` of a binding. Also applies to `json`, `text`, `bytes`, `arrayBuffer`, `blob` and
   * `formData` of a response, including responses of `clerk.fetch`. A larger body fails with `BODY_TOO_LARGE`. A
   * decoded body above 1 MiB also fails if it is more than 200 times as large as the encoded body. A body that is
   * read as a stream has no limit. Default 67,108,864 (64 MiB).
   *
   * The option `maxResponseSize` of `undici` limits the encoded size of a body, even of a body that is read as a
   * stream.
   */
  readonly maxResponseSize?: number | undefined;
  /**
   * Addresses of endpoints to which the clerk connects in addition to its default: IP addresses, CIDR blocks such as
   * `169.254.7.0/24`, and Unix sockets such as `unix:/run/orders.sock`. By default, the clerk does not connect to
   * link-local, metadata and unspecified IP addresses, even when a host name resolves to such an address. A Unix
   * socket must be owned by root or by the user of the program. Only the owner may have the right to write. Addresses
   * of registries are not checked. Default: none.
   */
  readonly allowAddresses?: readonly string[] | undefined;
  /**
   * Which redirects `clerk.fetch` follows. `all`: like `fetch`, which sends the body to another host after a status
   * 307 or 308. `names`: redirects to hosts under `.clerk`; any other redirect fails with `FORBIDDEN`. Default `all`.
   */
  readonly redirects?: 'all' | 'names' | undefined;
  /**
   * Name of the host on which the program runs. The policy `local-first` prefers endpoints on this host. Default: the
   * hostname of the machine.
   */
  readonly host?: string | undefined;
  /**
   * Zone in which the program runs. The policy `local-first` prefers endpoints in this zone to endpoints in other
   * zones. Default: no zone.
   */
  readonly zone?: string | undefined;
  /**
   * Dispatcher for requests to hosts that are not under `.clerk`. The clerk never closes this dispatcher. Default:
   * undici's global dispatcher at the time of `createClerk`.
   */
  readonly dispatcher?: Dispatcher | undefined;
  /**
   * Options for undici's connection pools, such as `allowH2`, `headersTimeout`, `bodyTimeout`, `maxResponseSize`
   * and `connect`.
   */
  readonly undici?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Interceptors of the HTTP calls of all bindings, in undici's form. These interceptors wrap the interceptors of a
   * binding. Not applied to probes and to requests to registries. Default: none.
   */
  readonly interceptors?: Interceptors | undefined;
  /**
   * Replaces the clock, the source of random numbers or the transport, for example in tests. Default: the clock,
   * random numbers and transport of the system.
   */
  readonly runtime?: Partial<Runtime> | undefined;
  /**
   * Receives errors that do not fail a call, such as an interrupted watch of the registry. Default: prints to stderr
   * if `NODE_DEBUG=binding-clerk` is set.
   */
  readonly logger?: Logger | undefined;
}

/** Options of {@link Clerk.bind}. All options are optional. An unknown option is rejected with `CONFIG_INVALID`. */
export interface BindOptions {
  /**
   * Semver range that the version of an endpoint must satisfy. Default: any version.
   *
   * @see [B2](../../docs/background.md#b2)
   */
  readonly version?: string | undefined;
  /**
   * Load-balancing policy. Default: the policy of the service config, otherwise `local-first`. Among equally near
   * endpoints, `local-first` picks as `load-aware` does.
   */
  readonly policy?: PolicyName | Policy | PolicyFunction | undefined;
  /**
   * Affinity key: under the policy `affinity`, calls with the same key go to the same endpoint. A function returns
   * the key for the path of a call. Default: no key.
   */
  readonly affinity?: string | ((path: string) => string | undefined) | undefined;
  /**
   * Number of endpoints of a large service that this clerk uses. Limits the number of connections. An integer ≥ 12,
   * or Infinity for all endpoints. Default 100.
   *
   * Each clerk uses its own random subset. `local-first` uses three subsets: of the endpoints on the same host, in
   * the same zone, and elsewhere. The size doubles when a picked endpoint has many calls in flight. The policies
   * `affinity` and `primary` and custom policies use all endpoints.
   *
   * @see [Decision 014](../../docs/decisions/014-random-subset.md)
   */
  readonly subsetSize?: number | undefined;
  /**
   * Timeout of a call in ms, above 0 and at most 2^31 − 1. For `json`, `text` and `bytes`, the timeout includes the
   * response body. For `request`, `fetch` and the dispatcher, the timeout excludes the response body, to which
   * undici's `bodyTimeout` applies. Default: the timeout of the service config, otherwise 10,000.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * Timeout of a request with its response body, in ms, above 0 and at most 2^31 − 1. When the time is over, the
   * response body fails with `DEADLINE_EXCEEDED`. For `json`, `text`, `bytes` and `call()`, the shorter of
   * `timeoutMs` and this time applies. Default: none; after the response headers, undici's `bodyTimeout` limits the
   * time between two chunks.
   */
  readonly totalTimeoutMs?: number | undefined;
  /**
   * Attempt timeout: the time, in ms, after which a call that may be retried starts a second attempt at another
   * endpoint. The first attempt continues. A number above 0 fixes the time. An object sets bounds for a time that is
   * learned from the latencies of the route class. A time of `timeoutMs` or more has no effect. Default: the setting
   * of the service config, otherwise as in {@link AttemptTimeoutOptions}.
   */
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions | undefined;
  /**
   * Which calls are retried, and how often. `false`: a call moves to another endpoint only before its request is
   * sent. Default: the setting of the service config, otherwise the defaults of {@link RetryOptions}.
   */
  readonly retries?: RetryOptions | false | undefined;
  /**
   * Request that checks whether an ejected endpoint responds again. `false`: no such request is sent, and only calls
   * show whether the endpoint responds. All bindings of one name share this request. A later `bind` with this option
   * changes the request for all of these bindings. Default: `OPTIONS /`.
   */
  readonly probe?: ProbeOptions | false | undefined;
  /**
   * Returns the route class of a request. Attempt timeouts are learned for each pair of HTTP method and route class.
   * Called for each request. Should return few different strings, because at most 256 pairs are learned separately.
   * Default: the first segment of the path.
   */
  readonly routeOf?: ((method: string, path: string) => string) | undefined;
  /**
   * Kind of the calls, which determines whether a call may be retried. Default: the kind that the HTTP method
   * implies; for `call()`, `once`.
   */
  readonly kind?: CallKind | undefined;
  /**
   * Whether a call waits while no endpoint can be used, at most until its deadline. This happens if the name is not
   * registered, no endpoint matches, the registry does not respond, or every endpoint refuses connections. A waiting
   * call counts for `maxPending`. A call whose request may have been sent does not wait. Default `false`.
   */
  readonly waitForReady?: boolean | undefined;
  /**
   * Whether a call that may be retried sends a second attempt to another endpoint while the first attempt has no
   * response. The first response is used, and the other attempt is cancelled. Second attempts count against the
   * hedging budget (`budgetRatio`) and the retry budget. Default `false`.
   *
   * With `true`, the second attempt starts after the 95th percentile of the latencies of requests with the same HTTP
   * method and route class.
   *
   * @see [Decision 025](../../docs/decisions/025-hedging.md)
   */
  readonly hedge?: boolean | HedgeOptions | undefined;
  /**
   * Interceptors of the HTTP calls of this binding, in undici's form. The interceptors of the clerk wrap these
   * interceptors. Default: none.
   */
  readonly interceptors?: Interceptors | undefined;
  /**
   * Starts a service that has no endpoint. Default: the registry starts the service, if the registry can start
   * services.
   */
  readonly factory?: Factory | undefined;
}

/**
 * The request that checks whether an ejected endpoint responds again. Any response, even an error status, shows that
 * the endpoint responds.
 */
export interface ProbeOptions {
  /** HTTP method: `OPTIONS`, `HEAD` or `GET`. Default `OPTIONS`. */
  readonly method?: 'OPTIONS' | 'HEAD' | 'GET' | undefined;
  /** Path within the service; must begin with `/`. Default `/`. */
  readonly path?: string | undefined;
}

/** Options of hedging. */
export interface HedgeOptions {
  /**
   * Time between the starts of the first and the second attempt, in ms, ≥ 0. Default: a learned latency that only the
   * fraction `budgetRatio` of the requests with the same HTTP method and route class exceeds.
   */
  readonly afterMs?: number | undefined;
  /** Maximum number of hedges, as a fraction of the calls in the last 10 s, above 0 and at most 1. Default 0.05. */
  readonly budgetRatio?: number | undefined;
}
