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
 * Picks one of the candidates passed to {@link Policy.prepare}, or undefined. Called during each call; must take
 * constant time and allocate nothing.
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
   * Candidates that may be picked, in a stable order: those that are `open`; of these, those that are not suspect; of
   * these, those in state `up`; of these, those of positive weight. A condition that no candidate meets is ignored.
   */
  readonly candidates: readonly Candidate[];
  /** All candidates whose version matches the version range of the binding, including ejected candidates. */
  readonly all: readonly Candidate[];
  /** Location of this client. */
  readonly locality: Locality;
  /**
   * Returns the subset of the candidates that this client uses, in the same order. Absent unless the service has many
   * endpoints. Called during `prepare` only, and not by policies that pick by key or by order.
   */
  readonly subset?: (candidates: readonly Candidate[]) => readonly Candidate[];
}

/**
 * A load-balancing policy of one binding. `prepare` is called when the candidates or their health change, and may take
 * time proportional to their number. State that must survive a change, such as a position, belongs in the policy.
 */
export interface Policy {
  /** Name of the policy in outcomes and in `explain`. */
  readonly name: string;
  /** Whether a retryable call is sent to two endpoints at once and takes the first response. Default false. */
  readonly hedges?: boolean;
  /**
   * Whether calls avoid an endpoint that is suspect, or that fails but may not be ejected. Default true; false for a policy
   * that must not choose another endpoint, as `primary`.
   */
  readonly avoidsFailing?: boolean;
  /** Returns a short note about a candidate for `explain`, such as its share of the calls; undefined for no note. */
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
