import type { Clock } from '../../../src/core/clock.js';
import { ClerkError } from '../../../src/core/errors.js';
import { emptyLog, type LogBatch, type LogPoint, type SharedLog } from '../../../src/server/shared-log.js';

/** What happens to one call: it fails before or after its effect, or takes longer. */
export type EngineFault = 'none' | 'lost-request' | 'lost-response';

export interface StoreOptions {
  readonly clock: Pick<Clock, 'now' | 'setTimer'>;
  /** Duration of each way of a call, in ms. Default 0. */
  readonly delayMs?: (operation: string) => number;
  /** Asked for each call. Default: no fault. */
  readonly fault?: (operation: string, server: string) => EngineFault;
  /** A call that gets no response rejects after this time, in ms. Default 1,000. */
  readonly timeoutMs?: number;
  /** Runs what a server does when a response or a hint arrives. Default: at once. */
  readonly deliver?: (server: string, run: () => void) => void;
  /** Called after each append. */
  readonly onAppended?: (batch: LogBatch, server: string) => void;
  /** Batches that one call returns at most. Default 3, so that readers need several calls. */
  readonly maxBatches?: number;
}

interface Snapshot extends LogPoint {
  readonly parts: readonly string[];
}

/**
 * A linearizable engine in memory. Each server has its own connection to it. Both ways of a call take time, and both
 * can be cut, so a call without a response may have had its effect, or may have it later.
 */
export class SimulatedEngine {
  readonly #options: StoreOptions;
  readonly #hints = new Map<() => void, string>();
  readonly #sessions = new Map<string, { readonly server: string; readonly ttlMs: number; endsAt: number }>();
  readonly #cut = new Set<string>();
  #batches: LogBatch[] = [];
  #dropped: LogPoint = emptyLog;
  #snapshot: Snapshot | undefined;
  /** Whether no server reaches the engine. */
  isAway = false;
  /** Whether no hint is sent. */
  isSilent = false;
  /** Duration of each way of a call without the option `delayMs`, in ms. */
  delayMs = 0;
  appends = 0;
  conflicts = 0;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  /** All batches that were not dropped. */
  get batches(): readonly LogBatch[] {
    return this.#batches;
  }

  get point(): LogPoint {
    return this.#batches.at(-1) ?? this.#dropped;
  }

  /** From now on, this server reaches the engine no more, until it is called with `false`. */
  cut(server: string, isCut = true): void {
    if (isCut) this.#cut.add(server);
    else this.#cut.delete(server);
  }

  isReachable(server: string): boolean {
    return !this.isAway && !this.#cut.has(server);
  }

  /** Ends the sessions of a server at once, as an engine may do. */
  endSessions(server: string): void {
    for (const [id, session] of this.#sessions) if (session.server === server) this.#sessions.delete(id);
  }

  /** Restores the log to an earlier position, as from a backup. Needs all batches since then. */
  restore(position: number): void {
    this.#batches = this.#batches.filter((batch) => batch.position <= position);
    if (this.#snapshot !== undefined && this.#snapshot.position > position) this.#snapshot = undefined;
  }

  connect(server: string): SharedLog {
    const call = <T>(operation: string, effect: () => T): Promise<T> => this.#call(server, operation, effect);
    return {
      subject: 'the simulated engine',
      open: () => call('open', () => undefined),
      readSnapshot: () =>
        call('readSnapshot', () => {
          const found = this.#snapshot;
          if (found === undefined) return undefined;
          const { position, id, parts } = found;
          return { position, id, parts: iterate(parts) };
        }),
      readAfter: (position) => call('readAfter', () => this.#readAfter(position)),
      head: () => call('head', () => this.#headOf()),
      append: (after, id, content) => call('append', () => this.#append(server, after, id, content)),
      onHint: (listener) => {
        this.#hints.set(listener, server);
        return () => void this.#hints.delete(listener);
      },
      saveSnapshot: (point, parts, dropUpTo) => {
        const list = [...parts];
        return call('saveSnapshot', () => this.#save(point, list, dropUpTo));
      },
      openSession: async (id, ttlMs) => {
        const now = (): number => this.#options.clock.now();
        await call(
          'openSession',
          () => void this.#sessions.set(id, { server, ttlMs, endsAt: now() + ttlMs }),
        );
        return {
          renew: () =>
            call('renewSession', () => {
              this.#endSessions();
              const session = this.#sessions.get(id);
              if (session !== undefined) session.endsAt = now() + ttlMs;
              return session !== undefined;
            }),
          close: () => call('closeSession', () => void this.#sessions.delete(id)),
        };
      },
      sessions: () =>
        call('sessions', () => {
          this.#endSessions();
          return new Set(this.#sessions.keys());
        }),
      close: () => Promise.resolve(),
    };
  }

  #headOf(): LogPoint {
    const { position, id } = this.point;
    return { position, id };
  }

  #readAfter(position: number): readonly LogBatch[] | 'compacted' {
    if (position < this.#dropped.position) return 'compacted';
    return this.#batches.filter((batch) => batch.position > position).slice(0, this.#options.maxBatches ?? 3);
  }

  #append(server: string, after: LogPoint, id: string, content: string): 'appended' | 'conflict' {
    const head = this.point;
    if (head.position !== after.position || head.id !== after.id) {
      this.conflicts++;
      return 'conflict';
    }
    const batch = { position: head.position + 1, id, content };
    this.#batches.push(batch);
    this.appends++;
    this.#options.onAppended?.(batch, server);
    if (!this.isSilent)
      for (const [listener, hinted] of [...this.#hints])
        this.#later('hint', () => {
          if (this.isReachable(hinted) && this.#hints.has(listener)) this.#deliver(hinted, listener);
        });
    return 'appended';
  }

  #save({ position, id }: LogPoint, parts: readonly string[], dropUpTo: number): void {
    if (this.#snapshot !== undefined && this.#snapshot.position >= position) return;
    this.#snapshot = { position, id, parts };
    const dropped = this.#batches.filter((batch) => batch.position <= Math.min(position, dropUpTo));
    this.#dropped = dropped.at(-1) ?? this.#dropped;
    this.#batches = this.#batches.slice(dropped.length);
  }

  #endSessions(): void {
    const now = this.#options.clock.now();

    for (const [id, { endsAt }] of this.#sessions) if (endsAt <= now) this.#sessions.delete(id);
  }

  #call<T>(server: string, operation: string, effect: () => T): Promise<T> {
    const { fault, timeoutMs = 1_000, clock } = this.#options;
    const found = fault?.(operation, server) ?? 'none';
    return new Promise<T>((resolve, reject) => {
      const timer = clock.setTimer(
        () => this.#deliver(server, () => reject(unreachable(operation))),
        timeoutMs,
      );
      const settle = (run: () => void): void => {
        timer.cancel();
        this.#deliver(server, run);
      };
      this.#later(operation, () => {
        if (found === 'lost-request' || !this.isReachable(server)) return;
        let result: T;
        try {
          result = effect();
        } catch (error) {
          settle(() => reject(error));
          return;
        }
        this.#later(operation, () => {
          if (found === 'lost-response' || !this.isReachable(server)) return;
          settle(() => resolve(result));
        });
      });
    });
  }

  #deliver(server: string, run: () => void): void {
    const { deliver } = this.#options;
    if (deliver === undefined) run();
    else deliver(server, run);
  }

  #later(operation: string, run: () => void): void {
    const { delayMs, clock } = this.#options;
    const ms = delayMs?.(operation) ?? this.delayMs;
    if (ms === 0) queueMicrotask(run);
    else clock.setTimer(run, ms);
  }
}

function unreachable(operation: string): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The simulated engine has not answered (${operation}); end the fault of the test`,
  );
}

async function* iterate(parts: readonly string[]): AsyncIterable<string> {
  for (const part of parts) yield part;
}
