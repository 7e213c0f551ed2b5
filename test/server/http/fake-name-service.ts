import { resultAtOnce } from '../../../src/core/slice-queue.js';
import { ClerkError } from '../../../src/core/errors.js';
import { parseName } from '../../../src/core/name.js';
import { parseGlob } from '../../../src/core/glob.js';
import type { IdentityService, NameService, WatchOptions } from '../../../src/server/ports.js';
import type { ResolveResponse } from '../../../src/protocol/lookup-messages.js';
import type { ChangeResponse, ExportLine, ImportOptions } from '../../../src/protocol/naming-messages.js';
import type { RegisterRequest } from '../../../src/protocol/registration-messages.js';
import type { WatchEvent } from '../../../src/protocol/watch-messages.js';

/** A watch that is open at the fake. */
export interface FakeWatch extends WatchOptions {
  readonly edits: { readonly add: readonly string[]; readonly remove: readonly string[] }[];
  readonly resyncs: string[];
  isClosed: boolean;
}

/** A name service on a map. Tests send the events of its watches and choose its errors. */
export class FakeNameService implements NameService {
  readonly incarnation = 'fake';
  readonly openedRevision = 0;
  revision = 7;
  degraded = false;
  readonly services = new Map<string, ResolveResponse>();
  readonly texts = new Map<string, string>();
  readonly watches: FakeWatch[] = [];
  /** Received requests, newest last. */
  readonly requests: { readonly what: string; readonly request: unknown; readonly by?: string }[] = [];
  readonly lines: ExportLine[] = [];
  /** The routes that use identities are tested with the real name server. */
  readonly identities = {} as IdentityService;
  /** Error thrown by all changes while it is set. */
  nextError: Error | undefined;
  /** Awaited by each change. */
  gate: Promise<void> = Promise.resolve();

  put(name: string): void {
    const response: ResolveResponse = {
      name,
      canonical: name,
      kind: 'service',
      path: [{ name, kind: 'service', guaranteedMs: 5_000 }],
      endpoints: [],
      policy: null,
      launchable: false,
      revision: String(this.revision),
      incarnation: this.incarnation,
      guaranteedMs: 5_000,
      ttlMs: 5_000,
    };
    this.services.set(name, response);
    this.texts.set(name, JSON.stringify(response));
  }

  resolve(name: string): ResolveResponse {
    const found = this.services.get(parseName(name));
    if (found === undefined) throw new ClerkError('NAME_NOT_FOUND', `Name ${name} does not exist`);
    return found;
  }

  nearName = (): string | undefined => undefined;

  canonicalOf(name: string): string | undefined {
    return this.services.get(name)?.canonical;
  }

  resolveJson(name: string): string | undefined {
    return this.texts.get(name);
  }

  list(glob: string, after: string | undefined, maxEntries: number) {
    parseGlob(glob);
    this.requests.push({ what: 'list', request: { glob, after, maxEntries } });
    return { entries: [], next: null, ...this.#at() };
  }

  search(glob: string, filter: Readonly<Record<string, string>>, after?: string) {
    this.requests.push({ what: 'search', request: { glob, filter, after } });
    return { entries: [], next: null, ...this.#at() };
  }

  async searchInSlices(glob: string, filter: Readonly<Record<string, string>>, after?: string) {
    return this.search(glob, filter, after);
  }

  async readInSlices<T>(start: () => Iterator<number, T>) {
    return resultAtOnce(start());
  }

  whois(address: string) {
    this.requests.push({ what: 'whois', request: address });
    return { owners: [] };
  }

  get present() {
    return this.#at();
  }

  status() {
    return {
      version: '0.0.0',
      ...this.#at(),
      services: this.services.size,
      endpoints: 0,
      links: 0,
      watches: this.watches.filter(({ isClosed }) => !isClosed).length,
      degraded: this.degraded,
    };
  }

  expiredRegistrations = 0;
  fenceCount = 0;
  healthStats = { reports: 0, endpointReports: 0, suspectTransitions: 0, suspects: 0 };

  report(request: unknown, { principal }: { readonly principal: string }) {
    this.requests.push({ what: 'report', request, by: principal });
  }

  exportLines() {
    return this.lines.values();
  }

  define = (request: unknown) => this.#change('define', request);
  link = (request: unknown) => this.#change('link', request);
  directory = async (request: unknown) => ({ ...(await this.#change('directory', request)), id: '#d1' });
  move = (request: unknown) => this.#change('move', request);
  cancel = (request: unknown) => this.#change('cancel', request);
  remove = (request: unknown) => this.#change('remove', request);
  withdraw = (request: unknown) => this.#change('withdraw', request);

  async register(request: RegisterRequest, { principal }: { principal: string }) {
    const { revision, incarnation } = await this.#change('register', request, principal);
    return { epoch: 1, secret: 'secret', leaseMs: request.leaseMs ?? 10_000, revision, incarnation };
  }

  prepareRenewals() {
    return undefined;
  }

  renew(request: { renewals: readonly unknown[] }) {
    this.requests.push({ what: 'renew', request });
    return { results: request.renewals.map(() => 'renewed' as const), incarnation: this.incarnation };
  }

  async importLines(lines: readonly ExportLine[], _caller?: unknown, { dryRun = false }: ImportOptions = {}) {
    const { revision, incarnation } = await this.#change(dryRun ? 'dry run' : 'import', lines);
    if (!dryRun) this.lines.push(...lines);
    const difference = { added: [], changed: [], removed: [], unchanged: [], waiting: [] };
    return { entries: lines.length, revision, incarnation, dryRun, ...difference };
  }

  watch(options: WatchOptions) {
    for (const glob of options.globs) parseGlob(glob);
    const watch: FakeWatch = { ...options, edits: [], resyncs: [], isClosed: false };
    this.watches.push(watch);
    const globs = new Set(options.globs);
    queueMicrotask(() => {
      watch.onEvent(
        {
          type: 'open',
          statedAt: 1_000,
          watch: options.id,
          resumed: options.since !== undefined,
          heartbeatMs: 5_000,
          incarnation: this.incarnation,
        },
        String(this.revision),
        this.position,
      );
      this.emit({ type: 'current', globs: options.globs }, watch);
    });
    return {
      get globBytes() {
        let bytes = 0;
        for (const glob of globs) bytes += glob.length;
        return bytes;
      },
      edit: (add: readonly string[], remove: readonly string[]) => {
        for (const glob of add) parseGlob(glob);
        for (const glob of remove) globs.delete(glob);
        for (const glob of add) globs.add(glob);
        watch.edits.push({ add, remove });
      },
      resync: (reason: string) => {
        watch.resyncs.push(reason);
        queueMicrotask(() => {
          this.emit({ type: 'resync', reason }, watch);
          this.emit({ type: 'current', globs: options.globs }, watch);
        });
      },
      close: () => void (watch.isClosed = true),
    };
  }

  /** Sends an event to the newest watch, or to the given one. */
  emit(event: WatchEvent, watch = this.watches.at(-1)): void {
    if (watch?.isClosed === false) watch.onEvent(event, String(this.revision), this.position);
  }

  get position(): string {
    return `${this.incarnation}:${String(this.revision)}:m`;
  }

  /** The positions that clients have returned. */
  readonly returned: string[] = [];
  /** Settles the next check of positions; undefined for no loss. */
  newIncarnation: Promise<void> | undefined;

  checkPositions(positions: string): Promise<void> | undefined {
    this.returned.push(positions);
    return this.newIncarnation;
  }

  onRegistered = () => () => undefined;
  onUnreachable = () => () => undefined;
  onStoreFailed = () => () => undefined;
  onActivity = () => () => undefined;
  isSuspect = () => false;
  launches = {
    all: () => [],
    isStartingElsewhere: () => false,
    recordIntent: () => Promise.reject(new Error('not here')),
    update: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  };
  formerNames = () => [];
  launchRule = (name: string) => ({ canonical: name, rule: undefined });
  close = () => Promise.resolve();

  #at() {
    return { revision: String(this.revision), incarnation: this.incarnation };
  }

  async #change(what: string, request: unknown, by?: string): Promise<ChangeResponse> {
    await this.gate;
    if (this.nextError !== undefined) throw this.nextError;
    this.requests.push({ what, request, ...(by !== undefined && { by }) });
    this.revision += 1;
    return { ...this.#at(), appliesInMs: 0 };
  }
}
