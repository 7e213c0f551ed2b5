import type { WatchEvent } from '../../../protocol/watch-messages.js';
import type { NameVisibility } from '../../ports.js';

type NameEvent = Extract<WatchEvent, { readonly type: 'put' | 'delete' }>;

/**
 * Filters the events of exact names whose links lead to a name that the caller may not see. For the caller, such a
 * target does not exist. The caller receives a `delete` if the target was visible before, and otherwise no event.
 *
 * @see [C7.4](../../../../docs/guarantees.md#c7-4)
 */
export class VisibleEvents {
  readonly #isVisible: NameVisibility | undefined;
  /** Exact names whose last event was a `put`. Empty if every name is visible. */
  readonly #shown = new Set<string>();

  constructor(isVisible: NameVisibility | undefined) {
    this.#isVisible = isVisible;
  }

  /** @param event - event of an exact name of the watch; the name itself is visible */
  filter(event: NameEvent): WatchEvent | undefined {
    if (this.#isVisible === undefined) return event;
    if (event.type === 'put' && 'canonical' in event.entry && this.#isVisible(event.entry.canonical)) {
      this.#shown.add(event.name);
      return event;
    }
    return this.#shown.delete(event.name) ? { type: 'delete', name: event.name } : undefined;
  }

  /** Called when the client no longer watches the name. */
  forget(name: string): void {
    this.#shown.delete(name);
  }

  forgetAll(): void {
    this.#shown.clear();
  }
}
