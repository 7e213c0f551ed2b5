import type { WatchEvent } from '../../../protocol/watch-messages.js';
import type { NameVisibility } from '../../ports.js';

type NameEvent = Extract<WatchEvent, { readonly type: 'put' | 'delete' }>;

/**
 * Hides events about exact names whose links lead to a name that the caller may not see. The caller gets the events of a
 * link to an absent name: a `delete` when the link led to a visible name before, and otherwise nothing.
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

  /** @param event - about an exact name of the watch, which is visible */
  filter(event: NameEvent): WatchEvent | undefined {
    if (this.#isVisible === undefined) return event;
    if (event.type === 'put' && 'canonical' in event.entry && this.#isVisible(event.entry.canonical)) {
      this.#shown.add(event.name);
      return event;
    }
    return this.#shown.delete(event.name) ? { type: 'delete', name: event.name } : undefined;
  }

  /** The client has forgotten the name. */
  forget(name: string): void {
    this.#shown.delete(name);
  }

  forgetAll(): void {
    this.#shown.clear();
  }
}
