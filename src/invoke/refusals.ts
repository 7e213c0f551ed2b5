/**
 * Answers that the program does not get at once: "not now" (429, 502, 503, 504), and what a service says of a call that
 * must run at most once besides running it. One is kept aside, and is the answer after all if nobody does better.
 */
import type { Attempt } from './attempt.js';
import { Keeper } from './keeper.js';
import { KeptAnswer } from './kept-answer.js';
import { onceAnswerOf } from './once.js';
import { retryAfterMs } from './rules.js';
import type { Trip } from './trip.js';
import type { Troubled } from './troubled.js';

/** See the file's header. */
export class Refusals {
  readonly #call: Troubled;
  readonly #trip: Trip;
  #kept: Keeper | undefined;

  constructor(call: Troubled, trip: Trip) {
    this.#call = call;
    this.#trip = trip;
  }

  /** Whether an answer that says "not now" is passed over for another try; then it is kept aside. */
  passesOver(attempt: Attempt, headers: Buffer[], statusText: string, now: number): boolean {
    const trip = this.#trip;
    const { statusCode } = attempt;
    const waitMs = statusCode === 429 || statusCode === 503 ? this.#retryAfterMs(headers) : undefined;
    const moves = statusCode !== 429 && trip.mayMoveOn('answered', attempt.candidate, now);
    if (!moves && (waitMs === undefined || !trip.mayWait('answered', waitMs, now))) return false;
    this.#keep(attempt, headers, statusText);
    trip.note(attempt, statusCode === 429 ? 'ignored' : 'failure', String(statusCode), attempt.latencyMs);
    return true;
  }

  /**
   * What an answer to a call that must run at most once is: `answer`, the program's; `again`, a word to ask somebody, or
   * the same, once more; `lost`, a word that says no more than that nobody knows what became of it.
   *
   * @see promises C3.2 (a refusal of a repeat says nothing of the attempt before it), C3.5, C3.6
   */
  takesBack(
    attempt: Attempt,
    headers: Buffer[],
    statusText: string,
    now: number,
  ): 'answer' | 'again' | 'lost' {
    const trip = this.#trip;
    const code = String(attempt.statusCode);
    const { isNotExecuted, word } = onceAnswerOf(headers, attempt.address);
    if (trip.execution !== 'none') {
      if (!isNotExecuted && (word === undefined || word === 'replayed')) return 'answer';
      trip.note(attempt, 'ignored', code, attempt.latencyMs);
      this.#call.over(attempt);
      attempt.abandon(new Error('The answer is not wanted'));
      const runs = word === 'running';
      return runs && trip.mayAskAgain(this.#retryAfterMs(headers) ?? 1_000, now) ? 'again' : 'lost';
    }
    if (!isNotExecuted || !trip.mayTakeBack(now)) return 'answer';
    attempt.stage = 'waiting';
    this.#keep(attempt, headers, statusText);
    trip.note(attempt, 'failure', code, attempt.latencyMs);
    return 'again';
  }

  /** The answer that was kept, if it is there in full and still says what became of the call. */
  get whole(): Keeper | undefined {
    return this.#isTrue && this.#kept?.answer.whole === true ? this.#kept : undefined;
  }

  /** The same once it has arrived in full; undefined when there is none, or it cannot. */
  async later(): Promise<Keeper | undefined> {
    const kept = this.#isTrue ? this.#kept : undefined;
    return kept !== undefined && (await kept.answer.ready) ? kept : undefined;
  }

  /** The call is over: nothing more is heard of what was kept. */
  settled(): void {
    this.#kept?.drop();
  }

  /** "It did not run" is no answer any more once a later attempt may have run it. */
  get #isTrue(): boolean {
    return this.#call.kind !== 'once' || this.#trip.execution === 'none';
  }

  #retryAfterMs(headers: Buffer[]): number | undefined {
    return retryAfterMs(headers, this.#call.site.clock.wallNow());
  }

  #keep(attempt: Attempt, headers: Buffer[], statusText: string): void {
    this.#kept?.drop();
    const copies = headers.map((header) => Buffer.from(header));
    this.#kept = new Keeper(attempt, new KeptAnswer(attempt.statusCode, copies, statusText), () =>
      this.#call.over(attempt),
    );
  }
}
