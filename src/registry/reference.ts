/**
 * The reference server, or several of them, as a registry. Every answer is one server's whole answer; while one of them
 * answers, there are answers. All watches of a clerk share one stream.
 *
 * @see design: Availability of the registry
 */
import type { Clock } from '../core/clock.js';
import type { EndpointInit } from '../core/endpoint.js';
import { ClerkError, isClerkError } from '../core/errors.js';
import { parseGlob } from '../core/glob.js';
import { compareNames } from '../core/name-order.js';
import type { ListEntry, Registry } from '../core/registry.js';
import type { Retry } from '../core/retry.js';
import type { LaunchReply, ListReply } from '../wire/messages.js';
import { paths } from '../wire/paths.js';
import type { Peer } from '../wire/peer.js';
import { isNoAnswer, Servers } from '../wire/servers.js';
import { bodyOf, endpointsOf, foundBy, pageOf, resolutionOf, shaped } from './reference-answers.js';
import { SharedWatch } from './reference-watch.js';

/** What a registry over reference servers needs. */
export interface ReferenceOptions {
  /** Their addresses, at least one. */
  readonly urls: readonly string[];
  readonly clock: Clock;
  readonly retry: Retry;
  /** Makes what carries questions to one of them. @throws a `ClerkError` `CONFIG_INVALID` */
  readonly connect: (url: string) => Peer;
}

/** How long a start may take, in ms; the caller's own deadline is shorter as a rule. */
const startMs = 60_000;
/** How long one question for a start waits for its end, in ms: one that is lost costs no more than that. */
const startAskMs = 5_000;

/**
 * A registry over reference servers.
 *
 * @throws a `ClerkError` `CONFIG_INVALID` for an address that is none
 */
export function referenceRegistry({ urls, clock, retry, connect }: ReferenceOptions): Required<Registry> {
  const servers = new Servers(urls.map(connect), clock);
  const watch = new SharedWatch(servers, clock, retry);

  /** All pages by one server: what two of them say is not mixed. */
  const pages = async (peer: Peer, glob: string, signal: AbortSignal): Promise<readonly ListEntry[]> => {
    const entries: ListEntry[] = [];
    let after: string | null = null;
    let first: ListReply | undefined;
    do {
      const query: Record<string, string> = after === null ? { glob } : { glob, after };
      const page = pageOf(await peer.ask({ path: paths.list, query }, signal), peer, paths.list);
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

  const startedBy = (name: string, waitMs: number, signal: AbortSignal): Promise<readonly EndpointInit[]> =>
    servers.ask(
      { path: paths.launch, body: { name, waitMs }, headMs: waitMs + 1_000 },
      {
        signal,
        hedged: false,
        read: (reply, peer) => {
          const launched = shaped(bodyOf(reply, peer, paths.launch), peer, 'endpoints') as LaunchReply;
          return endpointsOf(launched.endpoints, peer);
        },
      },
    );

  return {
    resolve: (name, { signal }) =>
      servers.ask(
        { path: paths.resolve, query: { name } },
        { signal, hedged: true, read: (reply, peer) => resolutionOf(reply, peer, paths.resolve) },
      ),

    async list(glob, { signal }) {
      parseGlob(glob);
      let failure: unknown;
      for (const peer of servers.order) {
        try {
          const entries = await pages(peer, glob, signal);
          servers.prefer(peer);
          return entries;
        } catch (error) {
          signal.throwIfAborted();
          if (!isNoAnswer(error)) throw error;
          failure ??= error;
        }
      }
      throw failure;
    },

    async search(glob, filter, { signal }) {
      parseGlob(glob);
      if (Object.hasOwn(filter, 'glob'))
        throw new ClerkError('CONFIG_INVALID', "The registry cannot search by an attribute named 'glob'");
      return servers.ask(
        { path: paths.search, query: { ...filter, glob } },
        { signal, hedged: true, read: (reply, peer) => foundBy(reply, peer, paths.search) },
      );
    },

    watch: (glob, onSnapshot, onError) => watch.add(glob, onSnapshot, onError),

    async start(name, { signal }) {
      const until = clock.now() + startMs;
      for (;;) {
        const askedAt = clock.now();
        const waitMs = Math.ceil(Math.min(startAskMs, until - askedAt));
        try {
          return await startedBy(name, waitMs, signal);
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
      await servers.ask(
        { path: paths.report, body: report },
        { signal, hedged: false, read: (reply, peer) => void bodyOf(reply, peer, paths.report) },
      );
    },

    async close() {
      watch.close();
      await servers.close();
    },
  };
}
