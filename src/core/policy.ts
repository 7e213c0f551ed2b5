import type { Candidate } from './candidate.js';
import type { Locality } from './locality.js';

/** Input of a {@link Picker}. */
export interface PickContext {
  /** Time of the pick, in ms on the monotonic clock. */
  readonly now: number;
  /** Returns a random number from the runtime, uniform in [0, 1). */
  readonly random: () => number;
  /** Affinity key of the call; undefined when the call has none. */
  readonly affinity: string | undefined;
}

/**
 * Returns one of the candidates that were passed to {@link Policy.prepare}; undefined to pick none. Called for each
 * call; must take constant time and allocate nothing.
 */
export type Picker = (context: PickContext) => Candidate | undefined;

/** Input of {@link Policy.prepare}. */
export interface PickerInput {
  /**
   * Candidates that may be picked, in a stable order. Four conditions filter the candidates in turn: the status is
   * `open`, the endpoint is not suspect, the state is `up`, the weight is above 0. A condition that would leave no
   * candidate is skipped. For a policy without `allowsTrial`, `prepare` is called even with an ejected endpoint that
   * waits for a probe.
   */
  readonly candidates: readonly Candidate[];
  /** All candidates whose version matches the version range of the binding, including ejected candidates. */
  readonly all: readonly Candidate[];
  /** Location of this client. */
  readonly locality: Locality;
  /**
   * Returns those of the given candidates that this client uses, in the same order. Undefined if this client uses all
   * candidates. May be called only during `prepare`. A policy that picks by key or by order must not call `subset`.
   */
  readonly subset?: (candidates: readonly Candidate[]) => readonly Candidate[];
}

/**
 * A load-balancing policy of one binding. `prepare` is called when the candidates or their health change, and may
 * take time proportional to the number of candidates. State that must survive such a change, such as a position,
 * belongs in the policy and not in the picker.
 */
export interface Policy {
  /** Name of the policy in outcomes and in `explain`. */
  readonly name: string;
  /**
   * Whether a call that may be retried is sent to two endpoints at once. The first response is used. Default false.
   */
  readonly hedges?: boolean;
  /**
   * Whether suspect endpoints are removed from {@link PickerInput.candidates}. Default true. The policy `primary`
   * sets false, because it continues to use a suspect primary.
   */
  readonly avoidsSuspects?: boolean;
  /**
   * Whether a call may be the probe of `candidate`, an ejected endpoint. `all` contains all endpoints that match the
   * binding. Without this method, the clerk prepares a picker with `candidate` among the candidates. The call is the
   * probe if this picker picks `candidate`. A policy that spreads calls returns true, so that the first call is the
   * probe.
   */
  readonly allowsTrial?: (candidate: Candidate, all: readonly Candidate[]) => boolean;
  /** Returns a short note about a candidate for `explain`, such as a share of the calls; undefined for no note. */
  readonly describe?: (candidate: Candidate) => string | undefined;
  /** Creates the picker for one set of candidates. */
  prepare(input: PickerInput): Picker;
}

/**
 * A policy of the program: returns one of the candidates, or undefined to pick none. If the function throws or
 * returns any other value, the call fails with `CONFIG_INVALID`.
 */
export type PolicyFunction = (
  candidates: readonly Candidate[],
  context: PickContext,
) => Candidate | undefined;

export const policyNames: readonly PolicyName[] = Object.freeze([
  'local-first',
  'random',
  'round-robin',
  'load-aware',
  'least-pending',
  'weighted',
  'affinity',
  'primary',
  'first-to-respond',
]);

/** The built-in policy that sends each call twice, and therefore requires retries. */
export const hedgingPolicyName = 'first-to-respond';

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
