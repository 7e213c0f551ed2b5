import type { ExportLine } from '../../protocol/messages.js';
import type { NamingState } from './state/naming-state.js';

/** In order of the names. */
export function* exportLines(state: NamingState): IterableIterator<ExportLine> {
  for (const name of state.names.from('')) {
    const record = state.entry(name);
    if (record === undefined) continue;
    if (record.kind === 'link') {
      const { kind, target, guaranteedMs } = record;
      yield { kind, name, target, guaranteedMs };
    } else if (record.kind === 'directory') yield { kind: record.kind, name, id: record.id };
    else if (record.defined) {
      const { kind, defined: _, pending: _pending, ...config } = record;
      yield { kind, name, ...config };
    }
  }
}
