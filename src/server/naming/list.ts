import type { ListEntry } from '../../core/registry.js';
import type { ListResponse } from '../../protocol/lookup-messages.js';
import type { ScheduledChange } from '../../core/registry.js';
import type { NameVisibility } from '../ports.js';
import { visibleHealth } from './health/visible-health.js';
import { parseRootedGlob, scanNames } from './matching-names.js';
import type { ScheduledChangeList } from './scheduled-change-list.js';
import type { NamingState } from './state/naming-state.js';

/** Maximum number of names that are read for one page, so that a page does not block the event loop. */
const maxStepsPerPage = 2_000;

interface ListOptions {
  readonly glob: string;
  readonly after: string | undefined;
  readonly maxEntries: number;
  readonly isVisible?: NameVisibility | undefined;
}

type ListPage = Pick<ListResponse, 'entries' | 'next'>;

/**
 * Lists the matching names after `after`, in order. A name without an entry, but with names below it, is listed as a
 * directory, unless the glob ends with `**`.
 */
export function listPage(
  state: NamingState,
  scheduled: Pick<ScheduledChangeList, 'of'>,
  { glob: text, after, maxEntries, isVisible }: ListOptions,
): ListPage {
  const glob = parseRootedGlob(state, text);
  const entries: ListEntry[] = [];
  let last = after;
  let steps = 0;
  for (const found of scanNames(state, glob, after)) {
    if (found.matches && isVisible?.(found.name) !== false) {
      if (entries.length >= maxEntries) return { entries, next: last ?? null };
      const entry = listEntryOf(state, found.name);
      const change = scheduled.of(found.name);
      entries.push(change === undefined ? entry : { ...entry, scheduled: withoutName(change) });
    }
    last = found.name;
    if (++steps >= maxStepsPerPage) return { entries, next: last };
  }
  return { entries, next: null };
}

function withoutName({ change, appliesInMs }: ScheduledChange): Omit<ScheduledChange, 'name'> {
  return { change, appliesInMs };
}

function listEntryOf(state: NamingState, name: string): ListEntry {
  const entry = state.entries.get(name);
  if (entry?.record.kind === 'link') return { name, kind: 'link', target: entry.record.target };
  if (entry?.record.kind === 'group') return { name, kind: 'group', members: entry.record.members.length };
  if (entry?.record.kind !== 'service') return { name, kind: 'directory' };
  const suspects = visibleHealth(entry.service).suspects.size;
  const endpoints = entry.service?.endpoints.size ?? 0;
  const starting = entry.service?.startingCount ?? 0;
  return {
    name,
    kind: 'service',
    endpoints,
    ...(suspects > 0 && { suspects }),
    ...(starting > 0 && { starting }),
  };
}
