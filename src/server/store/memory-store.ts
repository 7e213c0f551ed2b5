import type { RecordChange, Store } from '../ports.js';
import { StoreLifecycle } from './store-lifecycle.js';

/**
 * A store in memory, for tests and embedded servers.
 *
 * @param records - the stored records. Another store can load the same map later. Default: an empty store that
 *   discards writes.
 */
export function memoryStore(records?: Map<string, string>): Store {
  return new MemoryStore(records);
}

class MemoryStore implements Store {
  readonly #records: Map<string, string> | undefined;
  readonly #lifecycle = new StoreLifecycle('The store in memory');

  constructor(records: Map<string, string> | undefined) {
    this.#records = records;
  }

  async load(): Promise<ReadonlyMap<string, string>> {
    this.#lifecycle.beginLoad();
    return new Map(this.#records);
  }

  async write(changes: readonly RecordChange[]): Promise<void> {
    const endWrite = this.#lifecycle.beginWrite();
    try {
      if (this.#records !== undefined)
        for (const { key, value } of changes) {
          if (value === undefined) this.#records.delete(key);
          else this.#records.set(key, value);
        }
    } finally {
      endWrite();
    }
  }

  async recover(): Promise<void> {
    // There is nothing to recover: a write that fails has changed nothing.
  }

  async close(): Promise<void> {
    this.#lifecycle.close();
  }
}
