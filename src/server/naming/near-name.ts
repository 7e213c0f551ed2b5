import { nearestText } from '../../core/nearest-text.js';
import { segmentsOf } from '../../core/name.js';
import type { NameVisibility } from '../ports.js';
import { endOfSubtree } from './state/ordered-names.js';
import type { NamingState } from './state/naming-state.js';

/** Maximum number of names that are read at each level. */
const maxCompared = 200;

/**
 * Returns a similar existing name, for the suggestion in an error. Each segment that does not exist is replaced by the
 * most similar segment at its level. Returns undefined when there is no similar name that the client may see.
 */
export function nearName(state: NamingState, name: string, isVisible?: NameVisibility): string | undefined {
  if (name.startsWith('/#')) return undefined;
  let current = '';
  for (const segment of segmentsOf(name)) {
    const siblings = siblingsIn(state, current, isVisible);
    const found = siblings.includes(segment) ? segment : nearestText(segment, siblings);
    if (found === undefined) return undefined;
    current += `/${found}`;
  }
  return current !== name && state.entries.has(current) && isVisible?.(current) !== false
    ? current
    : undefined;
}

/** Returns the visible segments directly below a name. A segment may have no entry, and only names below it. */
function siblingsIn(
  state: NamingState,
  directory: string,
  isVisible: NameVisibility | undefined,
): readonly string[] {
  const found: string[] = [];
  let start = `${directory}/`;
  let isHidden = false;
  for (let read = 0; read < maxCompared; read++) {
    const [name] = state.names.from(start, isHidden);
    if (name === undefined || !name.startsWith(`${directory}/`)) break;
    const [segment = ''] = segmentsOf(name.slice(directory.length));
    // If this name is hidden, a later name in the same directory may be visible.
    isHidden = isVisible?.(name) === false;
    if (!isHidden) found.push(segment);
    start = isHidden ? name : endOfSubtree(`${directory}/${segment}`);
  }
  return found;
}
