import type { KeyPin } from '../../../core/key-pin.js';
import type { LaunchRecord } from '../../ports.js';

/** The launch records, by service and instance, and by the key of the instance. */
export class LaunchIndex {
  readonly #byInstance = new Map<string, LaunchRecord>();
  readonly #byKey = new Map<KeyPin, LaunchRecord>();

  get(name: string, instance: string): LaunchRecord | undefined {
    return this.#byInstance.get(indexKey(name, instance));
  }

  ofKey(pin: KeyPin): LaunchRecord | undefined {
    return this.#byKey.get(pin);
  }

  values(): Iterable<LaunchRecord> {
    return this.#byInstance.values();
  }

  /** @param record - undefined removes the record */
  set(name: string, instance: string, record: LaunchRecord | undefined): void {
    const key = indexKey(name, instance);
    const before = this.#byInstance.get(key);
    if (before?.key !== undefined) this.#byKey.delete(before.key);
    if (record === undefined) this.#byInstance.delete(key);
    else this.#byInstance.set(key, record);
    if (record?.key !== undefined) this.#byKey.set(record.key, record);
  }
}

function indexKey(name: string, instance: string): string {
  return `${name} ${instance}`;
}
