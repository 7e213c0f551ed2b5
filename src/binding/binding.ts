import type { Dispatcher } from 'undici';
import type { ClerkFetch } from '../client/fetch.js';
import type { AcquiredEndpoint } from './acquire-endpoint.js';
import type { Explanation } from './explanation.js';
import type { EndpointResult } from './gather-responses.js';
import type { CallFunction } from '../invoke/custom-call.js';
import type {
  AcquireOptions,
  CallOptions,
  ClerkResponse,
  GatherOptions,
  ReadyOptions,
  RequestOptions,
} from './request-options.js';

/**
 * A service as a program calls it. Created by {@link Clerk.bind}. Bindings of one name share the resolution, the
 * connections, the health of endpoints and the retry budget.
 *
 * Every method that makes a call rejects with a {@link ClerkError}. Common codes: `CONFIG_INVALID`, `NAME_NOT_FOUND`,
 * `NO_ENDPOINT`, `VERSION_MISMATCH`, `REGISTRY_UNREACHABLE`, `ENDPOINTS_EXHAUSTED`, `DEADLINE_EXCEEDED`, `ABORTED`,
 * `OUTCOME_UNKNOWN`, `BUDGET_EXHAUSTED`, `LIMIT_EXCEEDED`, `CLERK_CLOSED`.
 *
 * @see [C3](../../docs/guarantees.md#c3)
 */
export interface Binding {
  /** Absolute name of the service. */
  readonly name: string;

  /**
   * Makes a request. Resolves with the response for any status. The response body is a stream. The timeout covers the
   * time until the response headers arrive, but not the response body.
   *
   * @throws {@link ClerkError} any code except `BAD_STATUS`
   */
  request(options: RequestOptions): Promise<ClerkResponse>;

  /**
   * Makes a request and parses the whole response body as JSON. The timeout covers the body too.
   *
   * @returns the parsed body; `undefined` if the body is empty, as with status 204
   * @throws {@link ClerkError} `BAD_STATUS` when the status is ≥ 400; `BODY_INVALID` when the body is not valid JSON;
   *   `TICKET_REFUSED` or `FORBIDDEN` when the service refused the ticket; otherwise as {@link Binding.request}
   */
  json<T = unknown>(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<T>;

  /**
   * Makes a request and decodes the whole response body as UTF-8. The timeout covers the body too.
   *
   * @returns the decoded body
   * @throws {@link ClerkError} `BAD_STATUS` when the status is ≥ 400; `TICKET_REFUSED` or `FORBIDDEN` when the service
   *   refused the ticket; otherwise as {@link Binding.request}
   */
  text(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<string>;

  /**
   * Makes a request and reads the whole response body. The timeout covers the body too.
   *
   * @returns the bytes of the body
   * @throws {@link ClerkError} `BAD_STATUS` when the status is ≥ 400; `TICKET_REFUSED` or `FORBIDDEN` when the service
   *   refused the ticket; otherwise as {@link Binding.request}
   */
  bytes(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<Uint8Array>;

  /**
   * Makes a call in any protocol: picks an endpoint and runs the function `run` with that endpoint. If `run` fails
   * and the kind allows a retry, `run` is called again with another endpoint. A call of kind `once`, the default, is
   * never retried, because a failed attempt may have reached the endpoint.
   *
   * For the kinds `safe` and `idempotent`, `run` is also called with another endpoint when an attempt exceeds its
   * attempt timeout. The first success is the result of the call, and the other attempt is aborted.
   *
   * @param run - called once per attempt; should stop when the signal in its second argument aborts
   * @returns the value that `run` returned
   * @throws {@link ClerkError} whose cause is the error that `run` threw
   */
  call<T>(run: CallFunction<T>, options?: CallOptions): Promise<T>;

  /**
   * Picks an endpoint and reserves the endpoint for work that the program does itself. Until `release` is called, the
   * endpoint counts as having one more attempt in flight.
   *
   * @throws {@link ClerkError} as {@link Binding.request}
   */
  acquire(options?: AcquireOptions): Promise<AcquiredEndpoint>;

  /**
   * Sends one request to every endpoint that satisfies the version range of the binding, including ejected endpoints.
   * No endpoint receives the request twice, and a failed request is not retried. At most `maxPending` requests are in
   * flight at a time (an option of {@link createClerk}).
   *
   * @returns the results of all endpoints, in the order in which the registry lists the endpoints
   * @throws {@link ClerkError} `CONFIG_INVALID` when the options contain `retries`, `attemptTimeoutMs` or `affinity`,
   * which have no effect here; `CONFIG_INVALID` when the body is a stream or iterable, which can be read only once;
   * other codes when no endpoint is known
   * @see [DEC C5](../../docs/background.md#arch-c5)
   */
  gather(options: GatherOptions): Promise<EndpointResult[]>;

  /**
   * Connects to one endpoint, so that the first call need not wait for a connection. Sends no request.
   *
   * @throws {@link ClerkError} as {@link Binding.request}
   */
  ready(options?: ReadyOptions): Promise<void>;

  /**
   * `fetch` through this binding, with its version, policy, kind, hedging, retries and timeouts, for libraries that
   * take a `fetch`. Takes a path, a URL such as `http://orders.shop.clerk/orders/7`, or a `Request`. An `https:` URL
   * requires an endpoint with TLS. `const { fetch } = binding` works, because the function does not use `this`.
   *
   * Rejects with a `TypeError`, as `fetch` does. The cause of the error is a {@link ClerkError}. A request to the host
   * of another name is not sent and fails with `NAME_MISMATCH`. A request to a host that is not under `.clerk` is not
   * sent and fails with `CONFIG_INVALID`. A redirect to another host is followed as by {@link Clerk.fetch}.
   */
  readonly fetch: ClerkFetch;

  /**
   * An undici dispatcher that sends requests through this binding, for libraries that take a dispatcher. A request
   * without an origin goes to the service. Requests to other hosts fail as with {@link Binding.fetch}. `close` and
   * `destroy` have no effect, because the connections belong to the clerk.
   */
  readonly dispatcher: Dispatcher;

  /** Describes what a call would do now. Synchronous, without I/O. */
  explain(): Explanation;
}
