import type { Clock } from 'binding-clerk/extend';
import type { ServerReply } from 'binding-clerk/testing';
import type { Replica } from '../replicas.js';
import { refusedAt } from './refused-response.js';

/**
 * What a plain request to the endpoint that was chosen first meets.
 *
 * - `answered` a response with this status arrives
 * - `unreadable` a response arrives that undici's parser refuses
 * - `failed` nothing arrives: the request or the response is lost, or the connection is refused or reset
 */
export type PlainResult =
  | {
      readonly kind: 'answered';
      readonly statusCode: number;
      /** Whether the whole body arrives. */
      readonly isComplete: boolean;
      readonly at: number;
    }
  | { readonly kind: 'unreadable'; readonly at: number }
  | { readonly kind: 'failed'; readonly at: number };

export interface PlainRequestOptions {
  readonly clock: Clock;
  /** Longest one-way latency of a message that is sent now, in ms. */
  readonly maxLatencyMs: () => number;
  /** Called once, when the result is certain. Not called for a request that waits for ever. */
  readonly onResult: (result: PlainResult) => void;
}

/**
 * Follows the first attempt of a call as if the clerk did not cancel it. While the attempt is in flight, its own transport shows what a
 * plain request meets. When the clerk cancels the attempt, the server still handles the request: the reply that it draws, its
 * pauses and its end decide when the response would have arrived.
 */
export class PlainRequest {
  /** The clerk has cancelled the attempt. */
  #isCancelled = false;
  /** The server has sent a response that has not arrived. */
  #reply: ServerReply | undefined;
  #isComplete = true;
  #isOver = false;

  constructor(readonly options: PlainRequestOptions) {}

  /** The server handles the request, and will reply like this. */
  handled(replica: Replica, reply: ServerReply): void {
    const { behavior = 'respond', delayMs = 0 } = reply;
    if (this.#isOver) return;
    if (behavior !== 'respond' && behavior !== 'truncate') {
      this.#end({ kind: 'failed', at: this.options.clock.now() });
      return;
    }
    const { life } = replica;
    this.#isComplete = behavior === 'respond' && refusedAt(reply) !== 'end';
    const send = (): void => {
      // A server that was killed meanwhile sends nothing, and a paused one sends when it continues.
      if (replica.life !== life) this.#end({ kind: 'failed', at: this.options.clock.now() });
      else if (replica.impairments.paused > 0) replica.onResumed.push(send);
      else this.#sent(reply);
    };
    this.options.clock.setTimer(send, delayMs);
  }

  /** The head of the response has arrived at the clerk, or the transport has refused the response. */
  arrived(statusCode: number, isUnreadable: boolean): void {
    const at = this.options.clock.now();
    const isComplete = this.#isComplete;
    this.#end(isUnreadable ? { kind: 'unreadable', at } : { kind: 'answered', statusCode, isComplete, at });
  }

  /** The transport has lost the connection before the head of a response. */
  lost(): void {
    if (!this.#isCancelled) this.#end({ kind: 'failed', at: this.options.clock.now() });
  }

  /** The clerk cancels the attempt. */
  cancelled(): void {
    if (this.#isCancelled) return;
    this.#isCancelled = true;
    if (this.#reply !== undefined) this.#deliver(this.#reply);
  }

  #sent(reply: ServerReply): void {
    this.#reply = reply;
    if (this.#isCancelled) this.#deliver(reply);
  }

  /** A cancelled attempt draws no latency of its response. The longest latency is taken, which is lenient to the clerk. */
  #deliver(reply: ServerReply): void {
    const { clock, maxLatencyMs } = this.options;
    const { statusCode = 200 } = reply;
    const isUnreadable = refusedAt(reply) === 'start' || refusedAt(reply) === 'head';
    clock.setTimer(() => this.arrived(statusCode, isUnreadable), maxLatencyMs());
  }

  #end(result: PlainResult): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.options.onResult(result);
  }
}
