import type { RegistryConnection } from './connection.js';

/** Warns once when the configured servers of a client belong to different registries. */
export class IncarnationCheck {
  readonly #warn: (message: string) => void;
  /** The last incarnation that each server has stated. */
  readonly #stated = new Map<RegistryConnection, string>();
  #hasWarned = false;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** @param incarnation - the incarnation that a configured server has stated; empty if the server has stated none */
  note(connection: RegistryConnection, incarnation: string): void {
    const before = this.#stated.get(connection);
    if (before === incarnation || incarnation === '') return;
    this.#stated.set(connection, incarnation);
    // A server that stated another incarnation before belongs to a registry that was restored. Do not warn.
    if (before !== undefined || this.#hasWarned) return;
    for (const [{ url }, other] of this.#stated) {
      if (other === incarnation) continue;
      this.#hasWarned = true;
      this.#warn(
        `The registry servers at ${url} and ${connection.url} state different incarnations, ${other} and ${incarnation}. Either they belong to different registries, or the registry was restored between the two responses. One list of URLs must contain only servers of one database; to use several registries, pass each one to firstOf() or union()`,
      );
      return;
    }
  }
}
