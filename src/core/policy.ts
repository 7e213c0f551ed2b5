import type { Candidate } from './candidate.js';

/** What a pick may use besides the candidates. */
export interface PickContext {
  /** `Runtime.now()` of this call. */
  readonly now: number;
  /** Uniform in [0, 1), from the runtime. */
  readonly random: () => number;
  /** The affinity key of the call, if it has one. */
  readonly affinity: string | undefined;
}

/**
 * Picks one of the candidates it was prepared with; undefined when none is suitable. Called once per call, synchronously.
 * Must take constant time and allocate nothing.
 */
export type Picker = (context: PickContext) => Candidate | undefined;

/** Location of this client, for policies that prefer near endpoints. */
export interface Locality {
  /** Host of this client. */
  readonly host: string;
  /** Zone of this client, when configured. */
  readonly zone: string | undefined;
}

/** Input of {@link Policy.prepare}. */
export interface PickerInput {
  /** Candidates that may be picked: open, and with a positive weight where any has one. In a stable order. */
  readonly candidates: readonly Candidate[];
  /** All candidates that match the version, ejected ones included. */
  readonly all: readonly Candidate[];
  /** Location of this client. */
  readonly locality: Locality;
  /**
   * Subset of the candidates that this client uses, in the same order. Absent unless the service has many endpoints.
   * Policies that pick by key or by order ignore it and use all candidates. Called during `prepare` only.
   */
  readonly subset?: (candidates: readonly Candidate[]) => readonly Candidate[];
}

/**
 * A load-balancing policy. `prepare` is called when the set of candidates or the health of one changes, and may take time
 * proportional to their number; the picker may not. State that must survive a change, such as a position or a seed,
 * belongs in the policy, which belongs to one binding.
 */
export interface Policy {
  /** Name in outcomes and in `explain`. */
  readonly name: string;
  /** Whether retryable calls are sent to two endpoints at once, and the first response wins. Default false. */
  readonly hedges?: boolean;
  /** A short note about a candidate for `explain`; undefined for none. */
  readonly describe?: (candidate: Candidate) => string | undefined;
  /** Makes the picker for one set of candidates. */
  prepare(input: PickerInput): Picker;
}

/**
 * A program's own policy: returns one of the candidates, or undefined for none. The call fails with `CONFIG_INVALID` when
 * it throws or returns anything else.
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
