import type { ConnectedCandidate } from '../core/candidate.js';

/** The requirements of one call for its endpoint. */
export interface PickConstraints {
  /** Affinity key of the call. Calls with the same key prefer the same endpoint. */
  readonly affinity: string | undefined;
  /** Whether only endpoints with a TLS address may be picked. */
  readonly tlsOnly: boolean;
  /**
   * Only endpoints with this idempotency scope may be picked. An earlier attempt may have been executed, and only the
   * store of this scope detects the repeat.
   *
   * @see [C3.6](../../docs/guarantees.md#c3-6)
   */
  readonly idempotencyScope?: string;
}

/** Picks the endpoints of a call. */
export interface EndpointPicker {
  /** Name of the load-balancing policy, used as the pick reason in outcomes. */
  readonly policyName: string;
  /**
   * Earliest time at which {@link EndpointPicker.pickTrial} may return an endpoint; `Infinity` if no endpoint waits
   * for a trial.
   */
  readonly trialDueAt: number;
  /**
   * Returns an ejected or suspect endpoint that gets the call as its probe, with `isTrial` set. Called before
   * `pickCached`, and only for a call that may be sent twice.
   */
  pickTrial(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /** Picks an endpoint from the cached resolution. Returns undefined if `prepare` must be called first. */
  pickCached(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Picks an endpoint right after `prepare`, even if the resolution has expired since. Returns undefined if `prepare`
   * must be called again.
   */
  pick(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Prepares for `pick`: looks the service up, starts the service, or waits for a connection backoff, as needed.
   *
   * @param onServiceConfig - called once the service config is known, before the service is started and before a wait
   * @throws {@link ClerkError} when no endpoint can be made available
   */
  prepare(constraints: PickConstraints, onServiceConfig: () => void): Promise<void>;
  /**
   * Picks an endpoint whose id is not in `tried`, preferably one that is not ejected. Returns undefined if there is
   * none.
   */
  pickAlternative(
    now: number,
    constraints: PickConstraints,
    tried: ReadonlySet<string>,
  ): ConnectedCandidate | undefined;
  /** Whether an endpoint is left that is not ejected and not in `tried`. An attempt may be abandoned only then. */
  hasAlternative(constraints: PickConstraints, tried: ReadonlySet<string>): boolean;
  /**
   * Whether the service was started after `sentAt`, and the endpoint is no longer listed. A call that was sent to the
   * endpoint at `sentAt` has waited for that start.
   */
  isReplaced(candidate: ConnectedCandidate, sentAt: number): boolean;
  /** Whether the cached resolution has not expired. */
  isFresh(now: number): boolean;
  /**
   * Looks the service up again and reports `suspects`, the ids of failed endpoints, to the registry. Never rejects:
   * after a failed lookup, the cached resolution stays in use.
   */
  refreshResolution(suspects: ReadonlySet<string>): Promise<void>;
  /** Whether a factory can start the service when no endpoint is reachable. */
  readonly canStart: boolean;
  /**
   * Starts the service, because no endpoint was reachable. Resolves when the service has a new endpoint; rejects when
   * the start fails.
   *
   * @param attemptedAt - start time of the attempt that could not connect
   */
  startService(attemptedAt: number): Promise<void>;
}
