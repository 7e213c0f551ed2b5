/**
 * Keeps the answer of a fetch-style handler while its client reads it. When the client leaves, the rest is read for the
 * memory's sake, for a while.
 */
import type { Clock } from '../../core/clock.js';
import { KeptHeaders } from './kept-headers.js';
import type { Run } from './run.js';
import { Tape } from './tape.js';

/** For how long an answer whose client has left is read on, in ms. */
const readOnMs = 60_000;

/**
 * The response to give instead: the same, and its end is told to `run`. What is no response, or one that cannot be
 * given again (an upgrade, an error), passes as it is, and counts as no answer.
 */
export function recorded(response: unknown, run: Run, mostBytes: number, clock: Clock): unknown {
  if (!(response instanceof Response) || response.status < 200 || response.bodyUsed) {
    run.lost();
    return response;
  }
  const { status, statusText, body } = response;
  const headers = new KeptHeaders();
  for (const [name, value] of response.headers) headers.append(name, value);
  const kept = headers.pairs();
  if (body === null) {
    run.answered({ status, headers: kept, body: new Uint8Array(0) });
    return response;
  }
  if (body.locked) {
    run.lost();
    return response;
  }
  const whole = (tape: Tape): void => {
    const bytes = tape.whole();
    run.answered(bytes && { status, headers: kept, body: bytes });
  };
  const tapped = new Tapped(body.getReader() as Reader, new Tape(mostBytes), whole, () => run.lost(), clock);
  return new Response(tapped.stream, { status, statusText, headers: response.headers });
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

class Tapped {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #reader: Reader;
  readonly #tape: Tape;
  readonly #onWhole: (tape: Tape) => void;
  readonly #onLost: () => void;
  readonly #clock: Clock;
  /** What is given up ends as if it were whole. */
  #isGivenUp = false;

  constructor(reader: Reader, tape: Tape, onWhole: (tape: Tape) => void, onLost: () => void, clock: Clock) {
    this.#reader = reader;
    this.#tape = tape;
    this.#onWhole = onWhole;
    this.#onLost = onLost;
    this.#clock = clock;
    this.stream = new ReadableStream<Uint8Array>(
      {
        pull: async (controller) => {
          const chunk = await this.#next();
          if (chunk === undefined) controller.close();
          else controller.enqueue(chunk);
        },
        cancel: (reason) => void this.#readOn(reason),
      },
      // Nothing is read ahead of the client.
      { highWaterMark: 0 },
    );
  }

  /** The next piece; undefined at the end. */
  async #next(): Promise<Uint8Array | undefined> {
    try {
      const { done, value } = await this.#reader.read();
      if (done) {
        if (!this.#isGivenUp) this.#onWhole(this.#tape);
        return undefined;
      }
      this.#tape.add(value);
      return value;
    } catch (error) {
      this.#onLost();
      throw error;
    }
  }

  /** The client has left. */
  async #readOn(reason: unknown): Promise<void> {
    const giveUp = (): void => {
      this.#isGivenUp = true;
      this.#onLost();
      void this.#reader.cancel(reason).catch(() => undefined);
    };
    const timer = this.#clock.setTimer(giveUp, readOnMs);
    timer.setRef(false);
    try {
      while ((await this.#next()) !== undefined && !this.#tape.isOver);
      if (this.#tape.isOver) giveUp();
    } catch {
      // It counts as lost already.
    } finally {
      timer.cancel();
    }
  }
}
