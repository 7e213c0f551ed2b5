/** The port of choosing: candidates in, one candidate out. */
import type { Candidate } from './candidate.js';

/** What one choice may look at besides the candidates. */
export interface PickContext {
  /** `Runtime.now()` of this call. */
  readonly now: number;
  /** Uniform in [0, 1), from the runtime. */
  readonly random: () => number;
  /** The call's affinity key, when it has one. */
  readonly affinity: string | undefined;
}

/**
 * Chooses one of the candidates it was prepared with; undefined when there is none it wants.
 * Called once a call, synchronously: no allocation, constant time.
 */
export type Picker = (context: PickContext) => Candidate | undefined;

/** Where this clerk stands, for policies that prefer what is near. */
export interface Locality {
  /** This clerk's host. */
  readonly host: string;
  /** This clerk's zone, when it was told. */
  readonly zone: string | undefined;
}

/** What a policy is prepared with. */
export interface PickerInput {
  /** Those that may be chosen: open, with a positive weight where any has one. In a stable order. */
  readonly candidates: readonly Candidate[];
  /** All of the service that fit the version, the closed ones too: the whole against which a part is short. */
  readonly all: readonly Candidate[];
  /** Where this clerk stands. */
  readonly locality: Locality;
  /**
   * Where the fleet is large: those of the candidates that this clerk uses, in the same order. For policies to which a
   * part is as good as the whole; one that goes by key or by order leaves it alone and sees everybody. Absent where
   * the fleet is not large. Called while preparing only.
   */
  readonly subset?: (candidates: readonly Candidate[]) => readonly Candidate[];
}

/**
 * A way of choosing. `prepare` is called when the set of candidates or the health of one changes, and may cost time in
 * proportion to their number; the picker it returns may not. State that must survive a change (a turn, a seed) lives
 * in the policy, which belongs to one binding.
 */
export interface Policy {
  /** How outcomes and `explain` call it. */
  readonly name: string;
  /** Whether two endpoints are asked at once and the first to answer wins, for calls that may be repeated. Default false. */
  readonly hedges?: boolean;
  /** What the policy has to say of a candidate as things stand, in a few words for `explain`; undefined: nothing. */
  readonly describe?: (candidate: Candidate) => string | undefined;
  /** Makes the picker for one roster. */
  prepare(input: PickerInput): Picker;
}

/**
 * A program's own rule: gets the candidates and returns one of them, or undefined for none.
 * If it throws or returns a stranger, the call fails with `CONFIG_INVALID`.
 */
export type PolicyFunction = (
  candidates: readonly Candidate[],
  context: PickContext,
) => Candidate | undefined;

/** The rules that have a word of their own. */
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
