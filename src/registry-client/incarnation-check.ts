import type { RegistryConnection } from './connection.js';

/** Warns once when the configured servers of a client belong to different registries. */
export class IncarnationCheck {
  readonly #warn: (message: string) => void;
  /** The last statement of each server. */
  readonly #stated = new Map<RegistryConnection, string>();
  #hasWarned = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** @param incarnation - what a configured server has stated; empty if it has stated nothing */
  note(connection: RegistryConnection, incarnation: string): void {
    const before = this.#stated.get(connection);
    if (before === incarnation || incarnation === '') return;
    this.#stated.set(connection, incarnation);
    // A server that had another incarnation before has followed its registry to a new one.
    if (before !== undefined || this.#hasWarned) return;
    for (const [{ url }, other] of this.#stated) {
      if (other === incarnation) continue;
      this.#hasWarned = true;
      this.#warn(
        `The registry servers at ${url} and ${connection.url} state different incarnations, ${other} and ${incarnation}: they belong to different registries, or the registry was restored meanwhile; list only servers of one database, and combine registries with firstOf() or union()`,
      );
      return;
    }
  }
}
