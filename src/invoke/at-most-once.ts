/** Calls that must run at most once, at services that remember them: the call's id, and what their answers say of it. */
import { isLocal, type Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import {
  responseHeaders,
  callHeaders,
  atMostOnceAttribute,
  type IdempotencyStatus,
} from '../protocol/call-headers.js';
import type { HeaderPairs } from './telling.js';

/** Where an endpoint remembers calls; undefined when it does not say that it does. */
export function idempotencyScopeOf({ attributes }: Endpoint): string | undefined {
  return attributes[atMostOnceAttribute];
}

/** An id for one call, the same over all its attempts. @see promises C3.6 */
export function createCallId(clock: Clock): string {
  let bits = '';
  for (let i = 0; i < 4; i++)
    bits += Math.floor(clock.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return `${String(Math.floor(clock.wallNow()))}-${bits}`;
}

/** What a call is to services that remember: one id, and the life of the instance that it is meant for. */
export class CallIdentity {
  readonly #id: string;
  #target: Pick<Endpoint, 'id' | 'epoch'> | undefined;

  constructor(clock: Clock) {
    this.#id = createCallId(clock);
  }

  /**
   * What the endpoint is told of it.
   *
   * @param mayHaveRun - then a later life of an instance must not take it for new, and is told of the earlier one
   * @see promises C3.6, C3.7
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

/** What an answer says of the call besides its status. */
export interface ExecutionHeaders {
  /** It certainly did not run, this time. */
  readonly isNotExecuted: boolean;
  /** What the service remembers of it. */
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
 * Reads it. "Not executed" is believed where nobody in between can say it: over TLS, and on this host.
 *
 * @see promises C3.5
 */
export function parseExecutionHeaders(rawHeaders: readonly Buffer[], address: Address): ExecutionHeaders {
  const status = valueOf(rawHeaders, responseHeaders.idempotency);
  return {
    isNotExecuted:
      valueOf(rawHeaders, responseHeaders.notExecuted) === '1' &&
      (address.protocol === 'https' || isLocal(address)),
    status:
      status !== undefined && idempotencyStatuses.includes(status)
        ? (status as IdempotencyStatus)
        : undefined,
  };
}

function valueOf(rawHeaders: readonly Buffer[], name: string): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = rawHeaders[i] as Buffer;
    if (header.length === name.length && header.toString('latin1').toLowerCase() === name)
      return (rawHeaders[i + 1] as Buffer).toString('latin1').trim();
  }
  return undefined;
}
