import type { FakeRuntime } from 'binding-clerk/testing';
import type { IncomingMessage } from 'node:http';
import { openAuditLog } from '../../../src/server/audit/open-audit-log.js';
import { RequestAudit } from '../../../src/server/http/request-audit.js';
import type { AuditLog, NameService, OwnChange } from '../../../src/server/ports.js';
import type { RegistryRequest } from '../../../src/registry-client/connection.js';
import { paths } from '../../../src/protocol/paths.js';
import type { CoverageMark } from '../coverage.js';
import type { RandomStream } from '../random-stream.js';
import { AuditChecker, type AuditCheckerCopy } from './audit-checker.js';
import { SimulatedAuditFolder, type AuditFolderCopy } from './simulated-audit-folder.js';
import type { SimulatedProcess } from './simulated-process.js';

export interface SimulatedAuditOptions {
  readonly runtime: FakeRuntime;
  readonly random: RandomStream;
  readonly isDiskFailing: () => boolean;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
  readonly log: (line: string) => void;
}

/** The audit log of one run of the server. */
export interface AuditRun {
  /** Called by the name server, also before the log is open. */
  readonly onOwnChange: (change: OwnChange) => void;
  /** @throws when the folder cannot be written */
  open(names: NameService): Promise<void>;
  /** Answers a request, and records it. */
  respond(question: RegistryRequest, who: string, operate: () => Promise<unknown>): Promise<unknown>;
  close(): Promise<void>;
}

export interface AuditCopy {
  readonly folder: AuditFolderCopy;
  readonly checker: AuditCheckerCopy;
}

/** Operations whose acknowledgement states a revision. */
const acknowledged = new Map<string, string>([
  [paths.define, 'define'],
  [paths.link, 'link'],
  [paths.move, 'move'],
  [paths.remove, 'remove'],
  [paths.register, 'register'],
  [paths.withdraw, 'withdraw'],
]);

const noLog = (): void => undefined;

/** The audit log of the bundled server, on a disk that is sometimes full. */
export class SimulatedAudit {
  readonly folder: SimulatedAuditFolder;
  readonly checker: AuditChecker;
  readonly #options: SimulatedAuditOptions;

  constructor(options: SimulatedAuditOptions) {
    const { random, isDiskFailing, mark, violate } = options;
    this.#options = options;
    this.checker = new AuditChecker({ mark, violate });
    this.folder = new SimulatedAuditFolder({
      ...{ random, isDiskFailing, mark },
      onWritten: (text) => this.checker.written(text),
    });
  }

  copy(): AuditCopy {
    return { folder: this.folder.copy(), checker: this.checker.copy() };
  }

  /** An older copy replaces the data, and sometimes the log. */
  restore({ folder, checker }: AuditCopy): void {
    if (this.#options.random.chance(0.7)) this.folder.restore(folder);
    this.checker.restore(checker, this.folder.text);
  }

  /** Fills the disk for a while. @param onFree - called when the disk has space again */
  scheduleFullDisk(periodMs: number, isOver: () => boolean, onFree: () => void): void {
    const { runtime, random, mark, log } = this.#options;
    const fromMs = random.between(0, periodMs * 0.9);
    const lengthMs = Math.min(random.between(100, 5_000), periodMs - fromMs);
    runtime.setTimer(() => {
      if (isOver()) return;
      mark('audit-disk-full');
      log('the disk of the audit log is full');
      this.folder.isFull = true;
      runtime.setTimer(() => {
        this.folder.isFull = false;
        log('the disk of the audit log has space');
        onFree();
      }, lengthMs);
    }, fromMs);
  }

  /** @param process - the server */
  begin(process: SimulatedProcess): AuditRun {
    this.checker.starting(this.folder.text);
    const early: OwnChange[] = [];
    let log: AuditLog | undefined;
    let requests: RequestAudit | undefined;
    return {
      onOwnChange: (change) => {
        if (log === undefined) early.push(change);
        else log.recordOwnChange(change);
      },
      open: async (names) => {
        const opened = await openAuditLog({
          path: '/data/audit',
          openFolder: () => Promise.resolve(this.folder.open(process)),
          incarnation: names.status().incarnation,
          openedRevision: names.openedRevision,
          revision: () => names.status().revision,
          clock: process,
          logger: { debug: noLog, info: noLog, warn: noLog, error: noLog },
          maxFileBytes: 4_096,
          maxFiles: 10_000,
        });
        log = opened;
        this.checker.opened();
        for (const change of early.splice(0)) log.recordOwnChange(change);
        requests = new RequestAudit({ log, names, security: undefined });
      },
      respond: async (question, who, operate) => {
        if (requests === undefined) return operate();
        const { path, body } = question;
        const method = body === undefined ? 'GET' : 'POST';
        const incoming = { method, url: path, socket: {} } as unknown as IncomingMessage;
        const client = { principal: `host:${who}` };
        try {
          const response = await requests.run(path, body, incoming, client, operate);
          const operation = acknowledged.get(path);
          const { revision } = response as { readonly revision?: string };
          if (operation !== undefined && revision !== undefined) {
            const { name, from = name } = body as { readonly name: string; readonly from?: string };
            this.checker.acknowledged(operation, from, revision);
          }
          return response;
        } catch (error) {
          requests.recordError(incoming, client, error);
          throw error;
        }
      },
      close: async () => log?.close(),
    };
  }
}
