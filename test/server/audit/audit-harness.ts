import { createFakeRuntime, type FakeRuntime } from 'binding-clerk/testing';
import type { AuditLine } from '../../../src/protocol/audit-messages.js';
import { openAuditLog } from '../../../src/server/audit/open-audit-log.js';
import type { AuditLog, AuditQuery } from '../../../src/server/ports.js';
import { MemoryAuditFolder } from './memory-audit-folder.js';

export interface AuditHarness {
  readonly log: AuditLog;
  readonly folder: MemoryAuditFolder;
  readonly runtime: FakeRuntime;
  /** Messages that were logged as warnings and errors. */
  readonly messages: string[];
  read(query?: Partial<AuditQuery>): ReturnType<AuditLog['read']>;
}

/** Wall-clock time at which a fake runtime starts, and number of the first line. */
export const wallStartAt = 1_800_000_000_000;

export async function auditHarness({
  folder = new MemoryAuditFolder(),
  runtime = createFakeRuntime({ seed: 1 }),
  maxFileBytes = 8 * 1024 * 1024,
  maxFiles = 16,
  openedRevision = 0,
  revision = 0,
}: {
  readonly folder?: MemoryAuditFolder;
  readonly runtime?: FakeRuntime;
  readonly maxFileBytes?: number;
  readonly maxFiles?: number;
  readonly openedRevision?: number;
  readonly revision?: number;
} = {}): Promise<AuditHarness> {
  const messages: string[] = [];
  const log = (text: string): void => void messages.push(text);
  const audit = await openAuditLog({
    path: '/data/audit',
    openFolder: folder.open,
    incarnation: 'i1',
    openedRevision,
    revision: () => String(revision),
    clock: runtime,
    logger: { debug: () => undefined, info: () => undefined, warn: log, error: log },
    maxFileBytes,
    maxFiles,
  });
  return {
    log: audit,
    folder,
    runtime,
    messages,
    read: (query = {}) =>
      audit.read({
        since: undefined,
        after: undefined,
        maxLines: 1_000,
        isWanted: () => true,
        waitMs: 0,
        signal: new AbortController().signal,
        ...query,
      }),
  };
}

/** Every line that the log returns, page by page. */
export async function allLines(
  { read }: Pick<AuditHarness, 'read'>,
  query: Partial<AuditQuery> = {},
): Promise<readonly AuditLine[]> {
  const lines: AuditLine[] = [];
  for (let after: string | undefined; ;) {
    const page = await read({ ...query, ...(after !== undefined && { after }) });
    lines.push(...page.lines);
    after = page.next;
    if (!page.more) return lines;
  }
}
