import { ClerkError, copyError, errorMessage, isClerkError } from '../core/errors.js';
import { currentInbound } from '../core/inbound-request.js';
import { parseGlob } from '../core/glob.js';
import { absoluteName } from '../core/name.js';
import type { ListEntry, SearchEntry } from '../core/registry.js';
import { withDeadline } from '../core/with-deadline.js';
import { checkTimeout } from '../binding/bind-config.js';
import { defaults } from './config.js';
import type { RequestOptions } from '../binding/request-options.js';
import { minAttemptMs } from '../invoke/call-deadline.js';
import { findLongestPrefix } from './longest-prefix.js';
import { toResolved, type Resolved } from './resolved.js';
import type { ClerkContext } from './clerk-context.js';
import { checkSignal } from './option-checks.js';
import { watchNames, type NameChange } from './name-watch.js';

/**
 * Queries of the program to the registry. Every query except a watch has a timeout and keeps the process alive. A query
 * that is made while the program serves an inbound request ends by the deadline of that request.
 */
export class RegistryQueries {
  readonly #clerk: ClerkContext;

  constructor(clerk: ClerkContext) {
    this.#clerk = clerk;
  }

  async resolve(name: string, signal: AbortSignal | undefined): Promise<Resolved> {
    const absolute = absoluteName(name, this.#clerk.config.root);
    const resolution = await this.#query(() => this.#clerk.resolver.resolve(absolute), signal);
    if (resolution.kind === 'absent')
      throw new ClerkError(
        'NAME_NOT_FOUND',
        `No service is registered as ${absolute}; check the name, or list names with clerk.list()`,
      );
    return toResolved(resolution, this.#clerk.clock.now());
  }

  /**
   * Finds the longest of several names that is a service, within the timeout of a call and the deadline of the
   * inbound request. Returns undefined if no name is a service.
   *
   * @param names - the prefixes of a path, longest first
   * @throws {@link ClerkError} `DEADLINE_EXCEEDED` when the registry has not responded within the timeout
   */
  async findService(
    path: string,
    names: readonly string[],
    { signal, timeoutMs = defaults.timeoutMs }: Pick<RequestOptions, 'signal' | 'timeoutMs'>,
  ): Promise<{ readonly name: string | undefined; readonly durationMs: number }> {
    const { clock, resolver, lastKnownGood } = this.#clerk;
    const startedAt = clock.now();
    const limitMs = checkTimeout(timeoutMs, `Request to ${path}`);
    const name = await this.#query(
      () => findLongestPrefix(names, resolver, lastKnownGood),
      signal,
      limitMs,
      () => {
        const text = `Call to '${path}' exceeded its deadline of ${String(Math.round(limitMs))} ms before the registry responded`;
        return new ClerkError('DEADLINE_EXCEEDED', text);
      },
    );
    return { name, durationMs: clock.now() - startedAt };
  }

  list(glob: string, signal: AbortSignal | undefined): Promise<readonly ListEntry[]> {
    return this.#query(async (aborted) => {
      const pattern = this.#absoluteGlob(glob);
      const { registry } = this.#clerk;
      if (registry.list === undefined)
        throw new ClerkError('CONFIG_INVALID', 'clerk.list() requires a registry with a list method');
      return registry.list(pattern, { signal: aborted });
    }, signal);
  }

  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<readonly SearchEntry[]> {
    return this.#query(async (aborted) => {
      const pattern = this.#absoluteGlob(glob);
      const { registry } = this.#clerk;
      const values: unknown[] =
        typeof (filter as unknown) === 'object' && (filter as unknown) !== null
          ? Object.values(filter)
          : [undefined];
      if (values.some((value) => typeof value !== 'string')) {
        throw new ClerkError(
          'CONFIG_INVALID',
          "Filter of clerk.search() must be an object of strings such as { zone: 'a' }, or {} for all endpoints",
        );
      }
      if (registry.search === undefined)
        throw new ClerkError('CONFIG_INVALID', 'clerk.search() requires a registry with a search method');
      return registry.search(pattern, filter, { signal: aborted });
    }, signal);
  }

  watch(glob: string, signal: AbortSignal | undefined): AsyncIterableIterator<NameChange> {
    return watchNames(this.#clerk, this.#absoluteGlob(glob), checkSignal(signal, 'clerk.watch()'));
  }

  #absoluteGlob(glob: string): string {
    const pattern =
      typeof glob === 'string' && !glob.startsWith('/') ? `${this.#clerk.config.root}/${glob}` : glob;
    parseGlob(pattern);
    return pattern;
  }

  /**
   * Runs a query. The query fails after the lookup timeout of 5,000 ms, after `callTimeoutMs`, or at the deadline of
   * the inbound request. It also fails when `callerSignal` aborts or the clerk closes. In each of these cases, the
   * signal for `run` aborts.
   * @param callTimeoutMs - timeout of the call that needs the result
   */
  async #query<T>(
    run: (signal: AbortSignal) => Promise<T>,
    callerSignal: AbortSignal | undefined,
    callTimeoutMs = Infinity,
    callTimeoutError = registryTimeoutError,
  ): Promise<T> {
    const signal = checkSignal(callerSignal, 'Registry query');
    const { timerWheel, clock, callTracker, closeSignal } = this.#clerk;
    callTracker.assertOpen();
    if (signal?.aborted === true) throw abortedError(signal);
    const inboundLeftMs = (currentInbound()?.deadlineAt ?? Infinity) - clock.now();
    if (inboundLeftMs < minAttemptMs)
      throw inboundDeadlineError(`was not started because less than ${String(minAttemptMs)} ms were left`);
    const keepAlive = {
      expiresAt: 0,
      previous: undefined,
      next: undefined,
      expire: () => undefined,
      abort: () => undefined,
    };
    const ownLimitMs = Math.min(callTimeoutMs, defaults.lookupTimeoutMs);
    const limitMs = Math.min(ownLimitMs, inboundLeftMs);
    const ownError = ownLimitMs === callTimeoutMs ? callTimeoutError : registryTimeoutError;
    timerWheel.set(keepAlive, clock.now() + limitMs);
    try {
      return await withDeadline(
        {
          clock,
          limitMs,
          onTimeout: limitMs === ownLimitMs ? ownError : () => inboundDeadlineError('got no response'),
          parents: [
            { signal, error: abortedError, forwardsReason: true },
            { signal: closeSignal, error: () => copyError(closeSignal.reason) },
          ],
        },
        run,
      );
    } catch (error) {
      if (isClerkError(error)) throw error;
      throw new ClerkError('REGISTRY_UNREACHABLE', `The registry query failed: ${errorMessage(error)}`, {
        cause: error,
      });
    } finally {
      timerWheel.clear(keepAlive);
    }
  }
}

function registryTimeoutError(): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The registry did not respond within ${String(defaults.lookupTimeoutMs)} ms`,
  );
}

function inboundDeadlineError(what: string): ClerkError {
  return new ClerkError(
    'DEADLINE_EXCEEDED',
    `The registry query ${what} before the deadline of the inbound request that the program is serving`,
  );
}

function abortedError(signal: AbortSignal): ClerkError {
  return new ClerkError('ABORTED', 'The registry query was aborted by its caller', {
    cause: signal.reason,
  });
}
