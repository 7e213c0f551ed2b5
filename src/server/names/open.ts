/**
 * Opens the names of a store: reads every record, or says which one cannot be read; gives a new store its incarnation.
 */
import { ClerkError } from '../../core/errors.js';
import type { NameService, ServerRuntime, Store } from '../ports.js';
import { damaged, formatVersion, fromStore, ownKeys, type Change } from './records.js';
import { Names, type NamesOptions } from './service.js';

export type { NamesOptions } from './service.js';

/**
 * Opens names. Leases and promises of what is there begin anew: that lengthens them and never shortens one.
 *
 * @param store - stays the caller's to close, after the names were closed
 * @throws ClerkError `REGISTRY_INVALID` for a damaged record, which it names, and for data of a later version;
 *   `REGISTRY_UNREACHABLE` when a new store cannot be written
 */
export async function openNames(
  store: Store,
  runtime: ServerRuntime,
  options: NamesOptions,
): Promise<NameService> {
  const records = await store.load();
  if (records.size === 0) {
    const incarnation = runtime.randomHex(8);
    await store.write([
      { key: ownKeys.format, value: String(formatVersion) },
      { key: ownKeys.incarnation, value: incarnation },
      { key: ownKeys.revision, value: '0' },
    ]);
    return new Names(store, runtime, options, { incarnation, revision: 0, changes: [] });
  }
  refuseOtherFormat(records.get(ownKeys.format));
  const incarnation = records.get(ownKeys.incarnation) ?? '';
  const revision = Number(records.get(ownKeys.revision));
  if (!/^[0-9a-z]{1,64}$/.test(incarnation)) throw damaged(ownKeys.incarnation);
  if (!Number.isSafeInteger(revision) || revision < 0) throw damaged(ownKeys.revision);
  return new Names(store, runtime, options, { incarnation, revision, changes: changesOf(records) });
}

function changesOf(records: ReadonlyMap<string, string>): Change[] {
  const own: ReadonlySet<string> = new Set([ownKeys.format, ownKeys.incarnation, ownKeys.revision]);
  const changes: Change[] = [];
  for (const [key, value] of records) if (!own.has(key)) changes.push(fromStore(key, value));
  return changes;
}

function refuseOtherFormat(text: string | undefined): void {
  const version = Number(text);
  if (!Number.isSafeInteger(version) || version < 1) throw damaged(ownKeys.format);
  if (version > formatVersion)
    throw new ClerkError(
      'REGISTRY_INVALID',
      `The store was written by a later version (format ${version}; this one knows ${formatVersion}); start that version, or use another store`,
    );
}
