import type { NameService, ServerRuntime, Store } from '../ports.js';
import type { SharedLog } from '../shared-log.js';
import { checkMigrated } from './migration/migration-marker.js';
import { NameServer } from './name-server.js';
import type { NameServerOptions } from './naming-parts.js';
import { decodeIdentity, encodeIdentity, newIdentity, nextRun } from './registry-identity.js';
import { Freshness } from './shared/freshness.js';
import { LogReplica } from './shared/log-replica.js';
import { recordDifference } from './shared/record-difference.js';
import { checkFormat, formatVersion, storeKeys } from './state/record-codec.js';
import type { StateChange } from './state/records.js';

/**
 * Opens one of several name servers of a shared log. The leases and guarantees of servers that are gone restart with
 * full length. An empty log gets a new incarnation. The caller must open the log before this call, and must close the
 * name server before the log.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when a migration has moved the names to another place, or has not
 *   finished
 * @throws {@link ClerkError} `REGISTRY_INVALID` when a record is damaged or a later release of the server wrote the
 *   log
 * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when the database does not respond
 * @see [decision 141](../../../docs/decisions/141-shared-log.md)
 */
export async function openSharedNameServer(
  log: SharedLog,
  runtime: ServerRuntime,
  options: NameServerOptions,
): Promise<NameService> {
  const freshness = new Freshness(runtime);
  const server = runtime.randomHex(8);
  const replica = new LogReplica(log, runtime, freshness, server);
  await replica.load();
  const openedRevision = await beginRun(replica, runtime);
  const names = new NameServer(noStore, runtime, options, {
    identity: decodeIdentity(replica.records, runtime),
    openedRevision,
    revision: replica.revision,
    changes: recordDifference(new Map(), replica.records),
    shared: { log, replica, freshness, server },
  });
  try {
    await names.start();
  } catch (error) {
    await names.close();
    throw error;
  }
  return names;
}

/**
 * Starts a new run. Returns the revision before the run. The run is stored in the log, so that all servers create the
 * same position marks.
 */
async function beginRun(replica: LogReplica, runtime: ServerRuntime): Promise<number> {
  for (;;) {
    const { records, revision } = replica;
    const isEmpty = records.size === 0;
    if (!isEmpty) checkFormat(records.get(storeKeys.format));
    checkMigrated(records);
    const identity = isEmpty
      ? newIdentity(runtime)
      : nextRun(decodeIdentity(records, runtime), revision, runtime);
    const changes = [
      { key: storeKeys.format, value: String(formatVersion) },
      ...encodeIdentity(identity),
    ].map(({ key, value = '' }): StateChange => ({ kind: 'registry', key, value }));
    if ((await replica.append(changes, isEmpty ? 0 : revision + 1, false)) === 'written') return revision;
  }
}

/** A store that does nothing, because the log is used in place of a store. */
const noStore: Store = {
  load: () => Promise.resolve(new Map()),
  write: () => Promise.resolve(),
  recover: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
