/**
 * The disk under the server: a write is safe only when it is synced, which takes its time and may fail. What was not
 * synced when the server is killed is lost; what was synced and never acknowledged is found by the next server.
 */
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
  /** The server is about to be told that this is safe, or has read it when it was started. */
  readonly onDurable: (changes: readonly RecordChange[]) => void;
  /** A write took longer than it should, from then until now. */
  readonly onSlow: (from: number) => void;
  readonly onFailed: () => void;
}

export class SimulatedDisk {
  /** Extra time for a write, in ms. */
  slowMs = 0;
  /** Writes fail. */
  isFailing = false;
  /** Called in the midst of the next write. */
  onNextWrite: (() => void) | undefined;
  readonly #options: SimulatedDiskOptions;
  readonly #records = new Map<string, string>();
  /** Synced, and no server was told. */
  #unacknowledged: (readonly RecordChange[])[] = [];
  #crash: () => void = () => undefined;

  constructor(options: SimulatedDiskOptions) {
    this.#options = options;
  }

  /** The disk as one life of the server uses it. */
  open(machine: SimulatedProcess): Store {
    return {
      load: () =>
        new Promise((resolve) => {
          machine.setTimer(
            () => {
              for (const changes of this.#unacknowledged.splice(0)) this.#options.onDurable(changes);
              resolve(new Map(this.#records));
            },
            this.#options.random.between(1, 30),
          );
        }),
      write: (changes) => this.#write(machine, changes),
      close: async () => undefined,
    };
  }

  /** The server is gone, and the power with it. */
  crash(): void {
    this.#crash();
    this.#crash = () => undefined;
  }

  #write(machine: SimulatedProcess, changes: readonly RecordChange[]): Promise<void> {
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
      // Of a write that fails nobody can say what of it is there.
      if (isFailing && random.chance(0.7)) return;
      isSynced = true;
      for (const { key, value } of changes)
        if (value === undefined) this.#records.delete(key);
        else this.#records.set(key, value);
    }, ms * random.uniform());
    this.#crash = () => {
      sync.cancel();
      mark(isSynced ? 'synced-untold' : 'unsynced-lost');
      log(`the write under way is ${isSynced ? 'safe' : 'lost'}`);
      if (isSynced) this.#unacknowledged.push(changes);
    };
    return new Promise((resolve, reject) => {
      machine.setTimer(() => {
        this.#crash = () => undefined;
        if (ms > 50) onSlow(from);
        if (!isFailing) {
          onDurable(changes);
          resolve();
          return;
        }
        if (isSynced) this.#unacknowledged.push(changes);
        log('the disk fails');
        onFailed();
        reject(Object.assign(new Error('EIO: i/o error, write'), { code: 'EIO' }));
      }, ms);
    });
  }
}
