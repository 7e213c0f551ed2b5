import type { KeyPin } from '../core/key-pin.js';
import type { RegistryStatement } from '../core/registry-pins.js';

interface KnownRegistry {
  keys: readonly KeyPin[];
  statedIncarnation: string;
  /** The incarnation that has accepted a registration of this process; empty before that. */
  incarnation: string;
}

/**
 * What the registries of this process have stated, for `authenticate`, which asks no registry itself.
 *
 * @see [Decision 096](../../docs/decisions/096-incarnation-of-the-registration.md)
 */
export class KnownRegistries {
  /** By present and former keys. */
  readonly #byKey = new Map<KeyPin, KnownRegistry>();
  #version = 0;

  /** Rises with each change that can alter another result. */
  get version(): number {
    return this.#version;
  }

  /** @param statement - of a registry that has proved one of the keys */
  update({ keys, incarnation }: RegistryStatement): void {
    const known = keys.map((key) => this.#byKey.get(key)).find((each) => each !== undefined);
    const registry = known ?? { keys: [], statedIncarnation: '', incarnation: '' };
    registry.statedIncarnation = incarnation;
    if (registry.keys.join() === keys.join()) return;
    registry.keys = keys;
    for (const key of keys) this.#byKey.set(key, registry);
    this.#version++;
  }

  /**
   * Called when a registry has accepted or renewed a registration. Clients can get tickets of its incarnation from then
   * on: before, a registry that has lost its data may not know the service.
   */
  confirm(pins: readonly KeyPin[]): void {
    for (const pin of pins) {
      const registry = this.#byKey.get(pin);
      if (registry === undefined || registry.incarnation === registry.statedIncarnation) continue;
      registry.incarnation = registry.statedIncarnation;
      this.#version++;
    }
  }

  /** Replaces each key of a known registry by the present keys of the registry. Other keys are returned unchanged. */
  presentKeys(pins: readonly KeyPin[]): readonly KeyPin[] {
    return [...new Set(pins.flatMap((pin) => this.#byKey.get(pin)?.keys ?? [pin]))];
  }

  /**
   * Whether a ticket of this incarnation is older than the incarnation that has accepted the registration of this
   * process. False for a registry that is not known.
   */
  isOutdated(incarnation: string, issuer: KeyPin): boolean {
    const known = this.#byKey.get(issuer)?.incarnation ?? '';
    return incarnation < known;
  }
}
