import type { OpenAuditFolder } from '../../core/audit-folder.js';
import type { Clock } from '../../core/clock.js';
import { quote } from '../../core/describe-value.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { AuditResponse } from '../../protocol/audit-messages.js';
import type { AuditEntry, AuditLog, AuditQuery, OwnChange } from '../ports.js';
import { recoverEnd } from './audit-files.js';
import { AuditReader } from './audit-reader.js';
import { AuditWriter } from './audit-writer.js';
import { RefusalWindow } from './refusal-window.js';

export interface AuditLogOptions {
  /** Path of the folder. Only the server that has locked the data folder may open it. */
  readonly path: string;
  readonly openFolder: OpenAuditFolder;
  /** Incarnation of the registry at the start, for the line `start`. */
  readonly incarnation: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxFileBytes: number;
  readonly maxFiles: number;
}

/** Numbers that a gap leaves out, so that no line gets the number of a lost line. */
const skippedNumbers = 1_000_000;

/**
 * Opens the audit log in a folder. Cuts a torn last line. After a crash, the first new line is a gap. The first number
 * is at least the wall-clock time in ms: a log that was restored from an older copy then repeats no number of the lines
 * that it lost.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the folder cannot be read or written; `FORBIDDEN` when another user
 *   owns the folder
 */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const { path, openFolder, incarnation, clock, logger, maxFileBytes, maxFiles } = options;
  const subject = `Audit folder ${quote(path)}`;
  try {
    const folder = await openFolder(path, subject);
    const end = await recoverEnd(folder);
    const { lastLine, lastSequence } = end;
    const isComplete = lastSequence === 0 || lastLine?.kind === 'stop';
    const minSequence = lastSequence + 1 + (isComplete ? 0 : skippedNumbers);
    const nextSequence = Math.max(minSequence, Math.floor(clock.wallNow()));
    const writer = new AuditWriter({ folder, clock, logger, maxFileBytes, maxFiles, end, nextSequence });
    const log = new FileAuditLog(clock, writer, new AuditReader(folder, clock, writer));
    try {
      if (!isComplete)
        await writer.append('gap', {
          missingFrom: lastSequence + 1,
          ...(lastLine !== undefined && { since: lastLine.at }),
        });
      await writer.append('start', {
        details: { incarnation, ...(lastSequence > 0 && { previous: lastSequence }) },
      });
    } catch (error) {
      await writer.close();
      throw error;
    }
    return log;
  } catch (error) {
    if (error instanceof ClerkError && error.code !== 'REGISTRY_UNREACHABLE') throw error;
    throw new ClerkError(
      'CONFIG_INVALID',
      `${subject} cannot be used: ${errorMessage(error)}; repair the folder, or start the server without an audit log`,
      { cause: error },
    );
  }
}

class FileAuditLog implements AuditLog {
  readonly #writer: AuditWriter;
  readonly #reader: AuditReader;
  readonly #window: RefusalWindow;

  constructor(clock: Clock, writer: AuditWriter, reader: AuditReader) {
    this.#writer = writer;
    this.#reader = reader;
    this.#window = new RefusalWindow(clock, (kind, fields) => void writer.append(kind, fields).catch(noop));
  }

  get failure(): ClerkError | undefined {
    return this.#writer.failure;
  }

  recordChange(entry: AuditEntry): Promise<void> {
    return this.#writer.append('change', entry);
  }

  recordOwnChange({ revision, ...change }: OwnChange): void {
    this.recordChange({ ...change, principal: 'registry', result: 'ok', revision: String(revision) }).catch(
      noop,
    );
  }

  recordError(kind: 'refusal' | 'failure', entry: AuditEntry): void {
    this.#window.record(kind, entry);
  }

  read(query: AuditQuery): Promise<AuditResponse> {
    return this.#reader.read(query);
  }

  async close(): Promise<void> {
    this.#window.flush();
    await this.#writer.append('stop', {}).catch(noop);
    await this.#writer.close();
  }
}

function noop(): void {
  // The writer logs a failure, and writes the line later.
}
