import { ClerkError } from '../../core/errors.js';
import type { NameService, ServerRuntime, Store } from '../ports.js';
import { NameServer, type NameServerOptions } from './name-server.js';
import { damagedRecordError, decodeRecord, formatVersion, storeKeys } from './state/record-codec.js';
import type { StateChange } from './state/records.js';

/**
 * Increment of the revision at each start. A revision that rose only in memory, while the store could not be written,
 * is lost. The increment is large enough that clients never see a lower revision.
 */
const restartStride = 1_000_000;

export type { NameServerOptions } from './name-server.js';

/**
 * Opens a name server with the records of a store. All leases and guarantees restart with full length. An empty store
 * gets a new incarnation. The caller must close the name server before the store.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID` when a record is damaged or a later version of the server wrote the
 *   store
 * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when a new store cannot be written
 */
export async function openNameServer(
  store: Store,
  runtime: ServerRuntime,
  options: NameServerOptions,
): Promise<NameService> {
  const records = await store.load();
  if (records.size === 0) {
    const incarnation = runtime.randomHex(8);
    await store.write([
      { key: storeKeys.format, value: String(formatVersion) },
      { key: storeKeys.incarnation, value: incarnation },
      { key: storeKeys.revision, value: '0' },
    ]);
    return new NameServer(store, runtime, options, { incarnation, revision: 0, changes: [] });
  }
  checkFormat(records.get(storeKeys.format));
  const incarnation = records.get(storeKeys.incarnation) ?? '';
  const revision = Number(records.get(storeKeys.revision));
  if (!/^[0-9a-z]{1,64}$/.test(incarnation)) throw damagedRecordError(storeKeys.incarnation);
  if (!Number.isSafeInteger(revision) || revision < 0) throw damagedRecordError(storeKeys.revision);
  const changes = changesOf(records);
  const nextRevision = revision + restartStride;
  await store.write([{ key: storeKeys.revision, value: String(nextRevision) }]);
  return new NameServer(store, runtime, options, { incarnation, revision: nextRevision, changes });
}

function changesOf(records: ReadonlyMap<string, string>): StateChange[] {
  const own: ReadonlySet<string> = new Set([storeKeys.format, storeKeys.incarnation, storeKeys.revision]);
  const changes: StateChange[] = [];
  for (const [key, value] of records) if (!own.has(key)) changes.push(decodeRecord(key, value));
  return changes;
}

function checkFormat(text: string | undefined): void {
  const version = Number(text);
  if (!Number.isSafeInteger(version) || version < 1) throw damagedRecordError(storeKeys.format);
  if (version > formatVersion)
    throw new ClerkError(
      'REGISTRY_INVALID',
      `The format version of the store must be at most ${formatVersion}; got ${version}, the format of a later version of the server; run that version, or use another data folder`,
    );
}
