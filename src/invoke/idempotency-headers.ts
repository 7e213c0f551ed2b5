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

/** Returns the scope of an endpoint; undefined without an idempotency store. Endpoints of one scope share one store. */
export function idempotencyScopeOf({ attributes }: Endpoint): string | undefined {
  return attributes[atMostOnceAttribute];
}

/**
 * All attempts of a call send the same id, so an idempotency store can detect repeats. @see
 * [C3.6](../../docs/guarantees.md#c3-6)
 */
export function createCallId(clock: Clock): string {
  let bits = '';
  for (let i = 0; i < 4; i++)
    bits += Math.floor(clock.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  // The time always has 13 digits, even if the clock of the host is set to 1970.
  return `${String(Math.max(0, Math.floor(clock.wallNow()))).padStart(13, '0')}-${bits}`;
}

export class CallIdentity {
  readonly id: string;
  #target: Pick<Endpoint, 'id' | 'epoch' | 'incarnation'> | undefined;

  constructor(clock: Clock) {
    this.id = createCallId(clock);
  }

  /**
   * @param mayHaveRun - whether an earlier attempt may have been executed. If so, a retry at the same instance carries
   * the epoch of the earlier attempt. If the instance has restarted, the new process sees the old epoch and rejects
   * the retry.
   * @see [C3.6](../../docs/guarantees.md#c3-6)
   * @see [C3.7](../../docs/guarantees.md#c3-7)
   */
  headersFor(endpoint: Endpoint, mayHaveRun: boolean): HeaderPairs {
    if (this.#target?.id !== endpoint.id || !mayHaveRun) this.#target = endpoint;
    const { id, epoch, incarnation } = this.#target;
    return [
      [callHeaders.callId, this.id],
      [callHeaders.instance, `${id} ${String(epoch)}${incarnation === undefined ? '' : ` ${incarnation}`}`],
    ];
  }
}

export interface ExecutionHeaders {
  /** Whether the response states, in a header that can be trusted, that the endpoint did not execute this attempt. */
  readonly isNotExecuted: boolean;
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
 * `clerk-not-executed` counts only over TLS or from an endpoint on this host, because elsewhere an intermediary could
 * have added the header. @see [C3.5](../../docs/guarantees.md#c3-5)
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
