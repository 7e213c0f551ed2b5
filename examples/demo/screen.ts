import type { WriteStream } from 'node:tty';

/**
 * Shows the demo. A terminal is redrawn in place several times a second. Any other output gets one line per step, and the
 * whole picture at the end.
 */
export class Screen {
  /** Whether the picture is redrawn during the run. */
  readonly live: boolean;
  /** Whether to use colours. */
  readonly colour: boolean;
  /** Characters in a line, at most 100. */
  readonly columns: number;
  readonly #out: WriteStream;
  #drawn = 0;

  constructor(out: WriteStream) {
    const { NO_COLOR, TERM } = process.env;
    this.#out = out;
    this.columns = out.isTTY ? Math.min(100, out.columns) : 100;
    this.live = out.isTTY && TERM !== 'dumb' && this.columns >= minColumns;
    this.colour = out.isTTY && TERM !== 'dumb' && (NO_COLOR ?? '') === '';
    if (this.live) {
      out.write(hideCursor);
      process.once('exit', () => out.write(showCursor));
    }
  }

  /** Prints a line about the current step where no picture is drawn. */
  say(line: string): void {
    if (!this.live) this.#out.write(`${line}\n`);
  }

  /** Draws over the previous picture. A picture taller than the terminal is cut at the bottom. */
  draw(lines: readonly string[]): void {
    if (!this.live) return;
    const shown = lines.slice(0, this.#out.rows - 1);
    this.#out.write(`${this.#back()}${shown.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J`);
    this.#drawn = shown.length;
  }

  /** Draws the whole picture for the last time. */
  finish(lines: readonly string[]): void {
    this.#out.write(`${this.#back()}${this.live ? '\x1b[J' : ''}${lines.join('\n')}\n`);
    this.#drawn = 0;
  }

  /** Moves to the start of the previous picture. */
  #back(): string {
    return this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`;
  }
}

/** A line that does not fit would wrap, and the picture would move. */
const minColumns = 80;
const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
