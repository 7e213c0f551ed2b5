export interface GenerationLimits {
  /** Maximum number of values of one generation. */
  readonly maxEntries: number;
  /** Maximum size of one generation, in bytes. A larger value is not cached. */
  readonly maxBytes: number;
}

interface SizedValue<Value> {
  readonly value: Value;
  readonly bytes: number;
}

/**
 * A cache of recently used values with a size limit in bytes. It consists of a recent and a previous generation, so
 * its maximum is twice the limits of a generation. A value that is used moves to the recent generation. When the
 * recent generation is full, it replaces the previous one, whose values are dropped.
 */
export class GenerationCache<Value> {
  readonly #limits: GenerationLimits;
  #recent = new Map<string, SizedValue<Value>>();
  #previous = new Map<string, SizedValue<Value>>();
  #recentBytes = 0;

  constructor(limits: GenerationLimits) {
    this.#limits = limits;
  }

  get(key: string): Value | undefined {
    const recent = this.#recent.get(key);
    if (recent !== undefined) return recent.value;
    const previous = this.#previous.get(key);
    if (previous === undefined) return undefined;
    this.#previous.delete(key);
    this.set(key, previous.value, previous.bytes);
    return previous.value;
  }

  /** @param bytes - memory of the value, in bytes */
  set(key: string, value: Value, bytes: number): void {
    this.delete(key);
    const { maxEntries, maxBytes } = this.#limits;
    if (bytes > maxBytes) return;
    if (this.#recent.size >= maxEntries || this.#recentBytes + bytes > maxBytes) {
      this.#previous = this.#recent;
      this.#recent = new Map();
      this.#recentBytes = 0;
    }
    this.#recent.set(key, { value, bytes });
    this.#recentBytes += bytes;
  }

  delete(key: string): void {
    const recent = this.#recent.get(key);
    if (recent !== undefined) {
      this.#recentBytes -= recent.bytes;
      this.#recent.delete(key);
    } else this.#previous.delete(key);
  }

  clear(): void {
    this.#recent.clear();
    this.#previous.clear();
    this.#recentBytes = 0;
  }
}
