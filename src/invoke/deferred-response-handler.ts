/**
 * Takes an attempt over whose answer was passed over for another endpoint: what else is heard of it goes into the kept
 * answer, not to the program.
 */
import type { Attempt, AttemptHandler } from './attempt.js';
import type { TransportRequest } from '../core/transport.js';
import type { BufferedResponse } from './buffered-response.js';

/** See the file's header. */
export class DeferredResponseHandler implements AttemptHandler {
  /**
   * @param onEnded - called when nothing more will be heard of the attempt
   */
  constructor(
    readonly attempt: Attempt,
    readonly response: BufferedResponse,
    readonly onEnded: () => void,
  ) {
    attempt.handler = this;
  }

  onData(attempt: Attempt, chunk: Buffer): boolean {
    if (!this.response.append(chunk)) attempt.abort(new Error('The answer is too large to keep'));
    return true;
  }

  onComplete(_attempt: Attempt, trailers: string[] | null): void {
    this.onEnded();
    this.response.complete(trailers);
  }

  onError(): void {
    this.onEnded();
    this.response.discard();
  }

  /** Somebody else's answer is taken, or none is wanted any more. */
  discard(): void {
    this.onEnded();
    this.response.discard();
    this.attempt.abandon(new Error('The answer was passed over for another one'));
  }

  onHeaders(): boolean {
    return true;
  }

  onInformation(): boolean {
    return true;
  }

  onDequeue(_attempt: Attempt, request: TransportRequest): TransportRequest {
    return request;
  }

  onConnect(): void {
    // Its answer is here: what is sent of it teaches nothing more.
  }

  onBodySent(): void {
    // The program hears of the attempt that takes its place.
  }

  onRequestSent(): void {
    // As above.
  }

  onUpgrade(): void {
    // An answer that is passed over switches nothing.
  }
}
