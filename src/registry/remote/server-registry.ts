import { abortableSleep } from '../../core/abortable-sleep.js';
import type { Clock } from '../../core/clock.js';
import type { EndpointInit } from '../../core/endpoint.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import { parseGlob } from '../../core/glob.js';
import type { Registry } from '../../core/registry.js';
import { retryDelayMs } from '../../core/server-requested-delay.js';
import type { RetryLoop } from '../../core/retry-loop.js';
import type { ReceivedTicket } from '../../core/service-ticket.js';
import { paths } from '../../protocol/paths.js';
import type { RegistryConnection, RegistryRequest } from '../../registry-client/connection.js';
import { isUnavailable } from '../../registry-client/connection-errors.js';
import { FailoverClient } from '../../registry-client/failover-client.js';
import { expectBody } from '../../registry-client/json-response.js';
import {
  parseEndpoints,
  parseListResponse,
  parseResolveResponse,
  parseSearchPage,
} from './parse-responses.js';
import { parseTicket } from './parse-ticket.js';
import { readPages, type PagedRequest } from './read-pages.js';
import { ReconnectingWatch } from './reconnecting-watch.js';
import { RegistryRetries } from './registry-retries.js';

export interface ServerRegistry extends Required<Registry> {
  /** Error of the last lookup or start, if this request got no response. */
  readonly failure: ClerkError | undefined;
  /** @param service - canonical name */
  requestTicket(service: string, context: { readonly signal: AbortSignal }): Promise<ReceivedTicket>;
}

export interface ServerRegistryOptions {
  readonly urls: readonly string[];
  readonly clock: Clock;
  readonly retry: RetryLoop;
  readonly connect: (url: string) => RegistryConnection;
  /** Receives warnings about the servers that the registry names. Default: warnings are ignored. */
  readonly warn?: (message: string) => void;
}

/** Maximum time for which `start` waits. The deadline of the call usually ends the wait sooner. */
const maxStartMs = 60_000;
/**
 * Maximum time after which the server responds to a launch request, even if the service has not started. The clerk then
 * repeats the request. A short time limits the delay after a lost request.
 *
 * @see [decision 043](../../../docs/decisions/043-short-start-requests.md)
 */
const startPollMs = 5_000;
/**
 * A launch request that fails later than this was probably accepted by a server that ended before it responded. The
 * clerk repeats the request.
 */
const acceptedAfterMs = 100;
/** Delay before a launch request is repeated because its server ended. */
const startDelay = { maxAskedMs: 0, backoffMs: 1_000 };

export function serverRegistry(options: ServerRegistryOptions): ServerRegistry {
  const { urls, clock, retry, connect, warn = () => undefined } = options;
  const client = new FailoverClient(urls.map(connect), clock, { connect, warn });
  const outage = new RegistryRetries(clock, retry);
  const watch = new ReconnectingWatch(client, clock, retry);

  const send = <T>(
    request: RegistryRequest,
    hedged: boolean | RegistryRequest,
    signal: AbortSignal,
    parse: (body: unknown, connection: RegistryConnection) => T,
  ): Promise<T> =>
    client.request(request, {
      signal,
      hedged,
      parse: (response, connection) => parse(expectBody(response, connection, request.path), connection),
    });

  /** Reads all pages from one server. If the server becomes unavailable, reads all pages again from another server. */
  const allPages = async <Entry>(
    request: PagedRequest<Entry>,
    signal: AbortSignal,
  ): Promise<readonly Entry[]> => {
    const { path, query, parse } = request;
    for (let attempts = 1; ; attempts++) {
      const { first, connection } = await client.request(
        { path, query },
        {
          signal,
          hedged: true,
          parse: (response, sender) => {
            parse(expectBody(response, sender, path), sender);
            return { first: response, connection: sender };
          },
        },
      );
      try {
        return await readPages(connection, request, signal, first);
      } catch (error) {
        signal.throwIfAborted();
        if (!isUnavailable(error) || attempts >= client.connections.length) throw error;
      }
    }
  };

  return {
    get failure() {
      return outage.failure;
    },

    resolve: (name, { signal, position }) =>
      outage.run(
        () =>
          client.request(
            { path: paths.resolve, query: { name }, position },
            {
              signal,
              hedged: true,
              parse: (response, connection) => parseResolveResponse(response, connection, paths.resolve),
            },
          ),
        signal,
      ),

    async list(glob, { signal }) {
      parseGlob(glob);
      const subject = `The list of names that match ${glob}`;
      return allPages({ path: paths.list, query: { glob }, subject, parse: parseListResponse }, signal);
    },

    async search(glob, filter, { signal }) {
      parseGlob(glob);
      const reserved = ['glob', 'after'].find((key) => Object.hasOwn(filter, key));
      if (reserved !== undefined)
        throw new ClerkError(
          'CONFIG_INVALID',
          `A search filter must not have the key '${reserved}', because the registry reads this key as the ${reserved === 'glob' ? 'glob' : 'position'} of the search; use another attribute`,
        );
      const request = { path: paths.search, query: { ...filter, glob }, parse: parseSearchPage };
      return allPages({ ...request, subject: `The search of ${glob}` }, signal);
    },

    watch: (glob, onSnapshot, onError) => watch.add(glob, onSnapshot, onError),

    async start(name, { signal }) {
      const until = clock.now() + maxStartMs;
      const launching = { wasAccepted: false, isLate: false };
      const request = async (): Promise<readonly EndpointInit[]> => {
        const sentAt = clock.now();
        const waitMs = Math.ceil(Math.min(startPollMs, until - sentAt));
        const body = { name, waitMs };
        try {
          const launch = { path: paths.launch, body, headersTimeoutMs: waitMs + 1_000 };
          // The server responds to a launch request only after the start. Until then, a lookup shows whether the server
          // still responds.
          const read = { path: paths.resolve, query: { name } };
          return await send(launch, read, signal, parseEndpoints);
        } catch (error) {
          const waitedMs = clock.now() - sentAt;
          launching.isLate = waitedMs >= waitMs;
          launching.wasAccepted ||= waitedMs >= acceptedAfterMs || isShutdown(error);
          throw error;
        }
      };
      try {
        return await retry(() => outage.run(request, signal), {
          signal,
          // Retry if the service is still starting, or if the request was lost. A repeated request never starts a second
          // instance.
          shouldRetry: (error) => {
            const { wasAccepted, isLate } = launching;
            const mayRetry = isLate || (wasAccepted && isUnavailable(error));
            return mayRetry && !isUnknownName(error) && clock.now() < until;
          },
          wait: async () => {
            if (launching.isLate) return;
            await abortableSleep(clock, retryDelayMs(clock.random(), startDelay), signal, false);
          },
        });
      } catch (error) {
        if (isUnknownName(error)) throw new ClerkError('START_FAILED', error.message, { cause: error });
        throw error;
      }
    },

    async report(report, { signal }) {
      await send({ path: paths.report, body: report }, false, signal, () => undefined);
    },

    requestTicket: (service, { signal }) =>
      send({ path: paths.tickets, body: { service } }, true, signal, parseTicket),

    async close() {
      watch.close();
      await client.close();
    },
  };
}

function isUnknownName(error: unknown): error is ClerkError {
  return isClerkError(error) && error.code === 'NAME_NOT_FOUND';
}

function isShutdown(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isShutdown);
  return isClerkError(error) && (error.code === 'CLERK_CLOSED' || isShutdown(error.cause));
}
