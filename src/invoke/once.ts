/** Calls that must run at most once, at services that remember them: the call's id, and what their answers say of it. */
import { isLocal, type Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import { answerHeaders, onceAttribute, type OnceWord } from '../wire/call-headers.js';

/** Where an endpoint remembers calls; undefined when it does not say that it does. */
export function scopeOf({ attributes }: Endpoint): string | undefined {
  return attributes[onceAttribute];
}

/** An id for one call, the same over all its attempts. @see promises C3.6 */
export function newCallId(clock: Clock): string {
  let bits = '';
  for (let i = 0; i < 4; i++)
    bits += Math.floor(clock.random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return `${String(Math.floor(clock.wallNow()))}-${bits}`;
}

/** What an answer says of the call besides its status. */
export interface OnceAnswer {
  /** It certainly did not run, this time. */
  readonly isNotExecuted: boolean;
  /** What the service remembers of it. */
  readonly word: OnceWord | undefined;
}

const words: readonly string[] = ['replayed', 'running', 'unknown', 'mismatch', 'expired', 'elsewhere'];

/**
 * Reads it. "Not executed" is believed where nobody in between can say it: over TLS, and on this host.
 *
 * @see promises C3.5
 */
export function onceAnswerOf(rawHeaders: readonly Buffer[], address: Address): OnceAnswer {
  const word = valueOf(rawHeaders, answerHeaders.once);
  return {
    isNotExecuted:
      valueOf(rawHeaders, answerHeaders.notExecuted) === '1' &&
      (address.protocol === 'https' || isLocal(address)),
    word: word !== undefined && words.includes(word) ? (word as OnceWord) : undefined,
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
