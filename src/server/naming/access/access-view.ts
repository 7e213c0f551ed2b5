import type { NamingView } from '../state/naming-view.js';
import type { AccessView } from './evaluate-access.js';

/** A group counts only under its own name: links are not followed. */
export function accessViewOf(view: NamingView): AccessView {
  return {
    triplesIn: (directory) => view.identities.triplesIn(directory),
    membersOf: (name) => {
      const entry = view.entry(name);
      return entry?.kind === 'group' ? entry.members : undefined;
    },
  };
}
