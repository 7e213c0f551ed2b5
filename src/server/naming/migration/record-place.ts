import { ClerkError } from '../../../core/errors.js';
import type { RecordChange, Store } from '../../ports.js';
import type { SharedLog } from '../../shared-log.js';
import { Freshness } from '../shared/freshness.js';
import { LogReplica, type ReplicaRuntime } from '../shared/log-replica.js';
import { encodeSharedChange } from '../shared/batch-content.js';
import { recordDifference } from '../shared/record-difference.js';
import { storeKeys } from '../state/record-codec.js';
import type { StateChange } from '../state/records.js';
import { encodeMarker, type MigrationMarker } from './migration-marker.js';

/** A place for all records of a registry: a data folder or a database. No server may use it during a migration. */
export interface RecordPlace {
  /** Description for messages, which can start a sentence. */
  readonly subject: string;
  /** Reads all records again. */
  read(): Promise<ReadonlyMap<string, string>>;
  /** Replaces all records by `next`. If it rejects, some of the records may be replaced already. */
  replace(next: ReadonlyMap<string, string>, revision: number): Promise<void>;
  /** Stores the state of the migration; undefined removes it. */
  mark(marker: MigrationMarker | undefined): Promise<void>;
  close(): Promise<void>;
}

/** Maximum length of the keys and values in one write, in UTF-16 code units. */
const maxWriteLength = 256 * 1024;

/** @param open - opens the store of the folder */
export function storePlace(open: () => Store, subject: string): RecordPlace {
  let store: Store | undefined;
  let records = new Map<string, string>();
  const write = async (changes: readonly RecordChange[]): Promise<void> => {
    await store?.write(changes);
    for (const { key, value } of changes)
      if (value === undefined) records.delete(key);
      else records.set(key, value);
  };
  return {
    subject,
    async read() {
      await store?.close();
      store = open();
      records = new Map(await store.load());
      return new Map(records);
    },
    async replace(next, revision) {
      const kept = new Set<string>([storeKeys.migration, storeKeys.revision, storeKeys.folder]);
      const changes: RecordChange[] = [];
      for (const key of records.keys())
        if (!next.has(key) && !kept.has(key)) changes.push({ key, value: undefined });
      for (const [key, value] of next) if (records.get(key) !== value) changes.push({ key, value });
      // Marks the records as belonging to this folder, and not as a copy from another folder.
      changes.push({ key: storeKeys.folder, value: store?.folderIdentity });
      for (const part of parts(changes)) await write(part);
      await write([{ key: storeKeys.revision, value: String(revision) }]);
    },
    mark: (marker) =>
      write([{ key: storeKeys.migration, value: marker === undefined ? undefined : encodeMarker(marker) }]),
    async close() {
      await store?.close();
      store = undefined;
    },
  };
}

/** @param log - an open log; the place does not close it */
export function logPlace(log: SharedLog, runtime: ReplicaRuntime): RecordPlace {
  let replica: LogReplica | undefined;
  const append = async (changes: readonly StateChange[], revision: number): Promise<void> => {
    if ((await replica?.append(changes, revision, true)) !== 'conflict') return;
    throw new ClerkError(
      'FORBIDDEN',
      `A server has changed names in ${log.subject} during the migration; stop all servers of this registry, and run the same clerk migrate command again`,
    );
  };
  return {
    subject: log.subject,
    async read() {
      await replica?.close();
      replica = new LogReplica(log, runtime, new Freshness(runtime), runtime.randomHex(8));
      await replica.load();
      return new Map(replica.records);
    },
    async replace(next, revision) {
      for (const part of parts(recordDifference(replica?.records ?? new Map(), next), encodeSharedChange))
        await append(part, revision);
    },
    mark: (marker) =>
      append(
        [{ kind: 'registry', key: storeKeys.migration, value: encodeMarker(marker) }],
        replica?.revision ?? 0,
      ),
    async close() {
      await replica?.close();
    },
  };
}

function parts(changes: readonly RecordChange[]): Iterable<RecordChange[]>;
function parts(
  changes: readonly StateChange[],
  encode: (change: StateChange) => RecordChange,
): Iterable<StateChange[]>;
function* parts<T>(
  changes: readonly T[],
  encode: (change: T) => RecordChange = (change) => change as RecordChange,
): Iterable<T[]> {
  let part: T[] = [];
  let length = 0;
  for (const change of changes) {
    const { key, value = '' } = encode(change);
    if (length > 0 && length + key.length + value.length > maxWriteLength) {
      yield part;
      [part, length] = [[], 0];
    }
    part.push(change);
    length += key.length + value.length;
  }
  if (part.length > 0) yield part;
}
