import type { AuditFile, AuditFolder } from '../../core/audit-folder.js';
import type { Clock } from '../../core/clock.js';
import { quote } from '../../core/describe-value.js';
import { ClerkError } from '../../core/errors.js';
import { parseIsoTime } from '../../core/parse-iso-time.js';
import type { AuditLine, AuditResponse } from '../../protocol/audit-messages.js';
import type { AuditQuery } from '../ports.js';
import { fileNameOf, lastLineOf } from './audit-files.js';
import { decodeLine, maxLineBytes } from './audit-line.js';

/** Size of a chunk, in bytes, which is larger than any line. Other work runs between two chunks. */
const chunkBytes = 2 * maxLineBytes;
/** Maximum number of bytes that are read for a page, even if no line matches. */
const maxPageBytes = 1024 * 1024;
const lineBreak = 10;

/** The written part of a log. */
export interface WrittenLog {
  /** Names of the files, oldest first. */
  readonly files: readonly string[];
  /** Written bytes of the last file. */
  readonly sizeBytes: number;
  /** Number of the next line. */
  readonly nextSequence: number;
  /** Resolves after the next write. */
  readonly written: Promise<void>;
}

/**
 * A position in a log; its text form is `<seq>@<file>:<offset>`. The file and the offset avoid a search. They are used
 * only if a line with a number up to `seq` ends at the offset, because an older copy of the log may have been restored.
 */
interface Position {
  readonly file: string;
  readonly offset: number;
  /** Number of the last line before the position. Lines up to this number are skipped. */
  readonly seq: number;
}

/** A part of a file, in bytes. */
interface FilePart {
  readonly from: number;
  readonly end: number;
  readonly maxBytes: number;
  /** Lines up to this number are skipped. */
  readonly after: number;
}

interface Page {
  readonly lines: readonly AuditLine[];
  /** Position after the page; undefined in an empty log. */
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
      let position = after === undefined ? await this.#positionAt(since) : await this.#positionAfter(after);
      for (;;) {
        const { written } = this.#log;
        const page = await this.#page(position, query);
        position = page.next;
        const response = { lines: page.lines, next: formatPosition(position), more: !page.isAtEnd };
        if (page.lines.length > 0 || !page.isAtEnd || waitMs === 0) return response;
        if ((await Promise.race([written.then(() => 'written'), ended])) === 'ended') return response;
      }
    } finally {
      timer.cancel();
      timeout.abort();
    }
  }

  /** Returns the position after a line. If the file of the line was removed, returns the start of the oldest file. */
  async #positionAfter(after: string): Promise<Position | undefined> {
    if (after === '') return this.#beginning();
    const [, digits, name = '', offset = '0'] = positionForm.exec(after) ?? [];
    const seq = Number(digits ?? NaN);
    const { files, nextSequence } = this.#log;
    if (!(seq < nextSequence)) throw positionError(after);
    if (name !== '' && (await this.#endsLine(name, Number(offset), seq)))
      return { file: name, offset: Number(offset), seq };
    const file = [...files].reverse().find((each) => each <= fileNameOf(seq)) ?? files[0];
    return file === undefined ? undefined : { file, offset: 0, seq };
  }

  /** Whether a line with a number up to `seq` ends at the offset `end`. */
  async #endsLine(name: string, end: number, seq: number): Promise<boolean> {
    const { files, sizeBytes } = this.#log;
    if (!files.includes(name) || (name === files.at(-1) && end > sizeBytes)) return false;
    const file = await this.#folder.open(name);
    if (file === undefined) return false;
    try {
      const from = Math.max(0, end - maxLineBytes);
      const bytes = await file.read(from, end - from);
      const { line } = lastLineOf(bytes);
      return (
        line !== undefined && line.seq <= seq && bytes.length === end - from && bytes.at(-1) === lineBreak
      );
    } finally {
      await file.close();
    }
  }

  #beginning(): Position | undefined {
    const [file] = this.#log.files;
    return file === undefined ? undefined : { file, offset: 0, seq: 0 };
  }

  /** Returns the start of the last file whose first line is not later than `since`. */
  async #positionAt(since: number | undefined): Promise<Position | undefined> {
    if (since === undefined) return this.#beginning();
    for (const name of [...this.#log.files].reverse()) {
      const file = await this.#folder.open(name);
      if (file === undefined) continue;
      try {
        const [first] = linesOf(await file.read(0, maxLineBytes));
        if (timeOf(first?.line) <= since) return { file: name, offset: 0, seq: 0 };
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
        const part: FilePart = { from, end, maxBytes, after: position.seq };
        const { offset, seq } = await this.#readLines(file, part, lines, query).finally(() => file.close());
        readBytes += offset - from;
        position = { file: name, offset, seq };
        // If nothing was read and there is a next file, this file ends with a damaged line.
        if (offset > from || next === undefined) continue;
      } else await file?.close();
      if (next === undefined) return { lines, next: position, isAtEnd: true };
      position = { file: next, offset: 0, seq: position.seq };
    }
    return { lines, next: position, isAtEnd: position === undefined };
  }

  async #endOf(file: AuditFile, name: string, next: string | undefined): Promise<number> {
    return next === undefined && name === this.#log.files.at(-1) ? this.#log.sizeBytes : file.sizeBytes();
  }

  /**
   * Adds the matching lines to `lines`. Returns the offset after the last line that was read, and the number of that
   * line.
   */
  async #readLines(
    file: AuditFile,
    { from, end, maxBytes, after }: FilePart,
    lines: AuditLine[],
    { since, maxLines, isWanted }: AuditQuery,
  ): Promise<Omit<Position, 'file'>> {
    let [offset, seq] = [from, after];
    while (offset < end && offset - from < maxBytes) {
      const chunk = await file.read(offset, Math.min(chunkBytes, end - offset));
      let consumed = 0;
      for (const { line, endOffset } of linesOf(chunk)) {
        if (lines.length === maxLines) return { offset: offset + consumed, seq };
        consumed = endOffset;
        if (line === undefined || line.seq <= after) continue;
        seq = line.seq;
        const isLate = since === undefined || timeOf(line) >= since;
        if (isLate && isWanted(line)) lines.push(line);
      }
      if (consumed === 0 && chunk.length < chunkBytes) break;
      // A chunk without a line break is damaged, because each line is shorter than a chunk. After a power failure, a
      // file may contain that many zeros.
      offset += consumed === 0 ? chunk.length - maxLineBytes : consumed;
    }
    return { offset, seq };
  }
}

/** The number of a line is also a valid position. */
const positionForm = /^(\d{1,16})(?:@(\d{16}\.ndjson):(\d{1,15}))?$/;

function formatPosition(position: Position | undefined): string {
  return position === undefined ? '' : `${position.seq}@${position.file}:${position.offset}`;
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
    `The query key 'after' must be the number of a line (seq) of this audit log, or the value of 'next' in the previous page; got ${quote(after)}`,
  );
}
