/** Styled text: the meaning of each piece, and its look in a terminal. */
import { styleText } from 'node:util';

/** The meaning of a text, not its look. */
export type Style = 'title' | 'answers' | 'harm' | 'heal' | 'clerk' | 'slow' | 'faint';

/** Applies a style to a text. */
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

/** For files, pipes, and terminals without colour. */
export const plain: Paint = (_style, text) => text;

/** One line of cells, each of one character, that texts are written into. */
export class Row {
  readonly #cells: ({ readonly char: string; readonly style: Style } | undefined)[];

  constructor(columns: number) {
    this.#cells = new Array<undefined>(columns).fill(undefined);
  }

  /** Writes a text from a column on, over earlier cells. Characters beyond the end are dropped. */
  write(column: number, text: string, style: Style): this {
    let i = column;
    for (const char of text) {
      if (i < this.#cells.length) this.#cells[i] = { char, style };
      i++;
    }
    return this;
  }

  /** Writes a label at a column, or as near to it as earlier labels and the end allow. */
  label(column: number, text: string, style: Style): this {
    const free = this.#cells.findLastIndex((cell) => cell !== undefined) + 1;
    const minColumn = free === 0 ? 0 : free + 1;
    return this.write(Math.max(minColumn, Math.min(column, this.#cells.length - text.length)), text, style);
  }

  /** Returns the line without blanks at its end. Adjacent cells of one style are painted together. */
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
