/**
 * Takes an attempt over whose answer was passed over for another endpoint: what else is heard of it goes into the kept
 * answer, not to the program.
 */
import type { Attempt, AttemptOwner } from './attempt.js';
import type { WireRequest } from '../core/transport.js';
import type { KeptAnswer } from './kept-answer.js';

/** See the file's header. */
export class Keeper implements AttemptOwner {
  /**
   * @param onOver - called when nothing more will be heard of the attempt
   */
  constructor(
    readonly attempt: Attempt,
    readonly answer: KeptAnswer,
    readonly onOver: () => void,
  ) {
    attempt.owner = this;
  }

  onPiece(attempt: Attempt, chunk: Buffer): boolean {
    if (!this.answer.add(chunk)) attempt.abort(new Error('The answer is too large to keep'));
    return true;
  }

  onEnd(_attempt: Attempt, trailers: string[] | null): void {
    this.onOver();
    this.answer.end(trailers);
  }

  onFailed(): void {
    this.onOver();
    this.answer.drop();
  }

  /** Somebody else's answer is taken, or none is wanted any more. */
  drop(): void {
    this.onOver();
    this.answer.drop();
    this.attempt.abandon(new Error('The answer was passed over for another one'));
  }

  onHead(): boolean {
    return true;
  }

  onInformation(): boolean {
    return true;
  }

  onTurn(_attempt: Attempt, request: WireRequest): WireRequest {
    return request;
  }

  onSent(): void {
    // Its answer is here: what is sent of it teaches nothing more.
  }

  onPieceSent(): void {
    // The program hears of the attempt that takes its place.
  }

  onAllSent(): void {
    // As above.
  }

  onSwitched(): void {
    // An answer that is passed over switches nothing.
  }
}
