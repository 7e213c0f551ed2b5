import { once } from 'node:events';
import { styleText } from 'node:util';
import { sanitizeLine, sanitizedJson, sanitizeText } from './sanitize.js';
import type { Io, OutputStream } from './io.js';

/** Terminals show each style as a color or weight. */
export type Style = 'strong' | 'good' | 'warning' | 'bad' | 'faint';

export interface StyledText {
  readonly text: string;
  readonly style: Style;
}

export type TextPart = string | StyledText;

const ansiStyles = {
  strong: 'bold',
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  faint: 'gray',
} as const;

export function styled(style: Style, text: string): StyledText {
  return { style, text };
}

/**
 * Returns false if the stream is not a terminal, `NO_COLOR` is set, or `TERM` is `dumb`. @see https://no-color.org
 */
export function supportsColor(stream: OutputStream, env: Io['env']): boolean {
  const set = (key: string): boolean => env[key] !== undefined && env[key] !== '';
  return stream.isTTY === true && !set('NO_COLOR') && env.TERM !== 'dumb';
}

/** An output stream that sanitizes text. The methods resolve when the stream accepts more data. */
export class Output {
  readonly #stream: OutputStream;
  readonly #useColor: boolean;

  constructor(stream: OutputStream, env: Io['env']) {
    this.#stream = stream;
    this.#useColor = supportsColor(stream, env);
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  line(...pieces: readonly TextPart[]): Promise<void> {
    return this.#write(`${pieces.map((piece) => this.#render(piece, 0)).join('')}\n`);
  }

  json(value: unknown): Promise<void> {
    return this.#write(`${sanitizedJson(value)}\n`);
  }

  /** Returns a function that prints further rows. A column is as wide as its widest cell so far. */
  table(indent = ''): (rows: readonly (readonly TextPart[])[]) => Promise<void> {
    const widths: number[] = [];
    return async (rows) => {
      const cells = rows.map((row) => row.map((piece) => sanitizedText(piece).length));
      for (const row of cells)
        for (const [column, width] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, width);
      const lines = rows.map((row) => {
        // Removes empty cells at the end of a row, so that no line ends with spaces.
        const last = row.findLastIndex((piece) => sanitizedText(piece) !== '');
        const cellTexts = row
          .slice(0, last + 1)
          .map((piece, column) => this.#render(piece, column === last ? 0 : (widths[column] ?? 0)));
        return `${indent}${cellTexts.join('  ')}\n`;
      });
      if (lines.length > 0) await this.#write(lines.join(''));
    };
  }

  /** Sanitizes the bytes on a terminal only. */
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
    // Without a final line break, the shell prompt would appear on the same line.
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
