import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { migrateRecords, type MigrationReport } from './naming/migration/migrate-records.js';
import { logPlace, storePlace, type RecordPlace } from './naming/migration/record-place.js';
import { untilIdle } from './naming/shared/idle-log.js';
import type { ServerRuntime, Store } from './ports.js';
import type { SharedLog } from './shared-log.js';

/** Where the names of a registry are stored. Exactly one field must be set. */
export interface RegistryPlace {
  /** Data folder. */
  readonly data?: string;
  /** URL of a database, or an adapter of your own, as in the option `store` of `startServer`. */
  readonly store?: string | SharedLog;
  /** File of mode 0600 that contains the URL of a database. */
  readonly storeFile?: string;
}

/** Options of `migrateRegistry`. */
export interface MigrateOptions {
  /** Present place of the names. No server may use it during the migration. */
  readonly from: RegistryPlace;
  /** New place of the names. It must be empty, or contain an earlier state of the same registry that was moved away. */
  readonly to: RegistryPlace;
}

export interface MigrateHost {
  readonly runtime: ServerRuntime;
  readonly openStore: (data: string) => Store;
  readonly logOf: (place: RegistryPlace) => SharedLog;
}

/** Moves a registry, and closes both places. */
export async function migrate({ from, to }: MigrateOptions, host: MigrateHost): Promise<MigrationReport> {
  const closers: (() => Promise<void>)[] = [];
  const open = async (place: RegistryPlace, field: string): Promise<RecordPlace> => {
    checkPlace(place, field);
    const opened = await openPlace(place, host, closers);
    closers.push(() => opened.close());
    return opened;
  };
  try {
    return await migrateRecords(await open(from, 'from'), await open(to, 'to'), host.runtime);
  } finally {
    for (const close of closers.reverse()) await close();
  }
}

async function openPlace(
  place: RegistryPlace,
  { runtime, openStore, logOf }: MigrateHost,
  closers: (() => Promise<void>)[],
): Promise<RecordPlace> {
  const { data } = place;
  if (data !== undefined) return storePlace(() => openStore(data), `Data folder ${quote(data)}`);
  const log = logOf(place);
  closers.push(() => log.close());
  await log.open();
  await untilIdle(log, runtime);
  return logPlace(log, runtime);
}

function checkPlace(place: RegistryPlace | undefined, field: string): void {
  const { data, store, storeFile } = place ?? {};
  if ([data, store, storeFile].filter((each) => each !== undefined && each !== '').length === 1) return;
  throw new ClerkError(
    'CONFIG_INVALID',
    `migrateRegistry(): option ${field} must have exactly one of the fields data, store and storeFile`,
  );
}
