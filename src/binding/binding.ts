import type { AcquiredEndpoint } from './acquire-endpoint.js';
import type { Explanation } from './explanation.js';
import type { EndpointResult } from './gather-responses.js';
import type { CallFunction } from '../invoke/custom-call.js';
import type { CallOptions, ClerkResponse, RequestOptions } from './request-options.js';

/**
 * One service, as a program calls it. Created by {@link Clerk.bind}. Bindings of one name share the resolution, the
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
   * Makes a request. Resolves with the response head, whatever its status; the body is a stream. The timeout covers the
   * call up to the response head.
   *
   * @throws {@link ClerkError} any code but `BAD_STATUS`
   */
  request(options: RequestOptions): Promise<ClerkResponse>;

  /**
   * Makes a request and parses the whole response body as JSON. The timeout covers the body too.
   *
   * @throws {@link ClerkError} `BAD_STATUS` when the status is ≥ 400 or the body is not valid JSON
   */
  json<T = unknown>(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<T>;

  /**
   * Makes a request and decodes the whole response body as UTF-8. The timeout covers the body too.
   *
   * @throws {@link ClerkError} `BAD_STATUS` when the status is ≥ 400
   */
  text(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<string>;

  /**
   * Makes a request and reads the whole response body. The timeout covers the body too.
   *
   * @throws {@link ClerkError} `BAD_STATUS` when the status is ≥ 400
   */
  bytes(path: string | RequestOptions, options?: Omit<RequestOptions, 'path'>): Promise<Uint8Array>;

  /**
   * Makes a call in any protocol: picks an endpoint and runs `run` with it. When `run` fails and `kind` allows a retry,
   * it runs again with another endpoint. Every attempt counts as sent, so a call of the default kind `once` is never
   * retried. An attempt of another kind is aborted when it exceeds its timeout and another endpoint is available.
   *
   * @param run - called once an attempt; should stop when the signal it receives aborts
   * @throws {@link ClerkError} with the error of `run` as its cause
   */
  call<T>(run: CallFunction<T>, options?: CallOptions): Promise<T>;

  /**
   * Picks an endpoint and counts it as busy until it is released. Looks the service up, and starts it, when necessary.
   *
   * @throws {@link ClerkError} as {@link Binding.request}
   */
  acquire(options?: Omit<CallOptions, 'kind'>): Promise<AcquiredEndpoint>;

  /**
   * Sends one request to every endpoint that matches the binding, also to ejected ones. No request is sent twice to one
   * endpoint. At most `maxPending` requests are in flight.
   *
   * @returns the result of each endpoint, in the registry's order
   * @throws {@link ClerkError} when the options are invalid, or no endpoint is known
   * @see [C5](../../docs/guarantees.md#c5)
   */
  gather(options: RequestOptions): Promise<EndpointResult[]>;

  /**
   * Resolves once a connection to one endpoint is established; sends no request on it. Warms up before the first call.
   *
   * @throws {@link ClerkError} as {@link Binding.request}
   */
  ready(options?: Omit<CallOptions, 'kind' | 'affinity'>): Promise<void>;

  /**
   * Describes what a call would do now: the candidates with their scores, the excluded endpoints with the reason, and the
   * age of the resolution. Synchronous, no I/O.
   */
  explain(): Explanation;
}
