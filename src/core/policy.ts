import type { Candidate } from './candidate.js';

/** Input of a pick besides the candidates. */
export interface PickContext {
  /** Time of the pick, in ms on the monotonic clock. */
  readonly now: number;
  /** Returns a random number from the runtime, uniform in [0, 1). */
  readonly random: () => number;
  /** Affinity key of the call; undefined when the call has none. */
  readonly affinity: string | undefined;
}

/**
 * Picks one of the candidates passed to {@link Policy.prepare}; returns undefined when no candidate is suitable. Called
 * synchronously during each call. Must take constant time and allocate nothing.
 */
export type Picker = (context: PickContext) => Candidate | undefined;

/** Location of this client, for policies that prefer near endpoints. */
export interface Locality {
  /** Host of this client. */
  readonly host: string;
  /** Zone of this client; undefined when not configured. */
  readonly zone: string | undefined;
}

/** Input of {@link Policy.prepare}. */
export interface PickerInput {
  /**
   * Candidates that may be picked, in a stable order. These are the `open` candidates; among these, the candidates in
   * state `up`; among these, the candidates with a positive weight. A condition that no candidate meets is ignored.
   */
  readonly candidates: readonly Candidate[];
  /** All candidates whose version matches the version range of the binding, including ejected candidates. */
  readonly all: readonly Candidate[];
  /** Location of this client. */
  readonly locality: Locality;
  /**
   * Returns the subset of the candidates that this client uses, in the same order. Absent unless the service has many
   * endpoints. Policies that pick by key or by order do not call this function and use all candidates. `subset` must be
   * called during `prepare` only.
   */
  readonly subset?: (candidates: readonly Candidate[]) => readonly Candidate[];
}

/**
 * A load-balancing policy of one binding. `prepare` is called when the set of candidates changes or the health of a
 * candidate changes. `prepare` may take time proportional to the number of candidates; the picker must take constant
 * time. Each change creates a new picker, so state that must survive a change, such as a position or a seed, belongs in
 * the policy.
 */
export interface Policy {
  /** Name of the policy in outcomes and in `explain`. */
  readonly name: string;
  /** Whether a retryable call is sent to two endpoints at once and takes the first response. Default false. */
  readonly hedges?: boolean;
  /** Returns a short note about a candidate for `explain`; undefined for no note. */
  readonly describe?: (candidate: Candidate) => string | undefined;
  /** Creates the picker for one set of candidates. */
  prepare(input: PickerInput): Picker;
}

/**
 * A policy of the program: returns one of the candidates, or undefined for none. When the function throws or returns
 * any other value, the call fails with `CONFIG_INVALID`.
 */
export type PolicyFunction = (
  candidates: readonly Candidate[],
  context: PickContext,
) => Candidate | undefined;

/** Names of the built-in policies. */
export type PolicyName =
  | 'local-first'
  | 'random'
  | 'round-robin'
  | 'load-aware'
  | 'least-pending'
  | 'weighted'
  | 'affinity'
  | 'primary'
  | 'first-to-respond';
