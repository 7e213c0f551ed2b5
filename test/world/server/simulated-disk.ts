import type { FakeRuntime } from 'binding-clerk/testing';
import type { RecordChange, Store } from '../../../src/server/ports.js';
import type { RandomStream } from '../random-stream.js';
import type { CoverageMark } from '../coverage.js';
import type { SimulatedProcess } from './simulated-process.js';

export interface SimulatedDiskOptions {
  readonly runtime: FakeRuntime;
  readonly random: RandomStream;
  readonly mark: (mark: CoverageMark) => void;
  readonly log: (line: string) => void;
  /** These changes are durable and about to be acknowledged, or were read at a start. */
  readonly onDurable: (changes: readonly RecordChange[]) => void;
  /** A slow write lasted from then until now. */
  readonly onSlow: (from: number) => void;
  readonly onFailed: () => void;
}

/**
 * The disk of the server. A write is durable once it is synced, which takes time and may fail. A kill loses unsynced writes; a
 * write that was synced and not acknowledged is read at the next start.
 */
export class SimulatedDisk {
  /** Additional write time, in ms. */
  slowMs = 0;
  /** Writes fail. */
  isFailing = false;
  /** Called during the next write. */
  onNextWrite: (() => void) | undefined;
  readonly #options: SimulatedDiskOptions;
  readonly #records = new Map<string, string>();
  /** Synced writes that were not acknowledged. */
  #unacknowledged: (readonly RecordChange[])[] = [];
  #crash: () => void = () => undefined;

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
  }

  /** The store of one server instance. */
  open(process: SimulatedProcess): Store {
    return {
      load: () =>
        new Promise((resolve) => {
          process.setTimer(
            () => {
              for (const changes of this.#unacknowledged.splice(0)) this.#options.onDurable(changes);
              resolve(new Map(this.#records));
            },
            this.#options.random.between(1, 30),
          );
        }),
      write: (changes) => this.#write(process, changes),
      close: async () => undefined,
    };
  }

  /** The server was killed. */
  crash(): void {
    this.#crash();
    this.#crash = () => undefined;
  }

  #write(process: SimulatedProcess, changes: readonly RecordChange[]): Promise<void> {
    const { runtime, random, mark, log, onDurable, onSlow, onFailed } = this.#options;
    const ms = random.between(0.1, 3) + this.slowMs * random.uniform();
    const isFailing = this.isFailing;
    const from = runtime.now();
    if (this.slowMs > 0) mark('fault:registry-slow');
    let isSynced = false;
    const interrupt = this.onNextWrite;
    this.onNextWrite = undefined;
    if (interrupt) runtime.setTimer(interrupt, ms * random.uniform());
    const sync = runtime.setTimer(() => {
      // A failing write may or may not be durable.
      if (isFailing && random.chance(0.7)) return;
      isSynced = true;
      for (const { key, value } of changes)
        if (value === undefined) this.#records.delete(key);
        else this.#records.set(key, value);
    }, ms * random.uniform());
    this.#crash = () => {
      sync.cancel();
      mark(isSynced ? 'synced-unacknowledged' : 'unsynced-lost');
      log(`the write in flight is ${isSynced ? 'durable' : 'lost'}`);
      if (isSynced) this.#unacknowledged.push(changes);
    };
    return new Promise((resolve, reject) => {
      process.setTimer(() => {
        this.#crash = () => undefined;
        if (ms > 50) onSlow(from);
        if (!isFailing) {
          onDurable(changes);
          resolve();
          return;
        }
        if (isSynced) this.#unacknowledged.push(changes);
        log('the write fails');
        onFailed();
        reject(Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' }));
      }, ms);
    });
  }
}
