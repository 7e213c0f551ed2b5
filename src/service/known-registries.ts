import type { KeyPin } from '../core/key-pin.js';
import type { RegistryStatement } from '../core/registry-pins.js';

interface KnownRegistry {
  keys: readonly KeyPin[];
  statedIncarnation: string;
  /** The incarnation that has accepted a registration of this process; empty before that. */
  incarnation: string;
}

/** Maximum number of moves that are followed, because names may move in a circle. */
const maxMoves = 64;

/**
 * The keys, incarnations and moves that the registries of this process have stated. `authenticate` verifies tickets
 * with them.
 *
 * @see [Decision 096](../../docs/decisions/096-incarnation-of-the-registration.md)
 */
export class KnownRegistries {
  /** The registries by their present and former keys. */
  readonly #byKey = new Map<KeyPin, KnownRegistry>();
  /** The names to which the registries have moved the services of this process, by the former names. */
  readonly #moved = new Map<string, string>();
  readonly #moveSources = new Set<() => Promise<void>>();
  #version = 0;

  /** Rises with each change after which a ticket must be verified again. */
  get version(): number {
    return this.#version;
  }

  /** @param statement - of a registry that has proved one of the keys in the statement */
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
   * Called when a registry has accepted or renewed a registration. From then on, clients can get tickets of the
   * present incarnation of the registry, so older tickets are outdated. Before the registration, a registry that has
   * lost its data may not know the service, so clients may have only older tickets.
   */
  confirm(pins: readonly KeyPin[]): void {
    for (const pin of pins) {
      const registry = this.#byKey.get(pin);
      if (registry === undefined || registry.incarnation === registry.statedIncarnation) continue;
      registry.incarnation = registry.statedIncarnation;
      this.#version++;
    }
  }

  addMove(from: string, to: string): void {
    this.#moved.set(from, to);
    this.#version++;
  }

  /**
   * Adds a registry that can be asked for the present names of services of this process. Returns a function that
   * removes the registry.
   *
   * @param ask - calls {@link KnownRegistries.addMove} for each move that the registry states; never rejects
   */
  addMoveSource(ask: () => Promise<void>): () => void {
    const source = (): Promise<void> => ask();
    this.#moveSources.add(source);
    return () => void this.#moveSources.delete(source);
  }

  /** Resolves when the registries have been asked for the present names of the services of this process. */
  async learnMoves(): Promise<void> {
    await Promise.all([...this.#moveSources].map((ask) => ask()));
  }

  /** Whether a service of this process was moved from one name to the other. */
  isMovedTo(from: string, name: string): boolean {
    let current = this.#moved.get(from);
    for (let moves = 0; current !== undefined && moves < maxMoves; moves++) {
      if (current === name) return true;
      current = this.#moved.get(current);
    }
    return false;
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
