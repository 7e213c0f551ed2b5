/**
 * The reference server, put together: names over a store, a launcher beside them, and the interface in front. It owns
 * all that it opens, and lets go of it in the order in which it would be missed.
 */
import { join } from 'node:path';
import { packageVersion } from '../runtime/package-version.js';
import { systemHashing } from '../runtime/hashing.js';
import { systemProcesses } from '../runtime/system-processes.js';
import { systemClock } from '../runtime/system-clock.js';
import { temporaryFolder } from '../runtime/temporary-folder.js';
import { instrumentStore } from './http/instrumented-store.js';
import { Metrics } from './http/metrics.js';
import { startHttpServer } from './http/http-server.js';
import { readManifests } from './launcher/manifest-files.js';
import { openLauncher } from './launcher/launcher.js';
import { LastLookups } from './last-lookups.js';
import { openNameServer } from './naming/open-name-server.js';
import { toServerConfig, type ServerConfig, type ServerOptions } from './options.js';
import type { Launcher, ServerRuntime } from './ports.js';
import { leveldbStore } from './store/leveldb-store.js';
import { memoryStore } from './store/memory-store.js';

export type { Logger } from '../core/logger.js';
export type { ServerRuntime } from './ports.js';
export type { ServerOptions } from './options.js';

/** A server that listens. */
export interface Server extends AsyncDisposable {
  /** Where it is, such as `http://127.0.0.1:4711`. */
  readonly url: string;
  /** The port it listens at. */
  readonly port: number;
  /**
   * Ends watches, lets requests in flight finish for at most 5 s, and lets go of everything. What it has started goes on
   * running. May be called again; resolves once it is over.
   */
  close(): Promise<void>;
}

/**
 * Starts a reference server.
 *
 * @example
 * ```ts
 * const server = await startServer({ port: 0 });   // in a test: any port, names in memory
 * const clerk = createClerk({ registry: server.url });
 * ```
 * @throws ClerkError `CONFIG_INVALID` for options, manifests and ports that cannot work; `FORBIDDEN` when the data folder is
 *   in use or somebody else's; `REGISTRY_INVALID` when what is in it is damaged
 */
export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const config = toServerConfig(options);
  const runtime: ServerRuntime = { ...systemClock, ...systemHashing, ...config.runtime };
  /** What is open, in the order of opening. */
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
  // Read first: what is wrong with them is told before anything is touched.
  const manifests = config.manifests === undefined ? undefined : await readManifests(config.manifests);
  const metrics = new Metrics(runtime);
  closers.push(() => metrics.close());
  const store = instrumentStore(data === undefined ? memoryStore() : leveldbStore(data), runtime, metrics);
  closers.push(() => store.close());
  const names = await openNameServer(store, runtime, {
    version: packageVersion(),
    logger,
    isStartable: (manifest) => manifests?.has(manifest) === true,
  });
  closers.push(() => names.close());
  let url = '';
  const lastLookups = new LastLookups(runtime, names);
  let launcher: Launcher | undefined;
  if (manifests !== undefined) {
    // What a program says last is told when it does not start, also where nothing is kept.
    const folder = data === undefined ? temporaryFolder() : undefined;
    if (folder) closers.push(() => folder.remove());
    // LevelDB leaves alone what is not its own.
    const logs = join(data ?? (folder?.path as string), 'logs');
    const opened = await openLauncher({
      names,
      runtime,
      manifests,
      logs,
      logger,
      processes: systemProcesses,
      registryUrls: () => [url],
      lastUsedAt: lastLookups.lastLookupAt,
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
    ...(launcher !== undefined && { onLookup: lastLookups.record }),
  });
  closers.push(() => http.close());
  url = connectableUrl(config.host, http.port);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= closeAll());
  return { url, port: http.port, close, [Symbol.asyncDispose]: close };
}

/** Where programs of this machine find it. An address that means all of them is no address to connect to. */
function connectableUrl(host: string, port: number): string {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${String(port)}`;
}
