import { sleep, type Clock } from '../../core/clock.js';
import type { EndpointInit } from '../../core/endpoint.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import { parseGlob } from '../../core/glob.js';
import type { Registry } from '../../core/registry.js';
import { retryDelayMs } from '../../core/remote-wait.js';
import type { RetryLoop } from '../../core/retry-loop.js';
import type { ReceivedTicket } from '../../core/service-ticket.js';
import { paths } from '../../protocol/paths.js';
import type { RegistryConnection, RegistryRequest } from '../../registry-client/connection.js';
import { isUnavailable, FailoverClient } from '../../registry-client/failover-client.js';
import { expectBody } from '../../registry-client/json-response.js';
import { listPages } from './list-pages.js';
import { parseEndpoints, parseResolveResponse, parseSearchResponse } from './parse-responses.js';
import { parseTicket } from './parse-ticket.js';
import { ReconnectingWatch } from './reconnecting-watch.js';
import { RegistryOutage } from './registry-outage.js';

export interface RemoteRegistry extends Required<Registry> {
  /** Error of the last lookup or start, if it got no response. */
  readonly failure: ClerkError | undefined;
  /** @param service - canonical name */
  requestTicket(service: string, context: { readonly signal: AbortSignal }): Promise<ReceivedTicket>;
}

export interface RemoteRegistryOptions {
  readonly urls: readonly string[];
  readonly clock: Clock;
  readonly retry: RetryLoop;
  readonly connect: (url: string) => RegistryConnection;
}

/** Maximum time for which `start` waits. The deadline of the call usually ends the wait sooner. */
const maxStartMs = 60_000;
/**
 * The server holds a launch request for at most this time, and the clerk then repeats the request. A short time
 * limits the delay after a lost request.
 *
 * @see [decision 043](../../../docs/decisions/043-short-start-requests.md)
 */
const startPollMs = 5_000;
/**
 * A launch request that fails after this time was probably accepted by a server that then ended. The clerk repeats
 * the request.
 */
const acceptedAfterMs = 100;
/** Delay before a launch request is repeated because its server ended. */
const startDelay = { maxAskedMs: 0, backoffMs: 1_000 };

export function remoteRegistry({ urls, clock, retry, connect }: RemoteRegistryOptions): RemoteRegistry {
  const client = new FailoverClient(urls.map(connect), clock);
  const outage = new RegistryOutage(clock);
  const watch = new ReconnectingWatch(client, clock, retry);

  const send = <T>(
    request: RegistryRequest,
    hedged: boolean,
    signal: AbortSignal,
    parse: (body: unknown, connection: RegistryConnection) => T,
  ): Promise<T> =>
    client.request(request, {
      signal,
      hedged,
      parse: (response, connection) => parse(expectBody(response, connection, request.path), connection),
    });

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
          "A search filter must not have the key 'glob', because the registry reads this key as the glob of the search; use another attribute",
        );
      return send({ path: paths.search, query: { ...filter, glob } }, true, signal, parseSearchResponse);
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
          return await send(launch, false, signal, parseEndpoints);
        } catch (error) {
          const waitedMs = clock.now() - sentAt;
          launching.isLate = waitedMs >= waitMs;
          launching.wasAccepted ||= waitedMs >= acceptedAfterMs || isShutdown(error);
          throw error;
        }
      };
      for (;;) {
        try {
          return await outage.run(request, signal);
        } catch (error) {
          if (isClerkError(error) && error.code === 'NAME_NOT_FOUND')
            throw new ClerkError('START_FAILED', error.message, { cause: error });
          // The service is still starting, or the request was lost. A repeated request never starts a second
          // instance.
          const { wasAccepted, isLate } = launching;
          const mayRetry = isLate || (wasAccepted && isUnavailable(error));
          if (!mayRetry || signal.aborted || clock.now() >= until) throw error;
          if (!isLate) await sleep(clock, retryDelayMs(clock.random(), startDelay), false);
          signal.throwIfAborted();
        }
      }
    },

    async report(report, { signal }) {
      await send({ path: paths.report, body: report }, false, signal, () => undefined);
    },

    requestTicket: (service, { signal }) =>
      send({ path: paths.tickets, body: { service } }, false, signal, parseTicket),

    async close() {
      watch.close();
      await client.close();
    },
  };
}

function isShutdown(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isShutdown);
  return isClerkError(error) && (error.code === 'CLERK_CLOSED' || isShutdown(error.cause));
}
