/**
 * Export and import: one entry a line. An export is of one moment, whatever changes while it is read. An import is
 * taken line by line, each bounded, and made all or nothing.
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isClerkError } from '../../core/errors.js';
import { limits } from '../../wire/limits.js';
import type { ExportLine } from '../../wire/messages.js';
import type { NameService } from '../ports.js';
import { readChunks } from './body.js';
import { checked } from './explain.js';
import { readJson } from './json.js';
import { Refusal } from './refusal.js';
import { exportLine } from './schemas.js';

/** Most bytes of an import. */
export const mostImportBytes = 256 * 1024 * 1024;

/** About how many characters of an export are sent at once. */
const pieceLength = 64 * 1024;

/** All lines of this moment, in pieces. */
export function exportPieces(names: NameService): readonly string[] {
  const pieces: string[] = [];
  let piece = '';
  for (const line of names.exportLines()) {
    piece += `${JSON.stringify(line)}\n`;
    if (piece.length < pieceLength) continue;
    pieces.push(piece);
    piece = '';
  }
  if (piece !== '') pieces.push(piece);
  return pieces;
}

/** The entries of a body of lines. Rejects with `CONFIG_INVALID`, naming the line, and `BODY_TOO_LARGE`. */
export function importedLines(incoming: IncomingMessage): Promise<readonly ExportLine[]> {
  const entries: ExportLine[] = [];
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  const take = (line: Buffer): void => {
    number += 1;
    if (line.length > limits.bodyBytes) throw lineTooLong(number);
    if (!isUtf8(line)) throw new Refusal('CONFIG_INVALID', `Line ${number} is no UTF-8; send it as that`);
    const text = line.toString('utf8').trim();
    if (text !== '') entries.push(entryOf(text, number));
  };
  return new Promise((resolve, reject) => {
    readChunks(
      incoming,
      mostImportBytes,
      (chunk) => {
        let from = 0;
        for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
          const end = chunk.subarray(from, at);
          take(rest.length === 0 ? end : Buffer.concat([rest, end]));
          rest = Buffer.alloc(0);
          from = at + 1;
        }
        rest = Buffer.concat([rest, chunk.subarray(from)]);
        if (rest.length > limits.bodyBytes) throw lineTooLong(number + 1);
      },
      (error) => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        try {
          if (rest.length > 0) take(rest);
          resolve(entries);
        } catch (fault) {
          reject(fault);
        }
      },
    );
  });
}

function entryOf(text: string, number: number): ExportLine {
  try {
    return checked(exportLine, readJson(text, `Line ${number}`), `Line ${number}`);
  } catch (error) {
    if (!isClerkError(error) || error.message.startsWith('Line ')) throw error;
    throw new Refusal('CONFIG_INVALID', `Line ${number}: ${error.message}`);
  }
}

function lineTooLong(number: number): Refusal {
  return new Refusal(
    'BODY_TOO_LARGE',
    `Line ${number} is over ${limits.bodyBytes} bytes; an entry has no more`,
    413,
    {
      connection: 'close',
    },
  );
}
