/**
 * The reference server, or several of them, as a registry. Every answer is one server's whole answer; while one of them
 * answers, there are answers. All watches of a clerk share one stream.
 *
 * @see design: Availability of the registry
 */
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
  parseSearchReply,
  parseListReply,
  parseResolveReply,
  expectObject,
} from './parse-replies.js';
import { SharedWatch } from './shared-watch.js';

/** What a registry over reference servers needs. */
export interface RemoteRegistryOptions {
  /** Their addresses, at least one. */
  readonly urls: readonly string[];
  readonly clock: Clock;
  readonly retry: RetryLoop;
  /** Makes what carries questions to one of them. @throws a `ClerkError` `CONFIG_INVALID` */
  readonly connect: (url: string) => RegistryConnection;
}

/** How long a start may take, in ms; the caller's own deadline is shorter as a rule. */
const maxStartMs = 60_000;
/** How long one question for a start waits for its end, in ms: one that is lost costs no more than that. */
const startPollMs = 5_000;

/**
 * A registry over reference servers.
 *
 * @throws a `ClerkError` `CONFIG_INVALID` for an address that is none
 */
export function remoteRegistry({ urls, clock, retry, connect }: RemoteRegistryOptions): Required<Registry> {
  const client = new FailoverClient(urls.map(connect), clock);
  const watch = new SharedWatch(client, clock, retry);

  /** All pages by one server: what two of them say is not mixed. */
  const listPages = async (
    peer: RegistryConnection,
    glob: string,
    signal: AbortSignal,
  ): Promise<readonly ListEntry[]> => {
    const entries: ListEntry[] = [];
    let after: string | null = null;
    let first: ListResponse | undefined;
    do {
      const query: Record<string, string> = after === null ? { glob } : { glob, after };
      const page = parseListReply(await peer.request({ path: paths.list, query }, signal), peer, paths.list);
      first ??= page;
      const goesBack = page.next !== null && after !== null && compareNames(page.next, after) <= 0;
      if (page.incarnation !== first.incarnation || goesBack)
        throw new ClerkError(
          'REGISTRY_INVALID',
          `The listing of ${glob} by ${peer.url} broke off; ask again`,
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
        parse: (reply, peer) => {
          const launched = expectObject(
            expectBody(reply, peer, paths.launch),
            peer,
            'endpoints',
          ) as LaunchResponse;
          return toEndpointInits(launched.endpoints, peer);
        },
      },
    );

  return {
    resolve: (name, { signal }) =>
      client.request(
        { path: paths.resolve, query: { name } },
        { signal, hedged: true, parse: (reply, peer) => parseResolveReply(reply, peer, paths.resolve) },
      ),

    async list(glob, { signal }) {
      parseGlob(glob);
      let failure: unknown;
      for (const peer of client.connections) {
        try {
          const entries = await listPages(peer, glob, signal);
          client.prefer(peer);
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
        throw new ClerkError('CONFIG_INVALID', "The registry cannot search by an attribute named 'glob'");
      return client.request(
        { path: paths.search, query: { ...filter, glob } },
        { signal, hedged: true, parse: (reply, peer) => parseSearchReply(reply, peer, paths.search) },
      );
    },

    watch: (glob, onSnapshot, onError) => watch.add(glob, onSnapshot, onError),

    async start(name, { signal }) {
      const until = clock.now() + maxStartMs;
      for (;;) {
        const askedAt = clock.now();
        const waitMs = Math.ceil(Math.min(startPollMs, until - askedAt));
        try {
          return await requestStart(name, waitMs, signal);
        } catch (error) {
          if (isClerkError(error) && error.code === 'NAME_NOT_FOUND')
            throw new ClerkError('START_FAILED', error.message, { cause: error });
          // It goes on, or nobody has heard of it. However often it is asked for, there is one start.
          const isLate = clock.now() - askedAt >= waitMs;
          if (!isLate || signal.aborted || clock.now() >= until) throw error;
        }
      }
    },

    async report(report, { signal }) {
      await client.request(
        { path: paths.report, body: report },
        { signal, hedged: false, parse: (reply, peer) => void expectBody(reply, peer, paths.report) },
      );
    },

    async close() {
      watch.close();
      await client.close();
    },
  };
}
