/** Composition root of the bundled server. */
import { join } from 'node:path';
import { quote } from '../core/describe-value.js';
import { ClerkError, errorMessage } from '../core/errors.js';
import { parseName } from '../core/name.js';
import { IdentityFile } from '../identity/identity-file.js';
import { packageVersion } from '../runtime/package-version.js';
import { fillFolder, isFolder } from '../runtime/replace-folder.js';
import { systemHashing } from '../runtime/hashing.js';
import { systemProcesses } from '../runtime/system-processes.js';
import { systemClock } from '../runtime/system-clock.js';
import { openAuditFolder } from '../runtime/system-audit-folder.js';
import { openDataFolder } from '../runtime/system-data-folder.js';
import { followLog } from '../runtime/follow-log.js';
import { systemFiles } from '../runtime/system-files.js';
import { systemKeys } from '../runtime/system-keys.js';
import { temporaryFolder } from '../runtime/temporary-folder.js';
import { openAuditLog } from './audit/open-audit-log.js';
import { instrumentStore } from './http/instrumented-store.js';
import { LimitLog } from './http/limit-log.js';
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
import { openNameServer } from './naming/open-name-server.js';
import { logFileOf } from './launcher/log-limiter.js';
import { checkInsecure, toServerConfig, type ServerConfig, type ServerOptions } from './options.js';
import type { AuditLog, Launcher, NameService, OwnChange, ServerRuntime, Store } from './ports.js';
import { journalStore } from './store/journal-store.js';
import { memoryStore } from './store/memory-store.js';
import { salvageFolder, type SalvageReport } from './salvage.js';

export { ClerkError, isClerkError } from '../core/errors.js';
export type { ClerkErrorCode, ClerkErrorDetails, Execution } from '../core/errors.js';
export type { Outcome, Stage, Verdict } from '../core/outcome.js';
export type { Logger } from '../core/logger.js';
export type { ServerRuntime } from './ports.js';
export type { ServerOptions } from './options.js';
export type { SalvageReport } from './salvage.js';
export type { InitializedRegistry, NewOperatorOptions } from './initialize.js';
export type { RegistryKeyRotation, RegistryKeyStep } from './registry-key.js';

/** A running server. */
export interface Server extends AsyncDisposable {
  /** URL of the server, such as `http://127.0.0.1:4711`; `https:` if the registry is secured. */
  readonly url: string;
  /** Port that the server listens on. */
  readonly port: number;
  /** The key that a secured registry proves at present: the option `registryKey` of a clerk. Undefined if it is open. */
  readonly registryKey: string | undefined;
  /** The keys that a secured registry announces, the proved key first. During a rotation two, otherwise one; none if it is open. */
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
 * @throws {@link ClerkError} `FORBIDDEN` when another server uses the data folder, or another user owns the data
 *   folder
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the data folder has damaged records
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
  // Manifests are read first, so an invalid manifest leaves nothing to close.
  const manifests = config.manifests === undefined ? undefined : await readManifests(config.manifests);
  const metrics = new Metrics(runtime);
  const limitLog = new LimitLog(runtime, logger);
  closers.push(() => metrics.close());
  const store = instrumentStore(
    data === undefined ? memoryStore() : storeOf(data, runtime),
    runtime,
    metrics,
  );
  closers.push(() => store.close());
  // Closed after the names, whose last changes it records.
  let audit: AuditLog | undefined;
  closers.push(() => audit?.close());
  let registryKey: LiveRegistryKey | undefined;
  // Until the audit log is open, the changes of the registry wait.
  const earlyChanges: OwnChange[] = [];
  let recordOwnChange = (change: OwnChange): void => void earlyChanges.push(change);
  const names = await openNameServer(store, runtime, {
    version: packageVersion(),
    logger,
    heartbeatMs: config.heartbeatMs,
    maxRegistrations: config.maxRegistrations,
    maxNames: config.maxNames,
    maxNamesPerPrincipal: config.maxNamesPerPrincipal,
    maxGuaranteedMs: config.maxGuaranteedMs,
    onLimit: (principal, error) => limitLog.record(principal, error),
    isStartable: (manifest) => manifests?.has(manifest) === true,
    adopt: config.adopt,
    onOwnChange: (change) => recordOwnChange(change),
    registryKeys: { tools: systemKeys, pins: () => registryKey?.pins ?? [] },
  });
  closers.push(() => names.close());
  if (data !== undefined) {
    const read = (): RegistryKeyState | undefined => registryKeyFile.read(registryKeyPath(data));
    const initial = read();
    checkInitialized(data, initial !== undefined, names.identities);
    registryKey = initial && new LiveRegistryKey({ initial, read, clock: runtime, logger });
  }
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
    // Even without a data folder, the output of services needs a folder, because the error of a failed start quotes
    // it.
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
      isDurable: data !== undefined,
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
  url = connectableUrl(security === undefined ? 'http' : 'https', config.host, http.port);
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
 * Secures the registry in a data folder that no server uses at the moment: creates the key of the registry, and the
 * first operator. From then on, a server with this folder accepts only TLS connections, and only clients with an
 * enrolled key. The names in the folder stay.
 *
 * @param data - data folder; a missing folder is created
 * @throws {@link ClerkError} `FORBIDDEN` when the folder is initialized already, a server uses the folder, or another
 *   user owns the folder
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the data folder has damaged records
 */
export async function initializeRegistry(data: string): Promise<InitializedRegistry> {
  const config = toServerConfig({ data });
  return initialize(data, initializeRuntime(data, config));
}

/**
 * Creates another operator with all rights on all names, for example after the key of the first operator was lost. The
 * data folder must be secured, and no server may use it at the moment.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the folder is not secured
 * @throws {@link ClerkError} `FORBIDDEN` when the file contains a valid key of the operator and `revokeOthers` is not
 *   set, a server uses the folder, or another user owns the folder
 * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the operator has 8 valid keys and `revokeOthers` is not set
 */
export async function createOperator(options: NewOperatorOptions): Promise<InitializedRegistry> {
  const { data } = options;
  const config = toServerConfig({ data });
  return addOperator(options, initializeRuntime(data, config));
}

/** Options of {@link rotateRegistryKey}. */
export interface RotateRegistryKeyOptions {
  /** Data folder of the registry. */
  readonly data: string;
  /** The step to make. A repeated step changes nothing. */
  readonly step: RegistryKeyStep;
  /** Whether the step does not wait for the end of the time after the step before it. Default false. */
  readonly force?: boolean;
}

/**
 * Makes one step of the rotation of the registry's own key. A running server with this folder notices the step within
 * a second of its next connection or request.
 *
 * - `prepare` creates the next key. The registry announces both keys, and still proves the present one.
 * - `switch`: the registry proves the next key, and signs tickets with it. Tickets of the former key are still accepted.
 *   A client that knows only the former key is refused.
 * - `retire`: the former key is not accepted any more.
 *
 * Between two steps, wait for 330 s, and for a third of the longest lease. Clerks, services and identity files then know
 * both keys. Where a program gets `registryKey` or `$CLERK_REGISTRY_KEY`, add the new key after the step `prepare`.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the folder is not secured, or the step does not follow the last one
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

/** The changes are recorded in the audit log. */
function initializeRuntime(data: string, config: ServerConfig): InitializeRuntime {
  const runtime: ServerRuntime = { ...systemClock, ...systemHashing };
  return {
    keyFile: registryKeyFile,
    identityFiles: {
      read: (path) => new IdentityFile(path, identityRuntime).readIfExists()?.credentials,
      write: (path, credentials, registryKeys) =>
        new IdentityFile(path, identityRuntime).write({ credentials, registry: [], registryKeys }),
    },
    keys: systemKeys,
    openIdentities: async () => {
      const store = storeOf(data, runtime);
      const changes: OwnChange[] = [];
      try {
        const names = await openNameServer(store, runtime, {
          version: packageVersion(),
          onOwnChange: (change) => changes.push(change),
        });
        const close = async (): Promise<void> => {
          await names.close();
          try {
            // Also without a change, so that the log has no gap.
            const audit = await openAudit(data, names, config, runtime);
            for (const change of changes) audit.recordOwnChange(change);
            await audit.close();
          } finally {
            await store.close();
          }
        };
        return { identities: names.identities, close };
      } catch (error) {
        await store.close();
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
 * Yields the last lines that a launched service has printed. With `signal`, continues with new lines until the signal
 * aborts. Reads the log file in the data folder; the registry need not run.
 *
 * @param name - the canonical name of the service
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
        ? `Data folder ${quote(data)} has no log of ${name}; the log begins with the first start of the service, so check the canonical name and the data folder`
        : `The log of ${name} cannot be read: ${errorMessage(error)}; check the name and the data folder`,
      { cause: error },
    );
  }
}

/** Options of {@link readLog}. */
export interface ReadLogOptions {
  /** How many of the last lines are yielded. Default 100. */
  readonly lines?: number;
  /** Ends the iteration. Without a signal, the iteration ends at the end of the log. */
  readonly signal?: AbortSignal;
}

/**
 * Writes the readable records of the damaged data folder `from` to the new folder `to`. Reports the losses. The
 * folder `from` is not changed. After a loss, the new folder has another incarnation and assigns no epoch a second
 * time.
 *
 * @returns undefined when the folder stores the calls of a service; `salvageCalls` of `binding-clerk/service`
 *   salvages such a folder
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
  return `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}
