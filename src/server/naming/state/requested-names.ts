import type { Registration } from './name-entry.js';

/**
 * Index of the registrations whose service sends a name that differs from the name of the entry. After a move, a
 * service sends its old name until a response has shown the new name.
 */
export class RequestedNames {
  readonly #registrations = new Map<string, Registration>();

  find(requestedName: string, id: string): Registration | undefined {
    return this.#registrations.get(keyOf(requestedName, id));
  }

  add(registration: Registration): void {
    const { requestedName, id, entry } = registration;
    if (requestedName === undefined || requestedName === entry.name) return;
    this.#registrations.set(keyOf(requestedName, id), registration);
  }

  delete(registration: Registration): void {
    const { requestedName, id } = registration;
    if (requestedName === undefined || this.#registrations.size === 0) return;
    const key = keyOf(requestedName, id);
    if (this.#registrations.get(key) === registration) this.#registrations.delete(key);
  }
}

function keyOf(requestedName: string, id: string): string {
  return `${requestedName} ${id}`;
}
