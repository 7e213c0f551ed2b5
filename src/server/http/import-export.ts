import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isClerkError } from '../../core/errors.js';
import { limits } from '../../protocol/limits.js';
import type { ExportLine } from '../../protocol/naming-messages.js';
import type { NameQueries } from './visible-names.js';
import { readChunks } from './body-parser.js';
import { validateInput } from './validate-input.js';
import { parseStrictJson } from './strict-json.js';
import { HttpError } from './http-error.js';
import { exportLine } from '../../protocol/request-schemas.js';

export const maxImportBytes = 16 * 1024 * 1024;

const chunkLength = 64 * 1024;

/** Returns all entries as JSON lines. All chunks exist before the response starts. Later changes do not affect them. */
export function exportChunks(
  queries: Pick<NameQueries, 'exportLines' | 'readInSlices'>,
): Promise<readonly string[]> {
  return queries.readInSlices(() => makeChunks(queries));
}

function* makeChunks(queries: Pick<NameQueries, 'exportLines'>): Iterator<number, readonly string[]> {
  const chunks: string[] = [];
  let chunk = '';
  for (const line of queries.exportLines()) {
    const text = JSON.stringify(line);
    chunk += `${text}\n`;
    yield 3 + text.length / 100;
    if (chunk.length < chunkLength) continue;
    chunks.push(chunk);
    chunk = '';
  }
  if (chunk !== '') chunks.push(chunk);
  return chunks;
}

export async function readImport(incoming: IncomingMessage): Promise<readonly ExportLine[]> {
  const entries: ExportLine[] = [];
  let lineNumber = 0;
  let partialLine: Buffer = Buffer.alloc(0);
  const parseLine = (line: Buffer): void => {
    lineNumber += 1;
    if (line.length > limits.maxBodyBytes) throw lineTooLong(lineNumber);
    if (!isUtf8(line)) throw new HttpError('CONFIG_INVALID', `Line ${lineNumber} must be UTF-8`);
    const text = line.toString('utf8').trim();
    if (text === '') return;
    if (entries.length >= limits.maxChangedNames) throw tooManyLines();
    entries.push(parseEntry(text, lineNumber));
  };
  await readChunks(incoming, maxImportBytes, (chunk) => {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      const end = chunk.subarray(from, at);
      parseLine(partialLine.length === 0 ? end : Buffer.concat([partialLine, end]));
      partialLine = Buffer.alloc(0);
      from = at + 1;
    }
    partialLine = Buffer.concat([partialLine, chunk.subarray(from)]);
    if (partialLine.length > limits.maxBodyBytes) throw lineTooLong(lineNumber + 1);
  });
  if (partialLine.length > 0) parseLine(partialLine);
  return entries;
}

function parseEntry(text: string, lineNumber: number): ExportLine {
  try {
    return validateInput(exportLine, parseStrictJson(text, `Line ${lineNumber}`), `Line ${lineNumber}`);
  } catch (error) {
    if (!isClerkError(error) || error.message.startsWith('Line ')) throw error;
    throw new HttpError('CONFIG_INVALID', `Line ${lineNumber}: ${error.message}`);
  }
}

function tooManyLines(): HttpError {
  return new HttpError(
    'LIMIT_EXCEEDED',
    `An import must have at most ${limits.maxChangedNames} lines; split the lines into several imports`,
    429,
    { connection: 'close' },
  );
}

function lineTooLong(lineNumber: number): HttpError {
  return new HttpError(
    'BODY_TOO_LARGE',
    `Line ${lineNumber} must be at most ${limits.maxBodyBytes} bytes; shorten the entry`,
    413,
    {
      connection: 'close',
    },
  );
}
