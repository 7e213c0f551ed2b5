import { ClerkError } from '../../../core/errors.js';
import { decodeIdentity, encodeIdentity, nextRun, restartStride } from '../registry-identity.js';
import { decodeSharedRecord, encodeSharedChange, sharedKeys } from '../shared/batch-content.js';
import { checkFormat, damagedRecordError, foreignLaunchPrefix, storeKeys } from '../state/record-codec.js';
import { markerError, readMarker } from './migration-marker.js';
import type { RecordPlace } from './record-place.js';

/** The result of a migration. */
export interface MigrationReport {
  /** Number of records: names, endpoints, epochs, keys, rights and more. */
  readonly records: number;
  /** Incarnation of the registry, which a migration does not change. */
  readonly incarnation: string;
  /** Describes the former place, in a form such as `Data folder '/data'`. */
  readonly from: string;
  /** Describes the new place, in the same form. */
  readonly to: string;
}

interface MigrationRuntime {
  randomHex(bytes: number): string;
  wallNow(): number;
}

/**
 * Moves all records of a registry to another place. The incarnation stays the same, so epochs, leases and guarantees
 * continue as after a restart. No server can use the new place before its records are verified. Until then the former
 * place stays unchanged. A repeated call completes an interrupted migration.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the source has no records or the target has other records;
 *   `REGISTRY_INVALID` when a record is damaged
 */
export async function migrateRecords(
  from: RecordPlace,
  to: RecordPlace,
  runtime: MigrationRuntime,
): Promise<MigrationReport> {
  const source = await from.read();
  if (source.size === 0)
    throw new ClerkError(
      'CONFIG_INVALID',
      `${from.subject} has no names to migrate; check the data folder or store URL`,
    );
  checkFormat(source.get(storeKeys.format));
  const stored = decodeIdentity(source, runtime);
  const revision = revisionOf(source);
  const [sourceMarker, target] = [readMarker(source), await to.read()];
  const targetMarker = readMarker(target);
  const isContinued = targetMarker?.state === 'incomplete' && targetMarker.incarnation === stored.incarnation;
  if (sourceMarker !== undefined && !(sourceMarker.state === 'moved' && isContinued))
    throw markerError(from.subject, sourceMarker);
  const known = [stored.incarnation, ...stored.earlier];
  const isFormer = targetMarker?.state === 'moved' && known.includes(target.get(storeKeys.incarnation) ?? '');
  if (target.size > 0 && !isContinued && !isFormer)
    throw new ClerkError(
      'CONFIG_INVALID',
      `${to.subject} already has names; choose an empty data folder or store, or copy definitions with clerk export and clerk import`,
    );
  const next = movableRecords(source);
  // Skips revisions that clients may have seen, although the server stopped before it stored them.
  const nextRevision = revision + restartStride;
  for (const { key, value = '' } of encodeIdentity(nextRun(stored, revision, runtime))) next.set(key, value);
  await to.mark({ state: 'incomplete', incarnation: stored.incarnation });
  await to.replace(next, nextRevision);
  checkEqual(await to.read(), next, nextRevision, to.subject);
  await from.mark({ state: 'moved', to: to.subject });
  await to.mark(undefined);
  return { records: next.size, incarnation: stored.incarnation, from: from.subject, to: to.subject };
}

/**
 * Key letters of records that are not moved: records that only servers of a shared log use, and launches of another
 * data folder.
 */
const localKinds = [...Object.values(sharedKeys), foreignLaunchPrefix.trim()];
const localKeys: readonly string[] = [storeKeys.revision, storeKeys.folder, storeKeys.migration];

/** @throws {@link ClerkError} `REGISTRY_INVALID` when a record is damaged */
function movableRecords(records: ReadonlyMap<string, string>): Map<string, string> {
  const movable = new Map<string, string>();
  for (const [key, value] of records) {
    if (localKeys.includes(key) || localKinds.includes(key.slice(0, key.indexOf(' ')))) continue;
    const change = decodeSharedRecord({ key, value });
    const encoded = change && encodeSharedChange(change);
    if (encoded?.value === undefined) throw damagedRecordError(key);
    movable.set(encoded.key, encoded.value);
  }
  return movable;
}

function checkEqual(
  records: ReadonlyMap<string, string>,
  expected: ReadonlyMap<string, string>,
  revision: number,
  subject: string,
): void {
  const written = movableRecords(records);
  const wrong = [...expected.keys()].find((key) => written.get(key) !== expected.get(key));
  const extra = [...written.keys()].find((key) => !expected.has(key) && !key.startsWith('m '));
  const found = wrong ?? extra;
  if (found !== undefined || revisionOf(records) < revision)
    throw new ClerkError(
      'REGISTRY_INVALID',
      `${subject} does not return the records that were written to it: record '${found ?? storeKeys.revision}' is different. The records in the former place are unchanged; check the database or disk of the new place, and run the same clerk migrate command again`,
    );
}

function revisionOf(records: ReadonlyMap<string, string>): number {
  const revision = Number(records.get(storeKeys.revision) ?? 0);
  if (!Number.isSafeInteger(revision) || revision < 0) throw damagedRecordError(storeKeys.revision);
  return revision;
}
