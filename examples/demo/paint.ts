/** Styled text: what a piece of it means, and how that looks in a terminal. */
import { styleText } from 'node:util';

/** What a text is, not how it looks. */
export type Style = 'title' | 'answers' | 'harm' | 'heal' | 'clerk' | 'slow' | 'faint';

/** Puts a style on a text. */
export type Paint = (style: Style, text: string) => string;

const looks = {
  title: 'bold',
  answers: 'cyan',
  harm: 'red',
  heal: 'green',
  clerk: 'magenta',
  slow: 'yellow',
  faint: 'gray',
} as const;

/** For a terminal. */
export const coloured: Paint = (style, text) => styleText(looks[style], text, { validateStream: false });

/** For files, pipes and people who want no colour. */
export const plain: Paint = (_style, text) => text;

/** One line of cells, each of one character, that texts are written into. */
export class Row {
  readonly #cells: ({ readonly char: string; readonly style: Style } | undefined)[];

  constructor(columns: number) {
    this.#cells = new Array<undefined>(columns).fill(undefined);
  }

  /** Writes from a column on, over what is there; what is beyond the end is dropped. */
  write(column: number, text: string, style: Style): this {
    let i = column;
    for (const char of text) {
      if (i < this.#cells.length) this.#cells[i] = { char, style };
      i++;
    }
    return this;
  }

  /** Writes a label at a column, or as near as it gets there without touching what is before it or the end. */
  label(column: number, text: string, style: Style): this {
    const free = this.#cells.findLastIndex((cell) => cell !== undefined) + 1;
    const least = free === 0 ? 0 : free + 1;
    return this.write(Math.max(least, Math.min(column, this.#cells.length - text.length)), text, style);
  }

  /** The line, each run of one style painted once, without blanks at its end. */
  toText(paint: Paint): string {
    let text = '';
    let run = '';
    let style: Style | undefined;
    const flush = (): void => {
      text += style === undefined ? run : paint(style, run);
      run = '';
    };
    for (const cell of this.#cells.slice(0, this.#cells.findLastIndex((cell) => cell !== undefined) + 1)) {
      if (cell?.style !== style) flush();
      style = cell?.style;
      run += cell?.char ?? ' ';
    }
    flush();
    return text;
  }
}
