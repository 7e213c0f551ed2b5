import type { KeyPin } from './key-pin.js';

/** What a registry has stated on a connection on which it has proved a pinned key. */
export interface RegistryStatement {
  /** The keys that the registry announces, the present key first. */
  readonly keys: readonly KeyPin[];
  readonly incarnation: string;
}

/**
 * The accepted keys of one registry: the keys that the registry announced last, or the configured pins before an
 * announcement. An announcement applies only while the configured pins are unchanged. @see
 * [T10](../../docs/background.md#t10)
 */
export class RegistryPins {
  readonly #stated: () => readonly KeyPin[];
  #announced: { readonly inPlaceOf: string; readonly keys: readonly KeyPin[] } | undefined;

  /** @param stated - returns the configured pins, from the program, its environment or its identity; may change */
  constructor(stated: () => readonly KeyPin[]) {
    this.#stated = stated;
  }

  get present(): readonly KeyPin[] {
    const stated = this.#stated();
    const announced = this.#announced;
    return announced?.inPlaceOf === stated.join(' ') ? announced.keys : stated;
  }

  /** Ignores an announcement that contains no accepted key. Returns whether the accepted keys have changed. */
  learn(keys: readonly KeyPin[]): boolean {
    const before = this.present;
    if (!keys.some((key) => before.includes(key)) || keys.join(' ') === before.join(' ')) return false;
    this.#announced = { inPlaceOf: this.#stated().join(' '), keys: Object.freeze([...keys]) };
    return true;
  }
}
