import type { ConnectedCandidate } from '../core/candidate.js';

/** What one call requires of the endpoint that is picked. */
export interface PickConstraints {
  /** Affinity key of the call. Calls with the same key prefer the same endpoint. */
  readonly affinity: string | undefined;
  /** Whether only endpoints with a TLS address may be picked. */
  readonly tlsOnly: boolean;
  /**
   * Scope of the idempotency store of the endpoint that may have executed the call in an earlier attempt. Only
   * endpoints with this scope may be picked, since only their store detects the repeat. If undefined, all endpoints may
   * be picked.
   *
   * @see [C3.6](../../docs/guarantees.md#c3-6)
   */
  readonly idempotencyScope?: string;
}

/** Chooses the endpoints of a call. If necessary, looks the service up, starts the service or waits for an endpoint. */
export interface EndpointPicker {
  /** Name of the load-balancing policy, used as the pick reason in outcomes. */
  readonly policyName: string;
  /**
   * Time from which {@link EndpointPicker.pickTrial} may return an endpoint; Infinity while no endpoint waits for a
   * trial.
   */
  readonly trialDueAt: number;
  /**
   * Returns an ejected or suspect endpoint that gets the call as its probe; undefined when there is none. Called before
   * `pickCached`, and only for a call that may be sent twice. The field `isTrial` of the returned candidate is true.
   */
  pickTrial(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /** Picks an endpoint from the cached resolution. Returns undefined if `prepare` must be called first. */
  pickCached(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Picks an endpoint; called right after `prepare`. A resolution that has expired since `prepare` is still used.
   * Returns undefined if `prepare` must be called again.
   */
  pick(now: number, constraints: PickConstraints): ConnectedCandidate | undefined;
  /**
   * Prepares for `pick`. If necessary, looks the service up, starts the service, or waits for the end of a connection
   * backoff.
   *
   * @param onServiceConfig - called when the service config is known, before the service is started and before any wait
   * for a backoff
   * @throws {@link ClerkError} when no endpoint can be made available
   */
  prepare(constraints: PickConstraints, onServiceConfig: () => void): Promise<void>;
  /**
   * Picks an endpoint whose id is not in `tried`. An endpoint that is not ejected is preferred to an ejected endpoint.
   * Returns undefined if the ids of all endpoints are in `tried`.
   */
  pickAlternative(
    now: number,
    constraints: PickConstraints,
    tried: ReadonlySet<string>,
  ): ConnectedCandidate | undefined;
  /**
   * Whether there is an endpoint that is not ejected and whose id is not in `tried`. Only then may an attempt be
   * abandoned in favour of another endpoint.
   */
  hasAlternative(constraints: PickConstraints, tried: ReadonlySet<string>): boolean;
  /** Whether the cached resolution has not expired. */
  isFresh(now: number): boolean;
  /**
   * Looks the service up again and passes `suspects`, the ids of endpoints that failed, to the registry. Never rejects:
   * a failed lookup leaves the cached resolution in use.
   */
  refreshResolution(suspects: ReadonlySet<string>): Promise<void>;
  /** Whether a factory can start the service when no endpoint is reachable. */
  readonly canStart: boolean;
  /**
   * Starts the service. Called when no endpoint was reachable. Resolves when the service has a new endpoint; rejects
   * when the start fails.
   *
   * @param attemptedAt - start time of the attempt that could not connect to an endpoint
   */
  startService(attemptedAt: number): Promise<void>;
}
