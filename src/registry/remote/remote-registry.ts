import type { Clock } from '../../core/clock.js';
import type { EndpointInit } from '../../core/endpoint.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import { parseGlob } from '../../core/glob.js';
import { compareNames } from '../../core/name.js';
import type { ListEntry, Registry } from '../../core/registry.js';
import type { RetryLoop } from '../../core/retry-loop.js';
import type { LaunchResponse, ListResponse } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import type { RegistryConnection } from '../../registry-client/connection.js';
import { isUnavailable, FailoverClient } from '../../registry-client/failover-client.js';
import {
  expectBody,
  toEndpointInits,
  parseSearchResponse,
  parseListResponse,
  parseResolveResponse,
  expectObject,
} from './parse-responses.js';
import { SharedWatch } from './shared-watch.js';

/** Options of {@link remoteRegistry}. */
export interface RemoteRegistryOptions {
  /** Addresses of the registry servers, at least one. */
  readonly urls: readonly string[];
  readonly clock: Clock;
  readonly retry: RetryLoop;
  /** Creates the connection to one server. @throws {@link ClerkError} `CONFIG_INVALID` when the address is invalid */
  readonly connect: (url: string) => RegistryConnection;
}

/**
 * Longest time, in ms, for which `start` waits until a service has started. The deadline of the call usually ends the
 * wait sooner.
 */
const maxStartMs = 60_000;
/**
 * Longest time, in ms, for which the server holds one launch request until the service has started. After this time the
 * request is repeated, so a lost request delays the caller only by about this time.
 *
 * @see [decision 043](../../../docs/decisions/043-short-start-requests.md)
 */
const startPollMs = 5_000;

/**
 * Creates a registry port that queries one bundled registry server, or several equivalent servers. Works while at least
 * one of the servers responds; each result comes from one server. All watches of a clerk share one event stream.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when an address is invalid
 */
export function remoteRegistry({ urls, clock, retry, connect }: RemoteRegistryOptions): Required<Registry> {
  const client = new FailoverClient(urls.map(connect), clock);
  const watch = new SharedWatch(client, clock, retry);

  /** Requests all pages of a listing from one server. */
  const listPages = async (
    connection: RegistryConnection,
    glob: string,
    signal: AbortSignal,
  ): Promise<readonly ListEntry[]> => {
    const entries: ListEntry[] = [];
    let after: string | null = null;
    let first: ListResponse | undefined;
    do {
      const query: Record<string, string> = after === null ? { glob } : { glob, after };
      const page = parseListResponse(
        await connection.request({ path: paths.list, query }, signal),
        connection,
        paths.list,
      );
      first ??= page;
      const goesBack = page.next !== null && after !== null && compareNames(page.next, after) <= 0;
      if (page.incarnation !== first.incarnation || goesBack)
        throw new ClerkError(
          'REGISTRY_INVALID',
          `The list of ${glob} at ${connection.url} changed between two pages; try again`,
        );
      entries.push(...page.entries);
      after = page.next;
    } while (after !== null);
    return entries;
  };

  const requestStart = (
    name: string,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<readonly EndpointInit[]> =>
    client.request(
      { path: paths.launch, body: { name, waitMs }, headersTimeoutMs: waitMs + 1_000 },
      {
        signal,
        hedged: false,
        parse: (response, connection) => {
          const launch = expectObject(
            expectBody(response, connection, paths.launch),
            connection,
            'endpoints',
          ) as LaunchResponse;
          return toEndpointInits(launch.endpoints, connection);
        },
      },
    );

  return {
    resolve: (name, { signal }) =>
      client.request(
        { path: paths.resolve, query: { name } },
        {
          signal,
          hedged: true,
          parse: (response, connection) => parseResolveResponse(response, connection, paths.resolve),
        },
      ),

    async list(glob, { signal }) {
      parseGlob(glob);
      let failure: unknown;
      for (const connection of client.connections) {
        try {
          const entries = await listPages(connection, glob, signal);
          client.prefer(connection);
          return entries;
        } catch (error) {
          signal.throwIfAborted();
          if (!isUnavailable(error)) throw error;
          failure ??= error;
        }
      }
      throw failure;
    },

    async search(glob, filter, { signal }) {
      parseGlob(glob);
      if (Object.hasOwn(filter, 'glob'))
        throw new ClerkError(
          'CONFIG_INVALID',
          "A search filter must not contain the attribute 'glob'; the registry uses this name for the glob of the search",
        );
      return client.request(
        { path: paths.search, query: { ...filter, glob } },
        {
          signal,
          hedged: true,
          parse: (response, connection) => parseSearchResponse(response, connection, paths.search),
        },
      );
    },

    watch: (glob, onSnapshot, onError) => watch.add(glob, onSnapshot, onError),

    async start(name, { signal }) {
      const until = clock.now() + maxStartMs;
      for (;;) {
        const sentAt = clock.now();
        const waitMs = Math.ceil(Math.min(startPollMs, until - sentAt));
        try {
          return await requestStart(name, waitMs, signal);
        } catch (error) {
          if (isClerkError(error) && error.code === 'NAME_NOT_FOUND')
            throw new ClerkError('START_FAILED', error.message, { cause: error });
          // An error after `waitMs` means that the service is still starting or that the request was lost, so the
          // request is repeated. A repeated request never starts a second instance.
          const isLate = clock.now() - sentAt >= waitMs;
          if (!isLate || signal.aborted || clock.now() >= until) throw error;
        }
      }
    },

    async report(report, { signal }) {
      await client.request(
        { path: paths.report, body: report },
        {
          signal,
          hedged: false,
          parse: (response, connection) => void expectBody(response, connection, paths.report),
        },
      );
    },

    async close() {
      watch.close();
      await client.close();
    },
  };
}
