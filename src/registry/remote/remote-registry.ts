import { describeValue } from '../../core/describe-value.js';
import { definedFields } from '../../core/defined-fields.js';
import { escapeText } from '../../core/escape-text.js';
import { ClerkError, configError } from '../../core/errors.js';
import type { ListEntry, Registry, Resolution, ResolveContext, SearchEntry } from '../../core/registry.js';
import type { StartedEndpoint } from '../../core/factory.js';
import type { CredentialProvider, CredentialSource } from '../../core/credentials.js';
import type { TlsOptions } from '../../core/transport.js';
import { openCredentials } from '../../identity/open-credentials.js';
import { retryLoop } from '../../runtime/p-retry-loop.js';
import { LazyCredentials } from '../../registry-client/lazy-credentials.js';
import { nearestFirst } from '../../registry-client/server-order.js';
import { parseRegistryAccess } from '../../registry-client/registry-access.js';
import { runWithinLimit } from '../../registry-client/request-limit.js';
import { serverConnector } from '../../registry-client/server-connector.js';
import { currentProcess } from '../../runtime/current-process.js';
import { systemClock } from '../../runtime/system-clock.js';
import { systemKeys } from '../../runtime/system-keys.js';
import { undici } from '../../transport/load-undici.js';
import { PinnedRegistryDialer } from '../../transport/pinned-registry-dialer.js';
import { serverRegistry, type ServerRegistry } from './server-registry.js';

/** Options of {@link remoteRegistry}. All options are optional. An unknown option is rejected with `CONFIG_INVALID`. */
export interface RemoteRegistryOptions {
  /**
   * The identity that the program proves to the registry: the path of an identity file, the result of `openIdentity` of
   * `binding-clerk/identity`, or a function that returns `{ name, key, cert }`. Default: the file `$CLERK_IDENTITY`. If
   * this variable is not set, the program proves no identity.
   */
  readonly identity?: string | CredentialSource | CredentialProvider | undefined;
  /**
   * Key that the registry must prove: `sha256/…`, as `clerk init` prints it, or a list of keys. Default: the keys in
   * `$CLERK_REGISTRY_KEY`. If this variable is not set, the keys in the identity.
   */
  readonly registryKey?: string | readonly string[] | undefined;
  /** TLS certificates. Default: the certificate authorities that Node trusts, and no client certificate. */
  readonly tls?: TlsOptions | undefined;
  /** Time limit of a lookup, a list or a search, over all servers, in ms, 1 … 2^31 − 1. Default 5,000. */
  readonly timeoutMs?: number | undefined;
}

/** Options of one request to a registry. */
export interface RegistryRequestContext {
  /** Aborts the request, which then rejects with `ABORTED`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The bundled registry as a registry port, with all optional methods. A program may call the methods directly, without
 * a context. Its requests keep the process alive; its watches do not.
 */
export interface RemoteRegistry extends Required<Registry>, AsyncDisposable {
  /** Looks up one name. Resolves to `absent` for an unknown name. */
  resolve(name: string, context?: Partial<ResolveContext>): Promise<Resolution>;
  /** Lists the names that match a glob. */
  list(glob: string, context?: RegistryRequestContext): Promise<readonly ListEntry[]>;
  /** Finds endpoints of the services whose names match a glob. */
  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    context?: RegistryRequestContext,
  ): Promise<readonly SearchEntry[]>;
  /** Starts a service that has no endpoint, once for all concurrent callers. Waits for at most 60,000 ms. */
  start(name: string, context?: RegistryRequestContext): Promise<readonly StartedEndpoint[]>;
  /** Ends all requests and watches. Later requests reject with `CLERK_CLOSED`. Repeated calls have no effect. */
  close(): Promise<void>;
}

const optionKeys = Object.keys({
  identity: true,
  registryKey: true,
  tls: true,
  timeoutMs: true,
} satisfies Record<keyof RemoteRegistryOptions, true>);

const defaultTimeoutMs = 5_000;
const maxStartMs = 65_000;
const servers = new WeakMap<object, ServerRegistry>();

/** Returns the `ServerRegistry` in a {@link RemoteRegistry}; undefined for any other registry. */
export function serverRegistryOf(registry: object): ServerRegistry | undefined {
  return servers.get(registry);
}

/**
 * Returns the bundled registry as a registry port, for `firstOf`, `union`, `mount` and `createClerk`. Makes no connection
 * before the first request.
 *
 * A clerk closes its registry, and `firstOf`, `union` and `mount` close their parts. Therefore each clerk needs its own
 * registry port. A program that uses a registry port without a clerk must call `close`.
 *
 * @example
 * ```ts
 * const central = remoteRegistry('https://reg:4711', { registryKey: 'sha256/…', identity: 'web.identity' });
 * const clerk = createClerk({ registry: firstOf(central, { '/shop/orders': 'http://127.0.0.1:3001' }) });
 * ```
 * @param urls - URL of a registry server, or a list of URLs of equivalent servers. Default: the URLs in
 *   `$CLERK_REGISTRY`, separated by commas. If this variable is not set, `https://127.0.0.1:4711` with an identity or a
 *   registry key, and `http://127.0.0.1:4711` without.
 * @throws {@link ClerkError} `CONFIG_INVALID` when a URL or an option is invalid
 */
export function remoteRegistry(
  urls?: string | readonly string[],
  options: RemoteRegistryOptions = {},
): RemoteRegistry {
  checkOptions(options);
  const access = parseRegistryAccess({ ...options, registry: urls }, 'remoteRegistry()');
  const { identity, registryKeys } = access;
  const clock = systemClock;
  const credentials =
    identity === undefined ? undefined : new LazyCredentials(() => openCredentials(identity));
  const inner = serverRegistry({
    urls: nearestFirst(access.urls, clock),
    clock,
    retry: retryLoop,
    warn: (message) => currentProcess.warn(escapeText(message)),
    connect: serverConnector({
      ...{ clock, tls: options.tls ?? {}, undici, credentials, registryKeys },
      createDialer: (settings) => new PinnedRegistryDialer({ ...settings, keys: systemKeys, clock }),
    }),
  });
  let closed: Promise<void> | undefined;
  const { timeoutMs = defaultTimeoutMs } = options;
  const run = <T>(
    subject: string,
    signal: AbortSignal | undefined,
    call: (signal: AbortSignal) => Promise<T> | T,
    limit: { readonly timeoutMs?: number; readonly keepsAlive?: boolean } = {},
  ): Promise<T> => {
    if (closed !== undefined)
      return Promise.reject(
        new ClerkError('CLERK_CLOSED', `${subject} failed, because the registry is closed`),
      );
    return runWithinLimit(
      { clock, timeoutMs, keepsAlive: true, subject, urls: access.urls, ...limit, signal },
      async (combined) => call(combined),
    );
  };
  const registry: RemoteRegistry = {
    resolve: (name, context = {}) =>
      run(
        `The lookup of ${name}`,
        context.signal,
        (signal) => inner.resolve(name, { suspects: new Set(), ...definedFields(context), signal }),
        // Only a clerk passes its clock. The background lookups of a clerk must not keep the process alive.
        { keepsAlive: context.clock === undefined },
      ),
    list: (glob, { signal } = {}) =>
      run(`The list of ${glob}`, signal, (combined) => inner.list(glob, { signal: combined })),
    search: (glob, filter, { signal } = {}) =>
      run(`The search of ${glob}`, signal, (combined) => inner.search(glob, filter, { signal: combined })),
    watch(glob, onSnapshot, onError) {
      if (closed !== undefined)
        throw new ClerkError('CLERK_CLOSED', `The watch of ${glob} failed, because the registry is closed`);
      return inner.watch(glob, onSnapshot, onError);
    },
    start: (name, { signal } = {}) =>
      run(`The start of ${name}`, signal, (combined) => inner.start(name, { signal: combined }), {
        timeoutMs: maxStartMs,
      }),
    report: async (report, context) => inner.report(report, context),
    close() {
      closed ??= inner.close() as Promise<void>;
      credentials?.close();
      return closed;
    },
    [Symbol.asyncDispose]: () => registry.close(),
  };
  servers.set(registry, inner);
  return registry;
}

function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options))
    throw configError(`remoteRegistry(): options must be an object; got ${describeValue(options)}`);
  const { timeoutMs } = options as RemoteRegistryOptions;
  const unknown = Object.keys(options).find((key) => !optionKeys.includes(key));
  if (unknown !== undefined)
    throw configError(
      `remoteRegistry(): unknown option '${unknown}'; known options are ${optionKeys.join(', ')}`,
    );
  const isTimeout =
    Number.isInteger(timeoutMs) && (timeoutMs as number) >= 1 && (timeoutMs as number) < 2 ** 31;
  if (timeoutMs !== undefined && !isTimeout)
    throw configError(
      `remoteRegistry(): timeoutMs must be an integer from 1 to 2147483647; got ${describeValue(timeoutMs)}`,
    );
}
