import type { KeyPin } from '../core/key-pin.js';
import type { RegistryStatement } from '../core/registry-pins.js';

/**
 * What the registries of this process have stated, for `authenticate`, which asks no registry itself. A statement
 * replaces the earlier statements of the same registry.
 *
 * @see [Decision 096](../../docs/decisions/096-incarnation-of-the-registration.md)
 */
export class KnownRegistries {
  readonly #byKey = new Map<KeyPin, RegistryStatement>();
  #version = 0;

  /** Rises with each statement. */
  get version(): number {
    return this.#version;
  }

  /** @param statement - of a registry that has proved one of the keys */
  update(statement: RegistryStatement): void {
    const replaced = new Set(statement.keys.map((key) => this.#byKey.get(key)));
    for (const [key, earlier] of this.#byKey) if (replaced.has(earlier)) this.#byKey.set(key, statement);
    for (const key of statement.keys) this.#byKey.set(key, statement);
    this.#version++;
  }

  /** Returns the present keys of the registries with these keys. A key of an unknown registry stays. */
  presentKeys(pins: readonly KeyPin[]): readonly KeyPin[] {
    return [...new Set(pins.flatMap((pin) => this.#byKey.get(pin)?.keys ?? [pin]))];
  }

  /**
   * Whether a ticket of this incarnation is older than the incarnation in which the registry of this process runs.
   * False for a registry that is not known.
   */
  isOutdated(incarnation: string, issuer: KeyPin): boolean {
    const known = this.#byKey.get(issuer)?.incarnation ?? '';
    return incarnation < known;
  }
}
