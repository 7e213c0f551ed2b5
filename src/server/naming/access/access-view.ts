import type { NamingView } from '../state/naming-view.js';
import { followMoves } from '../state/resolve-links.js';
import type { AccessView } from './evaluate-access.js';

/** Returns the rights and groups of a registry. A link to a group does not count as a group. */
export function accessViewOf(view: NamingView): AccessView {
  return {
    triplesIn: (directory) => view.identities.triplesIn(directory),
    membersOf: (name) => {
      const entry = view.entry(name);
      return entry?.kind === 'group' ? entry.members : undefined;
    },
    presentName: (name) => followMoves(view, name),
  };
}
