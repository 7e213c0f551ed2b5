/**
 * The client side of at-most-once calls: the call id, and the response headers that report how the service handled the
 * call.
 */
import { isLocal, type Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import {
  atMostOnceAttribute,
  callHeaders,
  responseHeaders,
  type HeaderPairs,
  type IdempotencyStatus,
} from '../protocol/call-headers.js';

/** The scope of an endpoint's idempotency store; undefined when the endpoint advertises no store. */
export function idempotencyScopeOf({ attributes }: Endpoint): string | undefined {
  return attributes[atMostOnceAttribute];
}

/**
 * Creates the id of a call. All attempts of the call send the same id.
 *
 * @see [C3.6](../../docs/guarantees.md#c3-6)
 */
export function createCallId(clock: Clock): string {
  let bits = '';
  for (let i = 0; i < 4; i++)
    bits += Math.floor(clock.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return `${String(Math.floor(clock.wallNow()))}-${bits}`;
}

/**
 * Identifies a 'once' call to endpoints with an idempotency store: by a call id, and by the instance and epoch of the
 * endpoint that the call is meant for.
 */
export class CallIdentity {
  readonly #id: string;
  #target: Pick<Endpoint, 'id' | 'epoch'> | undefined;

  constructor(clock: Clock) {
    this.#id = createCallId(clock);
  }

  /**
   * Returns the request headers that identify the call to one endpoint.
   *
   * @param mayHaveRun - whether an earlier attempt may have been executed. If true, a retry at the same instance
   * carries the epoch of that attempt. If the instance has restarted since, that epoch prevents the new process from
   * executing the call again.
   * @see [C3.6](../../docs/guarantees.md#c3-6)
   * @see [C3.7](../../docs/guarantees.md#c3-7)
   */
  headersFor(endpoint: Endpoint, mayHaveRun: boolean): HeaderPairs {
    if (this.#target?.id !== endpoint.id || !mayHaveRun) this.#target = endpoint;
    const { id, epoch } = this.#target;
    return [
      [callHeaders.callId, this.#id],
      [callHeaders.instance, `${id} ${String(epoch)}`],
    ];
  }
}

/** What the response headers report about the execution of a call. */
export interface ExecutionHeaders {
  /** Whether the endpoint reports that it did not execute this attempt. False when that report cannot be trusted. */
  readonly isNotExecuted: boolean;
  /** The state of the call in the idempotency store of the service; undefined when the response states none. */
  readonly status: IdempotencyStatus | undefined;
}

const idempotencyStatuses: readonly string[] = [
  'replayed',
  'running',
  'unknown',
  'mismatch',
  'expired',
  'elsewhere',
];

/**
 * Parses the execution headers of a response. `clerk-not-executed` is trusted only over TLS or from an endpoint on this
 * host, since elsewhere an intermediary could add the header.
 *
 * @see [C3.5](../../docs/guarantees.md#c3-5)
 */
export function parseExecutionHeaders(rawHeaders: readonly Buffer[], address: Address): ExecutionHeaders {
  const status = headerValue(rawHeaders, responseHeaders.idempotency);
  return {
    isNotExecuted:
      headerValue(rawHeaders, responseHeaders.notExecuted) === '1' &&
      (address.protocol === 'https' || isLocal(address)),
    status:
      status !== undefined && idempotencyStatuses.includes(status)
        ? (status as IdempotencyStatus)
        : undefined,
  };
}

function headerValue(rawHeaders: readonly Buffer[], name: string): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = rawHeaders[i] as Buffer;
    if (header.length === name.length && header.toString('latin1').toLowerCase() === name)
      return (rawHeaders[i + 1] as Buffer).toString('latin1').trim();
  }
  return undefined;
}
