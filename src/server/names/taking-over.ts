/** What is durable becomes what is seen: the tables take it, time follows, and those who watch are told. */
import type { Applied } from './committing.js';
import type { Hub } from './hub.js';
import type { Change } from './records.js';
import type { Tables } from './tables.js';
import type { Timekeeper } from './timekeeper.js';

/** What is told of a batch. */
export interface Following {
  readonly tables: Tables;
  readonly position: { revision: number };
  readonly time: Timekeeper;
  readonly hub: Hub;
}

/** Takes over a batch that is durable, of which `changes` are all. */
export function takeOver(
  { tables, position, time, hub }: Following,
  batch: readonly Applied[],
  changes: readonly Change[],
  revision: number,
): void {
  const before = position.revision;
  const { places } = tables;
  const versions = new Map<string, number | undefined>();
  for (const change of changes)
    if (isShown(change) && !versions.has(change.name))
      versions.set(change.name, places.get(change.name)?.version);
  for (const change of changes) tables.apply(change);
  position.revision = revision;
  // How long an entry waits only its own last change says, not what else of its name is in the batch.
  const waits = new Map<string, number>();
  for (const { planned } of batch)
    for (const change of planned.changes) if (change.kind === 'entry') waits.set(change.name, planned.inMs);
  const touched = new Set<string>();
  for (const { planned } of batch)
    for (const change of planned.changes) {
      if (!isShown(change)) continue;
      time.look(change.name, waits.get(change.name));
      if (places.get(change.name)?.version === versions.get(change.name)) continue;
      touched.add(change.name);
      if (change.kind === 'entry' && change.record?.kind === 'directory') touched.add(`/${change.record.id}`);
    }
  time.looked();
  hub.tell(touched, before);
}

/** Whether look-ups may show it. */
function isShown(change: Change): change is Extract<Change, { kind: 'entry' | 'endpoint' | 'mark' }> {
  return change.kind === 'entry' || change.kind === 'endpoint' || change.kind === 'mark';
}
