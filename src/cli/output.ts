/** What a command says: lines, tables and JSON. Text from elsewhere is made harmless here, colour only meets terminals. */
import { once } from 'node:events';
import { styleText } from 'node:util';
import { sanitizeLine, sanitizedJson, sanitizeText } from './sanitize.js';
import type { Io, OutputStream } from './io.js';

/** What a piece of text is, for whoever sees colours. */
export type Style = 'strong' | 'good' | 'doubtful' | 'bad' | 'faint';

/** A piece of text with a style. */
export interface StyledText {
  readonly text: string;
  readonly style: Style;
}

/** A piece of a line, or a cell of a table. */
export type TextPart = string | StyledText;

const ansiStyles = {
  strong: 'bold',
  good: 'green',
  doubtful: 'yellow',
  bad: 'red',
  faint: 'gray',
} as const;

/** Gives a text a style. */
export function styled(style: Style, text: string): StyledText {
  return { style, text };
}

/** Whether a stream wants colours. @see https://no-color.org */
export function supportsColor(stream: OutputStream, env: Io['env']): boolean {
  const set = (key: string): boolean => env[key] !== undefined && env[key] !== '';
  return stream.isTTY === true && !set('NO_COLOR') && env.TERM !== 'dumb';
}

/** One stream as commands write to it. Every write waits while the reader is slow. */
export class Output {
  readonly #stream: OutputStream;
  readonly #useColor: boolean;

  constructor(stream: OutputStream, env: Io['env']) {
    this.#stream = stream;
    this.#useColor = supportsColor(stream, env);
  }

  /** Whether a person looks at it. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** One line. */
  line(...pieces: readonly TextPart[]): Promise<void> {
    return this.#write(`${pieces.map((piece) => this.#render(piece, 0)).join('')}\n`);
  }

  /** One JSON value in one line. */
  json(value: unknown): Promise<void> {
    return this.#write(`${sanitizedJson(value)}\n`);
  }

  /** A table whose columns line up; given in parts, a later part is never narrower than an earlier one. */
  table(indent = ''): (rows: readonly (readonly TextPart[])[]) => Promise<void> {
    const widths: number[] = [];
    return async (rows) => {
      const cells = rows.map((row) => row.map((piece) => sanitizedText(piece).length));
      for (const row of cells)
        for (const [column, width] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width);
      const lines = rows.map((row) => {
        // A column that is empty to the end of the row is not filled with blanks.
        const last = row.findLastIndex((piece) => sanitizedText(piece) !== '');
        const cellTexts = row
          .slice(0, last + 1)
          .map((piece, column) => this.#render(piece, column === last ? 0 : (widths[column] ?? 0)));
        return `${indent}${cellTexts.join('  ')}\n`;
      });
      if (lines.length > 0) await this.#write(lines.join(''));
    };
  }

  /** Bytes of a service's answer: as they are into a pipe or file, harmless on a terminal. */
  async untrustedBytes(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    if (!this.isTerminal) {
      for await (const chunk of chunks) await this.#write(chunk);
      return;
    }
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of chunks) {
      text = sanitizeText(decoder.decode(chunk, { stream: true }));
      if (text !== '') await this.#write(text);
    }
    // The prompt begins on a line of its own.
    if (text !== '' && !text.endsWith('\n')) await this.#write('\n');
  }

  #render(piece: TextPart, width: number): string {
    const text = sanitizedText(piece);
    const padding = ' '.repeat(Math.max(0, width - text.length));
    if (typeof piece === 'string' || !this.#useColor) return text + padding;
    return styleText(ansiStyles[piece.style], text, { validateStream: false }) + padding;
  }

  async #write(chunk: string | Uint8Array): Promise<void> {
    if (!this.#stream.write(chunk)) await once(this.#stream, 'drain');
  }
}

function sanitizedText(piece: TextPart): string {
  return sanitizeLine(typeof piece === 'string' ? piece : piece.text);
}
