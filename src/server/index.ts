/**
 * The bundled server, for a registry in a program or a test, and functions for its data folder.
 *
 * @module binding-clerk/server
 */
import { join } from 'node:path';
import { urlHost } from '../core/address.js';
import { definedFields } from '../core/defined-fields.js';
import { quote } from '../core/describe-value.js';
import { ClerkError, errorMessage } from '../core/errors.js';
import { parseName } from '../core/name.js';
import { IdentityFile } from '../identity/identity-file.js';
import { packageVersion } from '../runtime/package-version.js';
import { fillFolder, isFolder } from '../runtime/replace-folder.js';
import { systemHashing } from '../runtime/hashing.js';
import { readTextFile } from '../runtime/read-text-file.js';
import { systemStoreHttp } from '../runtime/system-store-http.js';
import { systemProcesses } from '../runtime/system-processes.js';
import { systemClock } from '../runtime/system-clock.js';
import { openAuditFolder } from '../runtime/system-audit-folder.js';
import { openDataFolder } from '../runtime/system-data-folder.js';
import { followLog } from '../runtime/follow-log.js';
import { systemFiles } from '../runtime/system-files.js';
import { systemKeys } from '../runtime/system-keys.js';
import { temporaryFolder } from '../runtime/temporary-folder.js';
import { undici } from '../transport/load-undici.js';
import { advertisedUrls } from './advertised-urls.js';
import { openAuditLog } from './audit/open-audit-log.js';
import { instrumentLog, instrumentStore } from './http/instrumented-store.js';
import { LimitWarnings } from './http/limit-warnings.js';
import { Metrics } from './http/metrics.js';
import { startHttpServer } from './http/http-server.js';
import { createSecurity } from './http/security.js';
import {
  addOperator,
  checkInitialized,
  initialize,
  type InitializeRuntime,
  type InitializedRegistry,
  type NewOperatorOptions,
} from './initialize.js';
import { migrate, type MigrateOptions } from './migrate.js';
import type { MigrationReport } from './naming/migration/migrate-records.js';
import { untilIdle } from './naming/shared/idle-log.js';
import { LiveRegistryKey } from './live-registry-key.js';
import {
  registryKeyPath,
  rotateKey,
  type ClientKeysFile,
  type RegistryKeyFile,
  type RegistryKeyRotation,
  type RegistryKeyState,
  type RegistryKeyStep,
} from './registry-key.js';
import { readManifest, readManifests } from './launcher/manifest-files.js';
import { openLauncher } from './launcher/launcher.js';
import { openNameServer, type NameServerOptions } from './naming/open-name-server.js';
import { openSharedNameServer } from './naming/open-shared-name-server.js';
import { logFileOf } from './launcher/log-size-monitor.js';
import { checkInsecure, toServerConfig, type ServerConfig, type ServerOptions } from './options.js';
import type { AuditLog, Launcher, NameService, OwnChange, ServerRuntime, Store } from './ports.js';
import type { SharedLog } from './shared-log.js';
import { journalStore } from './store/journal-store.js';
import { memoryStore } from './store/memory-store.js';
import { readStoreFile } from './store/store-file.js';
import { sharedLogOf } from './store/shared-log-of.js';
import { salvageFolder, type SalvageReport } from './salvage.js';

export { ClerkError, isClerkError } from '../core/errors.js';
export type { ClerkErrorCode, ClerkErrorDetails, Execution } from '../core/errors.js';
export type { Outcome, Stage, Verdict } from '../core/outcome.js';
export type { Logger } from '../core/logger.js';
export type { ServerRuntime } from './ports.js';
export type { ServerOptions } from './options.js';
export type { LogBatch, LogPoint, LogSession, LogSnapshot, SharedLog } from './shared-log.js';
export type { MigrateOptions, RegistryPlace } from './migrate.js';
export type { MigrationReport } from './naming/migration/migrate-records.js';
export type { SalvageReport } from './salvage.js';
export type { InitializedRegistry, NewOperatorOptions } from './initialize.js';
export type { RegistryKeyRotation, RegistryKeyStep } from './registry-key.js';

/** A running server. */
export interface Server extends AsyncDisposable {
  /** URL of the server, such as `http://127.0.0.1:4711`; `https:` if the registry is secured. */
  readonly url: string;
  /** Port that the server listens on. */
  readonly port: number;
  /**
   * The present key of a secured registry, for the option `registryKey` of a clerk. Undefined if the registry is
   * open.
   */
  readonly registryKey: string | undefined;
  /**
   * The keys that a secured registry announces, the present key first: two during a rotation of its key, one at other
   * times. Empty if the registry is open.
   */
  readonly registryKeys: readonly string[];
  /**
   * Closes the server: ends all watches, waits up to 5 s for requests in progress, and releases the store. Services
   * that the launcher has started keep running. `close` may be called several times; each returned promise resolves
   * when the server is closed.
   */
  close(): Promise<void>;
}

/**
 * Starts a bundled registry server.
 *
 * @example
 * ```ts
 * const server = await startServer({ port: 0 });   // for a test: any free port, names in memory only
 * const clerk = createClerk({ registry: server.url });
 * ```
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option or a manifest is invalid, or the port is in use
 * @throws {@link ClerkError} `FORBIDDEN` when another server uses the data folder, another user owns the data folder,
 *   or the database rejects the user
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the data folder has damaged records, or a later release wrote
 *   the records in the database
 * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when the database does not respond
 */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const config = toServerConfig(options);
  const runtime: ServerRuntime = { ...systemClock, ...systemHashing, ...config.runtime };
  const closers: (() => Promise<void> | void)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await openServer(config, runtime, closers, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function openServer(
  config: ServerConfig,
  runtime: ServerRuntime,
  closers: (() => Promise<void> | void)[],
  closeAll: () => Promise<void>,
): Promise<Server> {
  const { data, logger } = config;
  // Reads manifests first, because nothing needs to be closed yet if one is invalid.
  const manifests = config.manifests === undefined ? undefined : await readManifests(config.manifests);
  const metrics = new Metrics(runtime);
  const limitWarnings = new LimitWarnings(runtime, logger);
  closers.push(() => metrics.close());
  // The audit log is closed after the name service, because it records the last changes of the name service.
  let audit: AuditLog | undefined;
  closers.push(() => audit?.close());
  let registryKey: LiveRegistryKey | undefined;
  // Changes that the registry makes before the audit log is open.
  const earlyChanges: OwnChange[] = [];
  let recordOwnChange = (change: OwnChange): void => void earlyChanges.push(change);
  const namingOptions: NameServerOptions = {
    version: packageVersion(),
    logger,
    heartbeatMs: config.heartbeatMs,
    maxRegistrations: config.maxRegistrations,
    maxNames: config.maxNames,
    maxNamesPerPrincipal: config.maxNamesPerPrincipal,
    maxGuaranteedMs: config.maxGuaranteedMs,
    onLimit: (principal, error) => limitWarnings.record(principal, error),
    isStartable: (manifest) => manifests?.has(manifest) === true,
    adopt: config.adopt,
    onOwnChange: (change) => recordOwnChange(change),
    registryKeys: { tools: systemKeys, pins: () => registryKey?.pins ?? [] },
  };
  const { names, engine } = await openNames(config, runtime, metrics, namingOptions, closers);
  closers.push(() => names.close());
  const read = (): RegistryKeyState | undefined =>
    data === undefined ? undefined : registryKeyFile.read(registryKeyPath(data));
  const initial = read();
  checkInitialized(data, initial !== undefined, names.identities, engine);
  if (initial !== undefined) registryKey = new LiveRegistryKey({ initial, read, clock: runtime, logger });
  const security =
    registryKey &&
    (await createSecurity({ identities: names.identities, registryKey, runtime, keyTools: systemKeys }));
  const isInsecure = security === undefined && checkInsecure(config);
  const isAudited = config.audit ?? security !== undefined;
  if (data !== undefined && isAudited) audit = await openAudit(data, names, config, runtime);
  recordOwnChange = (change) => audit?.recordOwnChange(change);
  for (const change of earlyChanges.splice(0)) recordOwnChange(change);
  registryKey?.onChanged(() =>
    recordOwnChange({
      operation: 'registry-key',
      names: [],
      revision: Number(names.status().revision),
      details: { keys: registryKey.pins },
    }),
  );
  let url = '';
  let launcher: Launcher | undefined;
  if (manifests !== undefined) {
    // Without a data folder, the output of services goes to a temporary folder, because the error of a failed start
    // quotes the output.
    const folder = data === undefined ? temporaryFolder() : undefined;
    if (folder) closers.push(() => folder.remove());
    // The store ignores the folder `logs` in the data folder.
    const logs = join(data ?? (folder?.path as string), 'logs');
    const opened = await openLauncher({
      names,
      runtime,
      manifests,
      readManifest: (name) => readManifest(config.manifests as string, name),
      logs,
      isDurable: data !== undefined || usesDatabase(config),
      logger,
      processes: systemProcesses,
      registryUrls: () => [url],
      registryPin: registryKey && (() => registryKey.credentials.pin),
    });
    launcher = opened;
    closers.push(() => opened.close());
  }
  const http = await startHttpServer({
    ...config,
    names,
    launcher,
    runtime,
    metrics,
    security,
    audit,
    isInsecure,
  });
  closers.push(() => http.close());
  const scheme = security === undefined ? 'http' : 'https';
  url = connectableUrl(scheme, config.host, http.port);
  if (names.servers !== undefined) {
    const { host, advertise } = config;
    const hostAddresses = (): readonly string[] => runtime.hostAddresses();
    const urls = advertisedUrls(advertise, { scheme, host, port: http.port, hostAddresses });
    if (urls.length > 0) names.servers.announce(urls);
  }
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= closeAll());
  return {
    url,
    port: http.port,
    get registryKey() {
      return registryKey?.credentials.pin;
    },
    get registryKeys() {
      return registryKey?.pins ?? [];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Opens the name service. If a database stores the names, the data folder contains only keys, the audit log and the
 * logs of services.
 */
async function openNames(
  config: ServerConfig,
  runtime: ServerRuntime,
  metrics: Metrics,
  options: NameServerOptions,
  closers: (() => Promise<void> | void)[],
): Promise<{ readonly names: NameService; readonly engine: string | undefined }> {
  if (usesDatabase(config)) {
    const log = databaseLog(config, runtime);
    closers.push(() => log.close());
    if (config.data !== undefined) {
      // Locks the data folder, because two servers must not write to the same audit log.
      const folder = await openDataFolder(config.data, `Data folder ${quote(config.data)}`);
      closers.push(() => folder.close());
    }
    await log.open();
    config.logger.info(`Names are stored in ${log.subject}`);
    const names = await openSharedNameServer(instrumentLog(log, runtime, metrics), runtime, options);
    return { names, engine: log.subject };
  }
  const { data } = config;
  const store = instrumentStore(
    data === undefined ? memoryStore() : storeOf(data, runtime),
    runtime,
    metrics,
  );
  closers.push(() => store.close());
  return { names: await openNameServer(store, runtime, options), engine: undefined };
}

function usesDatabase({ store, storeFile }: ServerConfig): boolean {
  return store !== undefined || storeFile !== undefined;
}

function databaseLog({ store, storeFile, logger }: ServerConfig, runtime: ServerRuntime): SharedLog {
  if (typeof store === 'object') return store;
  const url = store ?? readStoreFile(storeFile as string, systemFiles);
  return sharedLogOf(url, {
    clock: runtime,
    randomHex: (bytes) => runtime.randomHex(bytes),
    readFile: readTextFile,
    http: (tls) => systemStoreHttp({ undici, clock: runtime, tls }),
    warn: (message) => logger.warn(message),
  });
}

/**
 * Secures the registry in a data folder, which no server may use during the call. Creates the key of the registry and
 * the first operator. After this, a server with this folder accepts only TLS connections of clients with an enrolled
 * key. The names in the folder stay.
 *
 * With `store`, secures the names in the database, which no server may use during the call. The data folder then
 * contains the key of the registry. Copy its file `registry.identity` to the data folder of each other server.
 *
 * @param data - data folder; a missing folder is created
 * @throws {@link ClerkError} `FORBIDDEN` when the folder is already initialized, a server uses the folder, or another
 *   user owns the folder
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the data folder has damaged records
 */
export async function initializeRegistry(
  data: string,
  { store, storeFile }: StoreOptions = {},
): Promise<InitializedRegistry> {
  const config = toServerConfig(definedFields({ data, store, storeFile }));
  return initialize(data, initializeRuntime(data, config, true));
}

/** Options of {@link initializeRegistry}. */
export interface StoreOptions {
  /**
   * URL of the database that stores the names, as in the option `store` of {@link startServer}. Default: the names
   * are in the data folder.
   */
  readonly store?: string | SharedLog;
  /** File of mode 0600 that contains the URL, in place of `store`. */
  readonly storeFile?: string;
}

/**
 * Moves all names, endpoints, epochs, keys and rights of a registry from one place to another. A place is a data
 * folder or a database. No server may use either place during the call. The incarnation stays the same, and the
 * registry continues as after a restart. No server can use the new place before its records are verified; after this,
 * no server can use the former place. A repeated call completes an interrupted migration.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when a place is missing, the source has no names or was moved before,
 *   or the target has other names
 * @throws {@link ClerkError} `FORBIDDEN` when a server uses one of the places, or the database rejects the user
 * @throws {@link ClerkError} `REGISTRY_INVALID` when a record is damaged
 * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when a database does not respond, or the disk cannot be written
 */
export function migrateRegistry(options: MigrateOptions): Promise<MigrationReport> {
  const runtime: ServerRuntime = { ...systemClock, ...systemHashing };
  return migrate(options, {
    runtime,
    openStore: (data) => storeOf(data, runtime),
    logOf: (place) => databaseLog(toServerConfig(place), runtime),
  });
}

/**
 * Creates another operator with all rights on all names, for example after the key of the first operator was lost.
 * The data folder must be secured, and no server may use it during the call.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the folder is not secured
 * @throws {@link ClerkError} `FORBIDDEN` when the file contains a valid key of the operator and `revokeOthers` is not
 *   set, a server uses the folder, or another user owns the folder
 * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the operator has 8 valid keys and `revokeOthers` is not set
 */
export async function createOperator(options: NewOperatorOptions): Promise<InitializedRegistry> {
  const { data, store, storeFile } = options;
  const config = toServerConfig(definedFields({ data, store, storeFile }));
  return addOperator(options, initializeRuntime(data, config, false));
}

/** Options of {@link rotateRegistryKey}. */
export interface RotateRegistryKeyOptions {
  /** Data folder of the registry. */
  readonly data: string;
  /** The step to make. A repeated step changes nothing. */
  readonly step: RegistryKeyStep;
  /** Whether to make the step even if the waiting time after the last step has not passed. Default false. */
  readonly force?: boolean;
}

/**
 * Makes one step of a rotation of the key of the registry. A running server with this folder notices the step at the
 * first connection or request after a second.
 *
 * - `prepare` creates the next key. The registry announces both keys, and still uses the present one.
 * - `switch`: the registry uses the next key for connections and tickets. Tickets of the former key stay valid. A
 *   client that knows only the former key can no longer connect.
 * - `retire`: the former key is no longer accepted.
 *
 * Between two steps, wait until both 330 s and a third of the longest lease have passed, so that clerks, services and
 * identity files learn both keys. If a program has the option `registryKey` or `$CLERK_REGISTRY_KEY`, add the new key
 * there after the step `prepare`.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the folder is not secured, or the step does not follow the last
 *   step
 * @throws {@link ClerkError} `CHANGE_TOO_EARLY` less than 330 s after the last step, unless `force` is set
 * @see [T10](../../docs/background.md#t10)
 */
export function rotateRegistryKey({
  data,
  step,
  force = false,
}: RotateRegistryKeyOptions): Promise<RegistryKeyRotation> {
  return rotateKey(
    { data, step, force },
    { files: registryKeyFile, keys: systemKeys, wallNow: () => systemClock.wallNow() },
  );
}

const identityRuntime = { files: systemFiles, keys: systemKeys };
const registryKeyFile: RegistryKeyFile & ClientKeysFile = {
  read(path) {
    const content = new IdentityFile(path, identityRuntime).readIfExists();
    return content && { ...content, pins: content.registryKeys };
  },
  write: (path, { pins, ...state }) =>
    new IdentityFile(path, identityRuntime).write({ ...state, registry: [], registryKeys: pins }),
  async updateRegistryKeys(path, pins) {
    const file = new IdentityFile(path, identityRuntime);
    if (file.readIfExists() !== undefined) await file.updateRegistryKeys(pins);
  },
};

/**
 * Returns the parts that `initialize` and `addOperator` need. The changes that they make are recorded in the audit log.
 *
 * @param isAlone - whether to reject the call while a server uses the database
 */
function initializeRuntime(data: string, config: ServerConfig, isAlone: boolean): InitializeRuntime {
  const runtime: ServerRuntime = { ...systemClock, ...systemHashing };
  const log = usesDatabase(config) ? databaseLog(config, runtime) : undefined;
  return {
    keyFile: registryKeyFile,
    identityFiles: {
      read: (path) => new IdentityFile(path, identityRuntime).readIfExists()?.credentials,
      write: (path, credentials, registryKeys) =>
        new IdentityFile(path, identityRuntime).write({ credentials, registry: [], registryKeys }),
    },
    keys: systemKeys,
    engine: log?.subject,
    openIdentities: async () => {
      const store = log ?? storeOf(data, runtime);
      const subject = `Data folder ${quote(data)}`;
      const folder = log === undefined ? undefined : await openDataFolder(data, subject);
      const changes: OwnChange[] = [];
      const closeStore = async (): Promise<void> => {
        await store.close();
        await folder?.close();
      };
      const options: NameServerOptions = {
        version: packageVersion(),
        onOwnChange: (change) => changes.push(change),
      };
      try {
        await log?.open();
        if (log !== undefined && isAlone) await untilIdle(log, runtime);
        const names =
          'append' in store
            ? await openSharedNameServer(store, runtime, options)
            : await openNameServer(store, runtime, options);
        const close = async (): Promise<void> => {
          await names.close();
          try {
            // Opens the audit log even without changes, so that the log gets no gap at the next start of a server.
            const audit = await openAudit(data, names, config, runtime);
            for (const change of changes) audit.recordOwnChange(change);
            await audit.close();
          } finally {
            await closeStore();
          }
        };
        return { identities: names.identities, close };
      } catch (error) {
        await closeStore();
        throw error;
      }
    },
  };
}

function openAudit(
  data: string,
  names: Pick<NameService, 'status' | 'openedRevision'>,
  { logger, maxAuditFileBytes, maxAuditFiles }: ServerConfig,
  clock: ServerRuntime,
): Promise<AuditLog> {
  return openAuditLog({
    // The store ignores the folder `audit` in the data folder.
    path: join(data, 'audit'),
    openFolder: openAuditFolder,
    incarnation: names.status().incarnation,
    openedRevision: names.openedRevision,
    revision: () => names.status().revision,
    clock,
    logger,
    maxFileBytes: maxAuditFileBytes,
    maxFiles: maxAuditFiles,
  });
}

function storeOf(data: string, runtime: ServerRuntime): Store {
  return journalStore(data, { openFolder: openDataFolder, randomHex: (bytes) => runtime.randomHex(bytes) });
}

/**
 * Yields the last lines of the output of a launched service. With `signal`, continues with new lines until the signal
 * aborts. Reads the log file in the data folder, even if the registry is not running.
 *
 * @param name - canonical name of the service
 * @throws {@link ClerkError} `NAME_NOT_FOUND` when the folder has no log file of the service
 */
export async function* readLog(
  data: string,
  name: string,
  { lines = 100, signal }: ReadLogOptions = {},
): AsyncGenerator<string, void, undefined> {
  const path = logFileOf({ logs: join(data, 'logs') }, parseName(name)) as string;
  try {
    yield* followLog(path, { clock: systemClock, lines, signal });
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new ClerkError(
      'NAME_NOT_FOUND',
      isMissing
        ? `Data folder ${quote(data)} has no log of ${name}, which is created by the first start of the service; check the canonical name and the data folder`
        : `The log of ${name} cannot be read: ${errorMessage(error)}; check the permissions of the log file`,
      { cause: error },
    );
  }
}

/** Options of {@link readLog}. */
export interface ReadLogOptions {
  /** Number of last lines to yield. Default 100. */
  readonly lines?: number;
  /** Ends the iteration. Without a signal, the iteration ends at the end of the log. */
  readonly signal?: AbortSignal;
}

/**
 * Writes the readable records of the damaged data folder `from` to the new folder `to`. Reports the losses. The
 * folder `from` is not changed. If records are lost, the new folder has a new incarnation, and does not reuse epochs.
 *
 * @returns undefined when the folder contains the calls of a service; use `salvageCalls` of `binding-clerk/service`
 *   for such a folder
 * @throws {@link ClerkError} `CONFIG_INVALID` when `from` is not a folder, or `to` exists and is not empty
 * @throws {@link ClerkError} `REGISTRY_INVALID` when nothing can be read
 * @throws {@link ClerkError} `FORBIDDEN` when a server uses the folder `from`
 */
export function salvageData(from: string, to: string): Promise<SalvageReport | undefined> {
  return salvageFolder(from, to, {
    openFolder: openDataFolder,
    isFolder,
    fillFolder,
    randomHex: (bytes) => systemHashing.randomHex(bytes),
  });
}

function connectableUrl(scheme: string, host: string, port: number): string {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `${scheme}://${urlHost(reachable)}:${port}`;
}
