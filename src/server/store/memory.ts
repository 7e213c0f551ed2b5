/**
 * A store that nobody can take with them: for tests and embedded servers. The names hold all their records in memory
 * anyway, so it keeps none of them a second time unless it is given a map to keep them in, which the next server can
 * be started from.
 */
import type { RecordChange, Store } from '../ports.js';
import { Turns } from './turns.js';

/**
 * A store in memory.
 *
 * @param kept - where records are kept, and were kept before. Default: they are not.
 */
export function memoryStore(kept?: Map<string, string>): Store {
  return new MemoryStore(kept);
}

class MemoryStore implements Store {
  readonly #kept: Map<string, string> | undefined;
  readonly #turns = new Turns('The store in memory');

  constructor(kept: Map<string, string> | undefined) {
    this.#kept = kept;
  }

  async load(): Promise<ReadonlyMap<string, string>> {
    this.#turns.load();
    return new Map(this.#kept);
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    const done = this.#turns.write();
    try {
      if (this.#kept !== undefined)
        for (const { key, value } of changes) {
          if (value === undefined) this.#kept.delete(key);
          else this.#kept.set(key, value);
        }
    } finally {
      done();
    }
  }

  async close(): Promise<void> {
    this.#turns.close();
  }
}
