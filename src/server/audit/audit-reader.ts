import type { AuditFile, AuditFolder } from '../../core/audit-folder.js';
import type { Clock } from '../../core/clock.js';
import { quote } from '../../core/describe-value.js';
import { ClerkError } from '../../core/errors.js';
import { parseIsoTime } from '../../core/parse-iso-time.js';
import type { AuditLine, AuditResponse } from '../../protocol/audit-messages.js';
import type { AuditQuery } from '../ports.js';
import { decodeLine, maxLineBytes } from './audit-line.js';

/** Each line fits into one chunk. Other work of this process runs between two chunks. */
const chunkBytes = 2 * maxLineBytes;
/** A page ends after this number of read bytes, also without a wanted line. */
const maxPageBytes = 1024 * 1024;
const lineBreak = 10;

/** What was written so far. */
export interface WrittenLog {
  /** Oldest first. */
  readonly files: readonly string[];
  /** Written bytes of the last file. */
  readonly sizeBytes: number;
  /** Resolves after the next write. */
  readonly written: Promise<void>;
}

interface Position {
  readonly file: string;
  readonly offset: number;
}

interface Page {
  readonly lines: readonly AuditLine[];
  /** Undefined in an empty log. */
  readonly next: Position | undefined;
  readonly isAtEnd: boolean;
}

/** Reads pages of an audit log while it is written. */
export class AuditReader {
  readonly #folder: AuditFolder;
  readonly #clock: Clock;
  readonly #log: WrittenLog;

  constructor(folder: AuditFolder, clock: Clock, log: WrittenLog) {
    this.#folder = folder;
    this.#clock = clock;
    this.#log = log;
  }

  /** @throws {@link ClerkError} `CONFIG_INVALID` when `after` is not a position of this log */
  async read(query: AuditQuery): Promise<AuditResponse> {
    const { since, after, waitMs, signal } = query;
    const timeout = new AbortController();
    const timer = this.#clock.setTimer(() => timeout.abort(), waitMs);
    timer.setRef(false);
    const ended = untilAborted(AbortSignal.any([timeout.signal, signal]));
    try {
      let position = after === undefined ? await this.#positionAt(since) : this.#parsePosition(after);
      for (;;) {
        const { written } = this.#log;
        const page = await this.#page(position, query);
        position = page.next;
        const next = position === undefined ? '' : `${position.file}:${position.offset}`;
        const response = { lines: page.lines, next, more: !page.isAtEnd };
        if (page.lines.length > 0 || !page.isAtEnd || waitMs === 0) return response;
        if ((await Promise.race([written.then(() => 'written'), ended])) === 'ended') return response;
      }
    } finally {
      timer.cancel();
      timeout.abort();
    }
  }

  /** A position in a removed file becomes the beginning of the oldest file. */
  #parsePosition(after: string): Position | undefined {
    if (after === '') return this.#beginning();
    const [, file = '', offset = ''] = /^(\d{16}\.ndjson):(\d{1,15})$/.exec(after) ?? [];
    const { files, sizeBytes } = this.#log;
    const isInFuture = file > (files.at(-1) ?? '') || (file === files.at(-1) && Number(offset) > sizeBytes);
    if (file === '' || isInFuture) throw positionError(after);
    return files.includes(file) ? { file, offset: Number(offset) } : this.#beginning();
  }

  #beginning(): Position | undefined {
    const [file] = this.#log.files;
    return file === undefined ? undefined : { file, offset: 0 };
  }

  /** Begins with the last file whose first line is not later. */
  async #positionAt(since: number | undefined): Promise<Position | undefined> {
    if (since === undefined) return this.#beginning();
    for (const name of [...this.#log.files].reverse()) {
      const file = await this.#folder.open(name);
      if (file === undefined) continue;
      try {
        const [first] = linesOf(await file.read(0, maxLineBytes));
        if (timeOf(first?.line) <= since) return { file: name, offset: 0 };
      } finally {
        await file.close();
      }
    }
    return this.#beginning();
  }

  async #page(start: Position | undefined, query: AuditQuery): Promise<Page> {
    let position = start ?? this.#beginning();
    const lines: AuditLine[] = [];
    let readBytes = 0;
    while (position !== undefined && readBytes < maxPageBytes && lines.length < query.maxLines) {
      const name = position.file;
      const next: string | undefined = this.#log.files.find((file) => file > name);
      const file = await this.#folder.open(name);
      const end = file === undefined ? 0 : await this.#endOf(file, name, next);
      if (file !== undefined && position.offset < end) {
        const from = position.offset;
        const maxBytes = maxPageBytes - readBytes;
        const offset = await this.#readLines(file, { from, end, maxBytes }, lines, query).finally(() =>
          file.close(),
        );
        readBytes += offset - from;
        position = { file: name, offset };
        // A file that ends with a part of a line was damaged.
        if (offset > from || next === undefined) continue;
      } else await file?.close();
      if (next === undefined) return { lines, next: position, isAtEnd: true };
      position = { file: next, offset: 0 };
    }
    return { lines, next: position, isAtEnd: position === undefined };
  }

  async #endOf(file: AuditFile, name: string, next: string | undefined): Promise<number> {
    return next === undefined && name === this.#log.files.at(-1) ? this.#log.sizeBytes : file.sizeBytes();
  }

  /** Adds the wanted lines, and returns the offset after the last line that was read. */
  async #readLines(
    file: AuditFile,
    { from, end, maxBytes }: { readonly from: number; readonly end: number; readonly maxBytes: number },
    lines: AuditLine[],
    { since, maxLines, isWanted }: AuditQuery,
  ): Promise<number> {
    let offset = from;
    while (offset < end && offset - from < maxBytes) {
      const chunk = await file.read(offset, Math.min(chunkBytes, end - offset));
      let consumed = 0;
      for (const { line, endOffset } of linesOf(chunk)) {
        if (lines.length === maxLines) return offset + consumed;
        consumed = endOffset;
        const isLate = since === undefined || timeOf(line) >= since;
        if (line !== undefined && isLate && isWanted(line)) lines.push(line);
      }
      if (consumed === 0) break;
      offset += consumed;
    }
    return offset;
  }
}

/** Yields the complete lines of a chunk. `line` is undefined for a damaged line. */
function* linesOf(
  chunk: Buffer,
): IterableIterator<{ readonly line: AuditLine | undefined; readonly endOffset: number }> {
  let from = 0;
  for (let end = chunk.indexOf(lineBreak); end >= 0; end = chunk.indexOf(lineBreak, from)) {
    yield { line: decodeLine(chunk.toString('utf8', from, end)), endOffset: end + 1 };
    from = end + 1;
  }
}

function timeOf(line: AuditLine | undefined): number {
  return parseIsoTime(line?.at ?? '') ?? NaN;
}

function untilAborted(signal: AbortSignal): Promise<'ended'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('ended');
    else signal.addEventListener('abort', () => resolve('ended'), { once: true });
  });
}

function positionError(after: string): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `The position of the audit log must be the value of 'next' in the previous page; got ${quote(after)}`,
  );
}
