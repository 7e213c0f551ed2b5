/**
 * What a program asks of the registry itself: to resolve, list, search and watch. Every question is bounded in time, can
 * be aborted, and keeps the process alive while it is open; watches never do.
 */
import type { Answer } from './core/answer.js';
import { within } from './core/clock.js';
import { ClerkError, isClerkError, reasonOf } from './core/errors.js';
import { parseGlob } from './core/glob.js';
import { absoluteName } from './core/name.js';
import type { ListEntry, SearchEntry } from './core/registry.js';
import { timeoutOf } from './bind-config.js';
import { defaults } from './config.js';
import type { RequestOptions } from './request.js';
import { resolved, type Resolved } from './resolved.js';
import type { Shared } from './shared.js';
import { signalOf } from './signal.js';
import { changes, type Change } from './watch.js';

/** See the file's header. */
export class Directory {
  readonly #shared: Shared;

  constructor(shared: Shared) {
    this.#shared = shared;
  }

  async resolve(name: string, signal: AbortSignal | undefined): Promise<Resolved> {
    const full = absoluteName(name, this.#shared.config.root);
    const [answer] = (await this.answers([full], signal)) as [Answer];
    if (answer.kind === 'absent') throw new ClerkError('NAME_NOT_FOUND', `The registry knows no ${full}`);
    return resolved(answer, this.#shared.clock.now());
  }

  /** The answers for several names, from memory where that is fresh. */
  answers(names: readonly string[], signal: AbortSignal | undefined): Promise<readonly Answer[]> {
    return this.#ask(() => this.#resolved(names), signal);
  }

  /**
   * The same before a call, within the time that it may take.
   *
   * @param path - what is called, for the message
   * @returns the answers, and how long they took in ms
   * @throws a `ClerkError` `DEADLINE_EXCEEDED` when the call's time is over before they are in
   */
  async answersFor(
    path: string,
    names: readonly string[],
    { signal, timeoutMs = defaults.timeoutMs }: Pick<RequestOptions, 'signal' | 'timeoutMs'>,
  ): Promise<{ readonly answers: readonly Answer[]; readonly ms: number }> {
    const { clock } = this.#shared;
    const limitMs = timeoutOf(timeoutMs, `A request of ${path}`);
    const startedAt = clock.now();
    const answers = await this.#ask(
      () => this.#resolved(names),
      signal,
      limitMs,
      () => {
        const text = `Call of '${path}' did not end within its ${String(limitMs)} ms: the registry has not answered yet`;
        return new ClerkError('DEADLINE_EXCEEDED', text);
      },
    );
    return { answers, ms: clock.now() - startedAt };
  }

  list(glob: string, signal: AbortSignal | undefined): Promise<readonly ListEntry[]> {
    return this.#ask(async (aborted) => {
      const pattern = this.#glob(glob);
      const { registry } = this.#shared;
      if (registry.list === undefined)
        throw new ClerkError('CONFIG_INVALID', 'This registry cannot list names: it has no list method');
      return registry.list(pattern, { signal: aborted });
    }, signal);
  }

  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    signal: AbortSignal | undefined,
  ): Promise<readonly SearchEntry[]> {
    return this.#ask(async (aborted) => {
      const pattern = this.#glob(glob);
      const { registry } = this.#shared;
      const values: unknown[] =
        typeof (filter as unknown) === 'object' && (filter as unknown) !== null
          ? Object.values(filter)
          : [undefined];
      if (values.some((value) => typeof value !== 'string')) {
        throw new ClerkError(
          'CONFIG_INVALID',
          "search() needs a filter: an object of strings such as { zone: 'a' }, or {} for all",
        );
      }
      if (registry.search === undefined)
        throw new ClerkError('CONFIG_INVALID', 'This registry cannot search: it has no search method');
      return registry.search(pattern, filter, { signal: aborted });
    }, signal);
  }

  watch(glob: string, signal: AbortSignal | undefined): AsyncIterableIterator<Change> {
    return changes(this.#shared, this.#glob(glob), signalOf(signal));
  }

  #resolved(names: readonly string[]): Promise<readonly Answer[]> {
    return Promise.all(names.map((name) => this.#shared.cached.resolve(name)));
  }

  #glob(glob: string): string {
    const pattern =
      typeof glob === 'string' && !glob.startsWith('/') ? `${this.#shared.config.root}/${glob}` : glob;
    parseGlob(pattern);
    return pattern;
  }

  /** A question to the registry by the program itself: bounded in time, keeps the process alive, can be aborted. */
  async #ask<T>(
    question: (signal: AbortSignal) => Promise<T>,
    given: AbortSignal | undefined,
    callMs = Infinity,
    callIsLate = silent,
  ): Promise<T> {
    const signal = signalOf(given);
    const { wheel, clock } = this.#shared;
    this.#shared.gate.check();
    if (signal?.aborted === true) throw aborted(signal);
    const controller = new AbortController();
    const keepAlive = {
      expiresAt: 0,
      previous: undefined,
      next: undefined,
      expire: () => undefined,
      cut: () => undefined,
    };
    const limitMs = Math.min(callMs, defaults.lookupTimeoutMs);
    wheel.set(keepAlive, clock.now() + limitMs);
    let onAbort: (() => void) | undefined;
    try {
      const gaveUp = new Promise<never>((_resolve, reject) => {
        onAbort = () => {
          controller.abort(signal?.reason);
          reject(aborted(signal as AbortSignal));
        };
        signal?.addEventListener('abort', onAbort);
      });
      const answer = Promise.race([question(controller.signal), gaveUp]);
      return await within(clock, limitMs, answer, limitMs === callMs ? callIsLate : silent);
    } catch (error) {
      if (isClerkError(error)) throw error;
      throw new ClerkError('REGISTRY_UNREACHABLE', `The registry failed to answer: ${reasonOf(error)}`, {
        cause: error,
      });
    } finally {
      wheel.clear(keepAlive);
      if (onAbort) signal?.removeEventListener('abort', onAbort);
    }
  }
}

function silent(): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The registry did not answer within ${String(defaults.lookupTimeoutMs)} ms`,
  );
}

function aborted(signal: AbortSignal): ClerkError {
  return new ClerkError('ABORTED', 'The question to the registry was aborted by its caller', {
    cause: signal.reason,
  });
}
