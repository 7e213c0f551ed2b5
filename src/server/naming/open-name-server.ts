import type { NameService, OwnChange, RecordChange, ServerRuntime, Store } from '../ports.js';
import { checkMigrated } from './migration/migration-marker.js';
import { NameServer } from './name-server.js';
import type { NameServerOptions } from './naming-parts.js';
import {
  decodeIdentity,
  encodeIdentity,
  epochMargin,
  identityOfCopy,
  newIdentity,
  nextRun,
  restartStride,
  type RegistryIdentity,
} from './registry-identity.js';
import { highestEpochOf } from './repair-records.js';
import { restoredAccessWarning } from './restored-access.js';
import {
  checkFormat,
  damagedRecordError,
  decodeRecord,
  foreignLaunchPrefix,
  formatVersion,
  storeKeys,
} from './state/record-codec.js';
import type { StateChange } from './state/records.js';

export type { NameServerOptions } from './naming-parts.js';

/**
 * Opens a name server with the records of a store. All leases and guarantees restart with full length. An empty store
 * and a copy of a data folder get a new incarnation. The caller must close the name server before the store.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID` when a record is damaged or a later release of the server wrote the
 *   store
 * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when a new store cannot be written
 * @see [decision 078](../../../docs/decisions/078-copied-data-folder.md)
 */
export async function openNameServer(
  store: Store,
  runtime: ServerRuntime,
  options: NameServerOptions,
): Promise<NameService> {
  const records = await store.load();
  const folder = store.folderIdentity;
  const folderChange = folder === undefined ? [] : [{ key: storeKeys.folder, value: folder }];
  if (records.size === 0) {
    const identity = newIdentity(runtime);
    await store.write([
      { key: storeKeys.format, value: String(formatVersion) },
      ...encodeIdentity(identity),
      ...folderChange,
      { key: storeKeys.revision, value: '0' },
    ]);
    return new NameServer(store, runtime, options, { identity, openedRevision: 0, revision: 0, changes: [] });
  }
  checkFormat(records.get(storeKeys.format));
  checkMigrated(records);
  const stored = decodeIdentity(records, runtime);
  const revision = Number(records.get(storeKeys.revision));
  if (!Number.isSafeInteger(revision) || revision < 0) throw damagedRecordError(storeKeys.revision);
  const {
    identity,
    changes: ownChanges,
    recorded,
  } = ownedIdentity(records, stored, revision, folder, runtime, options);
  const current = new Map(records);
  for (const { key, value } of ownChanges)
    if (value === undefined) current.delete(key);
    else current.set(key, value);
  const changes = changesOf(current);
  const nextRevision = revision + restartStride;
  await store.write([
    ...ownChanges,
    ...encodeIdentity(identity),
    ...folderChange,
    { key: storeKeys.revision, value: String(nextRevision) },
  ]);
  if (recorded !== undefined) options.onOwnChange?.({ ...recorded, names: [], revision: nextRevision });
  return new NameServer(store, runtime, options, {
    ...{ identity, openedRevision: revision },
    ...{ revision: nextRevision, changes },
  });
}

interface OwnedIdentity {
  readonly identity: RegistryIdentity;
  readonly changes: readonly RecordChange[];
  /** Entry for the audit log, if the folder is a copy. */
  readonly recorded?: Pick<OwnChange, 'operation' | 'details'>;
}

/**
 * Returns the identity of the next run, and the changes that this run needs. In a copy of a folder, all tokens are
 * cancelled, because they may have been used in the original. Without `adopt`, the launch records of the original are
 * disabled in the copy.
 */
function ownedIdentity(
  records: ReadonlyMap<string, string>,
  stored: RegistryIdentity,
  revision: number,
  folder: string | undefined,
  runtime: ServerRuntime,
  { adopt = false, logger }: NameServerOptions,
): OwnedIdentity {
  const original = records.get(storeKeys.folder);
  const isCopy = original !== undefined && folder !== undefined && !isSameFolder(original, folder);
  const run = { identity: nextRun(stored, revision, runtime) };
  const adoptedLaunches = adopt ? renamedRecords(records, foreignLaunchPrefix, launchPrefix) : [];
  if (!isCopy) return { ...run, changes: adoptedLaunches };
  const cancellations = keysOf(records, tokenPrefix).map((key) => ({ key, value: undefined }));
  const counts = { cancelledTokens: cancellations.length };
  const isSecured = keysOf(records, keyPrefix).length > 0;
  const note = isSecured
    ? `. The following applies if keys or rights were changed after the copy was made: ${restoredAccessWarning}`
    : '';
  if (adopt) {
    const message = `The data folder is a copy and is used as the original, because of the option adopt${note}`;
    if (isSecured) logger?.warn(message);
    else logger?.info(message);
    const recorded = { operation: 'adopt-copy', details: counts };
    return { ...run, changes: [...adoptedLaunches, ...cancellations], recorded };
  }
  const identity = identityOfCopy(stored, runtime);
  const foreignLaunches = renamedRecords(records, launchPrefix, foreignLaunchPrefix);
  logger?.warn(
    `The data folder is a copy of another data folder: its lock file has another inode number or creation time than in the original (inode number ${inodeOf(folder)}, in the original ${inodeOf(original)}). The registry starts with the new incarnation ${identity.incarnation}, and does not manage the processes that the original has launched (number of processes: ${foreignLaunches.length / 2}). If the original will never be used again, restart this server with --adopt (in a program: option adopt of startServer)${note}`,
  );
  const epochBase = { key: storeKeys.epochBase, value: String(highestEpochOf(records) + epochMargin) };
  const details = { incarnation: identity.incarnation, reason: 'copied folder', ...counts };
  return {
    identity,
    changes: [...foreignLaunches, ...cancellations, epochBase],
    recorded: { operation: 'new-incarnation', details },
  };
}

/** Whether two identities are those of the same folder: equal inodes, and equal creation times if both are known. */
function isSameFolder(a: string, b: string): boolean {
  const [inode, createdAt] = a.split('@');
  const [otherInode, otherCreatedAt] = b.split('@');
  if (inode !== otherInode) return false;
  return createdAt === undefined || otherCreatedAt === undefined || createdAt === otherCreatedAt;
}

function inodeOf(identity: string): string {
  return identity.split('@')[0] as string;
}

const launchPrefix = 'l ';
const keyPrefix = 'i ';
const tokenPrefix = 't ';

function launchKey(key: string): string {
  return `${launchPrefix}${key.slice(foreignLaunchPrefix.length)}`;
}

function keysOf(records: ReadonlyMap<string, string>, prefix: string): readonly string[] {
  const keys: string[] = [];
  for (const key of records.keys()) if (key.startsWith(prefix)) keys.push(key);
  return keys;
}

function renamedRecords(records: ReadonlyMap<string, string>, from: string, to: string): RecordChange[] {
  const changes: RecordChange[] = [];
  for (const [key, value] of records)
    if (key.startsWith(from))
      changes.push({ key, value: undefined }, { key: `${to}${key.slice(from.length)}`, value });
  return changes;
}

function changesOf(records: ReadonlyMap<string, string>): StateChange[] {
  const {
    format,
    revision,
    incarnation,
    earlier,
    key: secretKey,
    owner,
    runs,
    folder,
    migration,
  } = storeKeys;
  const own = new Set<string>([
    format,
    revision,
    incarnation,
    earlier,
    secretKey,
    owner,
    runs,
    folder,
    migration,
  ]);
  const changes: StateChange[] = [];
  for (const [key, value] of records) {
    if (own.has(key)) continue;
    const isForeign = key.startsWith(foreignLaunchPrefix);
    const change = decodeRecord(isForeign ? launchKey(key) : key, value);
    if (!isForeign) changes.push(change);
  }
  return changes;
}
