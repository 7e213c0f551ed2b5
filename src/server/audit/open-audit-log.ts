import type { OpenAuditFolder } from '../../core/audit-folder.js';
import { sleep, type Clock } from '../../core/clock.js';
import { quote } from '../../core/describe-value.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import type { AuditKind, AuditLine, AuditResponse } from '../../protocol/audit-messages.js';
import type { AuditEntry, AuditLog, AuditQuery, OwnChange } from '../ports.js';
import { recoverEnd } from './audit-files.js';
import type { AuditFields } from './audit-line.js';
import { AuditReader } from './audit-reader.js';
import { AuditWriter } from './audit-writer.js';
import { RefusalWindow } from './refusal-window.js';
import { TicketWindow } from './ticket-window.js';

export interface AuditLogOptions {
  /** Path of the folder. Only the server that has locked the data folder may open it. */
  readonly path: string;
  readonly openFolder: OpenAuditFolder;
  /** Incarnation of the registry at the start, for the line `start`. */
  readonly incarnation: string;
  /** Revision of the store when it was opened, before the first change of this run. */
  readonly openedRevision: number;
  /** Returns the present revision, for the line `stop`. */
  readonly revision: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxFileBytes: number;
  readonly maxFiles: number;
}

/**
 * Number of line numbers that are skipped after a gap, so that numbers of lost lines are not reused. With a larger
 * number, line numbers could be far above the wall clock. A log that is restored from a copy continues at the wall
 * clock, and could then reuse numbers.
 */
const skippedNumbers = 100_000;
/** Maximum time for which `close` waits for the records of started changes, in ms. */
const closeWaitMs = 1_000;

/**
 * Opens the audit log in a folder. Removes an incomplete last line. After a crash, or after changes without the log,
 * the first new line has the kind `gap`. The first number is at least the wall-clock time in ms. A log that was
 * restored from an older copy therefore does not reuse the numbers of lost lines.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the folder cannot be read or written; `FORBIDDEN` when another
 *   user owns the folder
 */
export async function openAuditLog(options: AuditLogOptions): Promise<AuditLog> {
  const { path, openFolder, incarnation, openedRevision, clock, logger, maxFileBytes, maxFiles } = options;
  const subject = `Audit folder ${quote(path)}`;
  try {
    const folder = await openFolder(path, subject);
    const end = await recoverEnd(folder);
    const { lastLine, lastSequence } = end;
    const isComplete = lastSequence === 0 || isStopAt(lastLine, openedRevision);
    const minSequence = lastSequence + 1 + (isComplete ? 0 : skippedNumbers);
    const nextSequence = Math.max(minSequence, Math.floor(clock.wallNow()));
    const writer = new AuditWriter({ folder, clock, logger, maxFileBytes, maxFiles, end, nextSequence });
    const log = new FileAuditLog(options, writer, new AuditReader(folder, clock, writer));
    try {
      if (!isComplete)
        await writer.append('gap', {
          missingFrom: lastSequence + 1,
          ...(lastLine !== undefined && { since: lastLine.at }),
        });
      await writer.append('start', {
        details: { incarnation, ...(lastSequence > 0 && { previous: lastSequence }) },
      });
      // Syncs the lines at once, so that after a power failure the next start continues after these numbers.
      await writer.sync();
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

/**
 * Whether the last line states that the log was closed at this revision. If not, the store may have changed without
 * the log.
 */
function isStopAt(line: AuditLine | undefined, revision: number): boolean {
  return line?.kind === 'stop' && (line.revision === undefined || line.revision === String(revision));
}

class FileAuditLog implements AuditLog {
  readonly #options: Pick<AuditLogOptions, 'clock' | 'revision'>;
  readonly #writer: AuditWriter;
  readonly #reader: AuditReader;
  readonly #refusals: RefusalWindow;
  readonly #tickets: TicketWindow;
  #startedChanges = 0;
  /** Resolves when no started change is left. */
  #recorded = withResolver();

  constructor(
    options: Pick<AuditLogOptions, 'clock' | 'revision'>,
    writer: AuditWriter,
    reader: AuditReader,
  ) {
    this.#options = options;
    this.#writer = writer;
    this.#reader = reader;
    const append = (kind: AuditKind, fields: AuditFields): void =>
      void writer.append(kind, fields).catch(noop);
    this.#refusals = new RefusalWindow(options.clock, append);
    this.#tickets = new TicketWindow(options.clock, append);
  }

  get failure(): ClerkError | undefined {
    return this.#writer.failure;
  }

  startChange(): () => void {
    if (this.#startedChanges++ === 0) this.#recorded = withResolver();
    let isStarted = true;
    return () => {
      if (isStarted && --this.#startedChanges === 0) this.#recorded.resolve();
      isStarted = false;
    };
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
    this.#refusals.record(kind, entry);
  }

  recordTicket(entry: AuditEntry): void {
    this.#tickets.record(entry);
  }

  read(query: AuditQuery): Promise<AuditResponse> {
    return this.#reader.read(query);
  }

  async close(): Promise<void> {
    const { clock, revision } = this.#options;
    if (this.#startedChanges > 0)
      await Promise.race([this.#recorded.promise, sleep(clock, closeWaitMs, false)]);
    this.#refusals.flush();
    this.#tickets.flush();
    await this.#writer.append('stop', { revision: revision() }).catch(noop);
    await this.#writer.close();
  }
}

function withResolver(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

function noop(): void {
  // The writer has logged the failure, and writes the line later.
}
