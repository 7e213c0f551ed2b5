import type { Clock } from '../core/clock.js';
import { describeValue } from '../core/describe-value.js';
import { ClerkError, errorMessage } from '../core/errors.js';
import { kindOfMethod, type CallKind } from '../core/idempotency.js';
import { currentInbound } from '../core/inbound-request.js';
import { checkSignal } from '../client/option-checks.js';
import type { CallDeadline } from '../invoke/call-deadline.js';
import { capToInbound } from '../invoke/inbound-deadline.js';
import type { PickConstraints } from '../invoke/endpoint-picker.js';
import { checkBoolean, checkKind, checkOverrides, checkTimeout, type BindConfig } from './bind-config.js';
import type { CallOptions, RequestOptions } from './request-options.js';

type TimeOptions = Pick<
  RequestOptions,
  'timeoutMs' | 'totalTimeoutMs' | 'attemptTimeoutMs' | 'retries' | 'waitForReady'
>;

/** Merges the options of a call and of its binding. An option of the call takes precedence. */
export class CallSettings {
  readonly noConstraints: PickConstraints;
  readonly #clock: Clock;
  readonly #config: BindConfig;
  readonly #defaultDeadline: CallDeadline;
  readonly #subject: string;

  constructor(clock: Clock, config: BindConfig) {
    this.#clock = clock;
    this.#config = config;
    this.#subject = `Request to ${config.name}`;
    this.#defaultDeadline = Object.freeze({
      timeoutMs: config.timeoutMs,
      isExplicit: config.hasOwnTimeout,
      totalTimeoutMs: config.totalTimeoutMs,
      elapsedMs: 0,
      inboundLeftMs: Infinity,
      allowsRetries: true,
      overrides: undefined,
      waitsForReady: config.waitForReady,
    });
    this.noConstraints = Object.freeze({
      affinity: typeof config.affinity === 'string' ? config.affinity : undefined,
      tlsOnly: false,
    });
  }

  kind(options: {
    readonly method?: string | undefined;
    readonly kind?: unknown;
    readonly idempotent?: unknown;
  }): CallKind {
    const { kind } = options;
    if (kind !== undefined) return checkKind(kind, this.#subject) as CallKind;
    if (options.idempotent === true) return 'idempotent';
    return this.#config.kind ?? kindOfMethod(options.method ?? 'GET');
  }

  constraints(affinity: string | undefined, path: string): PickConstraints {
    const key = this.affinityKey(affinity, path);
    return key === undefined ? this.noConstraints : { affinity: key, tlsOnly: false };
  }

  affinityKey(given: unknown, path: string): string | undefined {
    if (given !== undefined && typeof given !== 'string')
      throw new ClerkError(
        'CONFIG_INVALID',
        `affinity of a call to ${this.#config.name} must be a string; got ${describeValue(given)}`,
      );
    if (given !== undefined) return given;
    const { affinity } = this.#config;
    if (typeof affinity !== 'function') return affinity;
    try {
      const key: unknown = affinity(path);
      if (key !== undefined && typeof key !== 'string')
        throw new TypeError(
          `the function must return a string or undefined; got ${key instanceof Promise ? 'a promise' : describeValue(key)}`,
        );
      return key;
    } catch (error) {
      throw new ClerkError(
        'CONFIG_INVALID',
        `The affinity function of ${this.#config.name} failed: ${errorMessage(error)}`,
        { cause: error },
      );
    }
  }

  forCall(
    subject: string,
    options: CallOptions,
  ): { kind: CallKind; deadline: CallDeadline; signal: AbortSignal | undefined } {
    return {
      kind: 'once',
      deadline: this.deadline(subject, options),
      signal: checkSignal(options.signal, subject),
    };
  }

  /**
   * Returns the deadline of a call. A call made while the program serves an inbound request ends by the deadline of
   * that request.
   * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
   * @throws {@link ClerkError} `DEADLINE_EXCEEDED` when the inbound request has less than 10 ms left
   */
  deadline(
    subject: string,
    { timeoutMs, totalTimeoutMs, attemptTimeoutMs, retries, waitForReady }: TimeOptions,
  ): CallDeadline {
    let own = this.#defaultDeadline;
    if (timeoutMs !== undefined)
      own = { ...own, timeoutMs: checkTimeout(timeoutMs, subject), isExplicit: true };
    if (totalTimeoutMs !== undefined)
      own = { ...own, totalTimeoutMs: checkTimeout(totalTimeoutMs, subject, 'totalTimeoutMs') };
    if (attemptTimeoutMs !== undefined || retries !== undefined)
      own = { ...own, overrides: checkOverrides({ attemptTimeoutMs, retries }, subject) };
    if (waitForReady !== undefined)
      own = { ...own, waitsForReady: checkBoolean(waitForReady, subject, 'waitForReady') };
    const inbound = currentInbound();
    return inbound === undefined ? own : capToInbound(own, inbound, this.#clock.now(), this.#config.name);
  }
}
