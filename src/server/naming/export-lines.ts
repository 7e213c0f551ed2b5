import type { ExportLine } from '../../protocol/naming-messages.js';
import { accessEntryOf } from './access/access-triple.js';
import type { NamingState } from './state/naming-state.js';

/** Yields a line for each link, directory, group and defined service, in order of their names. The rights come last. */
export function* exportLines(state: NamingState): IterableIterator<ExportLine> {
  for (const name of state.names.from('')) {
    const record = state.entry(name);
    if (record === undefined) continue;
    if (record.kind === 'link') {
      const { kind, target, guaranteedMs } = record;
      yield { kind, name, target, guaranteedMs };
    } else if (record.kind === 'directory') yield { kind: record.kind, name, id: record.id };
    else if (record.kind === 'group') {
      const { kind, members, guaranteedMs } = record;
      yield { kind, name, members, guaranteedMs };
    } else if (record.defined) {
      const { kind, defined: _, pending: _pending, ...config } = record;
      yield { kind, name, ...config };
    }
  }
  for (const directory of [...state.identities.directoriesWithTriples()].sort())
    for (const { triple } of state.identities.triplesIn(directory))
      yield { kind: 'access', ...accessEntryOf(directory, triple) };
}
