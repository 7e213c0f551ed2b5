import type { ConnectedCandidate } from '../core/candidate.js';

export interface PickConstraints {
  readonly affinity: string | undefined;
  readonly tlsOnly: boolean;
  /**
   * Set if an earlier attempt may have been executed. The next attempt must use the idempotency store of this scope,
   * which detects the repeated call. @see [C3.6](../../docs/guarantees.md#c3-6)
   */
  readonly idempotencyScope?: string;
}

export interface EndpointPicker {
  readonly policyName: string;
  readonly trialDueAt: number;
  /**
   * Returns an ejected or suspect endpoint that gets the call as its probe, with `isTrial` set. Called before
   * `pickCached`, and only for a call that may be sent twice.
   */
  pickTrial(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /** Returns undefined if `prepare` must be called first. */
  pickCached(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Picks an endpoint right after `prepare`, even if the resolution has expired since. Returns undefined if `prepare`
   * must be called again.
   */
  pick(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Looks the service up, starts the service, or waits until a connection backoff has ended, as needed.
   * @param onServiceConfig - called as soon as the service config is known, before any start or wait
   * @throws {@link ClerkError} when no endpoint can be made available
   */
  prepare(constraints: PickConstraints, onServiceConfig: () => void): Promise<void>;
  pickAlternative(
    now: number,
    constraints: PickConstraints,
    tried: ReadonlySet<string>,
  ): ConnectedCandidate | undefined;
  /**
   * Whether an endpoint is left that is not ejected and not in `tried`. Without such an endpoint, no attempt joins a
   * late one.
   */
  hasAlternative(constraints: PickConstraints, tried: ReadonlySet<string>): boolean;
  /** Whether the service was started after `sentAt`, and the endpoint is no longer listed. */
  isReplaced(candidate: ConnectedCandidate, sentAt: number): boolean;
  isFresh(now: number): boolean;
  /** Reports `suspects` to the registry. Never rejects: after a failed lookup, the cached resolution stays in use. */
  refreshResolution(suspects: ReadonlySet<string>): Promise<void>;
  /** When the known resolution was requested; -Infinity without a resolution. */
  resolvedAt(): number;
  /** Looks the service up again, at most every 10 ms. Concurrent calls share the lookup. Never rejects. */
  lookAgain(): Promise<void>;
  /** Resolves when the endpoints change. Without a change, resolves after a lookup within about 1 s. Never rejects. */
  untilChanged(): Promise<void>;
  readonly canStart: boolean;
  /**
   * Resolves when the service has a new endpoint; rejects when the start fails.
   * @param attemptedAt - start time of the attempt that could not connect
   */
  startService(attemptedAt: number): Promise<void>;
}
