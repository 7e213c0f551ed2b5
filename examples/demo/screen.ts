/**
 * Where the demo is shown. A terminal is drawn anew several times a second, in place; anything else gets one line when
 * something happens, and the whole picture once, at the end.
 */
import type { WriteStream } from 'node:tty';

/** See the file's header. */
export class Screen {
  /** Whether pictures are drawn while the run goes on. */
  readonly live: boolean;
  /** Whether colours are wanted. */
  readonly colour: boolean;
  /** Characters in a line, at most 100. */
  readonly columns: number;
  readonly #out: WriteStream;
  #drawn = 0;

  constructor(out: WriteStream) {
    const { NO_COLOR, TERM } = process.env;
    this.#out = out;
    this.columns = out.isTTY ? Math.min(100, out.columns) : 100;
    this.live = out.isTTY && TERM !== 'dumb' && this.columns >= least;
    this.colour = out.isTTY && TERM !== 'dumb' && (NO_COLOR ?? '') === '';
    if (this.live) {
      out.write(hideCursor);
      process.once('exit', () => out.write(showCursor));
    }
  }

  /** Says in a line what goes on, where there is no picture to see it in. */
  say(line: string): void {
    if (!this.live) this.#out.write(`${line}\n`);
  }

  /** Draws over what was drawn before. Of a picture that is taller than the terminal the beginning is shown. */
  draw(lines: readonly string[]): void {
    if (!this.live) return;
    const shown = lines.slice(0, this.#out.rows - 1);
    this.#out.write(`${this.#back()}${shown.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`);
    this.#drawn = shown.length;
  }

  /** Draws for the last time, everything. */
  finish(lines: readonly string[]): void {
    this.#out.write(`${this.#back()}${this.live ? '\x1b[J' : ''}${lines.join('\n')}\n`);
    this.#drawn = 0;
  }

  /** To the beginning of what was drawn before. */
  #back(): string {
    return this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`;
  }
}

/** A line that does not fit would take two, and what is drawn in place would wander. */
const least = 80;
const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
