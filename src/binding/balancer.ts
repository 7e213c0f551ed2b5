import type { Candidate, ConnectedCandidate } from '../core/candidate.js';
import { describeValue } from '../core/describe-value.js';
import { ClerkError, errorMessage, isClerkError } from '../core/errors.js';
import type { Picker, Policy, PolicyFunction, PolicyName, PickerInput } from '../core/policy.js';
import type { BindConfig } from './bind-config.js';
import { EndpointState } from '../health/endpoint-state.js';
import { busyPending } from '../load-balancing/busy-threshold.js';
import { rendezvousSubset } from '../load-balancing/subset.js';
import { toPolicy } from '../load-balancing/to-policy.js';
import { filterByVersion } from '../load-balancing/version-filter.js';
import type { ServiceState } from './service-state.js';
import { AdaptiveSubsetSize } from '../load-balancing/subset-size.js';

export interface CandidateSet {
  /** Endpoints that satisfy the version range and, for a set that requires TLS, have a TLS address. */
  readonly matching: readonly ConnectedCandidate[];
  readonly eligible: readonly ConnectedCandidate[];
  /** Endpoints that are missing from `eligible` only because this clerk uses a random subset. */
  readonly outsideSubset: ReadonlySet<Candidate>;
  readonly pick: Picker;
  /**
   * Picks among the endpoints in `eligible` that are not failing. Undefined if none or all of the endpoints in
   * `eligible` are failing.
   */
  readonly pickWorking: Picker | undefined;
}

/**
 * Picks endpoints for the calls of one binding. Rebuilds the candidates when the endpoints or their health change,
 * not for each call.
 */
export class Balancer {
  readonly #service: ServiceState;
  readonly #config: BindConfig;
  policyName = 'none';
  hedges = false;
  /**
   * Reused by every pick, to avoid allocations. Undefined during a pick, because a policy may make a call whose pick
   * needs another context.
   */
  #pickContext: { now: number; random: () => number; affinity: string | undefined } | undefined;
  readonly #random: () => number;
  readonly #subsetSize: AdaptiveSubsetSize;
  #policy: Policy | undefined;
  /**
   * The policy for calls that require TLS. A policy keeps state about the endpoints given to `prepare`, so the
   * endpoints with TLS need a separate policy instance.
   */
  #tlsPolicy: Policy | undefined;
  #servicePolicyName: string | undefined;
  #builtForVersion = -1;
  #input: PickerInput | undefined;
  #lastPrepared: PickerInput | undefined;
  #candidates: CandidateSet = noCandidates;
  #tlsCandidates: CandidateSet | undefined;
  #trial:
    | {
        readonly candidate: ConnectedCandidate;
        readonly set: CandidateSet;
        readonly pick: Picker;
      }
    | undefined;

  /**
   * @throws {@link ClerkError} `CONFIG_INVALID` when the policy or the version range is invalid, or when the option
   * `affinity` is set and the policy ignores affinity keys
   */
  constructor(service: ServiceState, config: BindConfig) {
    const { clock } = service.clerk;
    this.#service = service;
    this.#config = config;
    this.#random = () => clock.random();
    this.#subsetSize = new AdaptiveSubsetSize(config.subsetSize);
    const { name, policy, affinity, version } = config;
    if (policy !== undefined) this.#setPolicy(toPolicy(policy));
    if (version !== undefined) filterByVersion([], version);
    if (affinity !== undefined && typeof policy === 'string' && policy !== 'affinity')
      throw new ClerkError(
        'CONFIG_INVALID',
        `bind('${name}'): the option affinity requires the policy 'affinity'; got the policy '${policy}'; use the policy 'affinity', or remove the option affinity`,
      );
  }

  candidates(tlsOnly: boolean): CandidateSet {
    const { table } = this.#service;
    if (this.#builtForVersion !== table.version) {
      this.#builtForVersion = table.version;
      this.#tlsCandidates = undefined;
      try {
        this.#candidates = this.#buildCandidates(table.members, false);
      } catch (error) {
        // Without this reset, the next call would use candidates of an earlier version of the table.
        this.#builtForVersion = -1;
        throw error;
      }
    }
    if (!tlsOnly) return this.#candidates;
    if (this.#tlsCandidates === undefined) {
      const withTls = table.members.filter((member) => member.tlsChannel !== undefined);
      this.#tlsCandidates =
        withTls.length === table.members.length ? this.#candidates : this.#buildCandidates(withTls, true);
    }
    return this.#tlsCandidates;
  }

  pickerAmong(
    all: readonly ConnectedCandidate[],
    candidates: readonly ConnectedCandidate[],
    tlsOnly: boolean,
  ): Picker {
    const { locality } = this.#service.clerk;
    return this.#preparePicker(
      { candidates, all, locality },
      tlsOnly && this.#tlsCandidates !== this.#candidates,
    );
  }

  /** Picks an endpoint. If the policy picks a failing endpoint, some of the calls go to other endpoints instead. */
  pickFrom(
    { pick, pickWorking }: CandidateSet,
    now: number,
    affinity: string | undefined,
  ): ConnectedCandidate | undefined {
    const chosen = this.pick(pick, now, affinity);
    return chosen?.isFailing !== true ||
      pickWorking === undefined ||
      this.#service.table.takesCall(chosen, now)
      ? chosen
      : this.pick(pickWorking, now, affinity);
  }

  /** @throws {@link ClerkError} `CONFIG_INVALID` when the policy throws, or returns a value that is not a candidate */
  pick(pick: Picker, now: number, affinity: string | undefined): ConnectedCandidate | undefined {
    const context = this.#pickContext ?? { now, random: this.#random, affinity };
    this.#pickContext = undefined;
    context.now = now;
    context.affinity = affinity;
    let chosen: unknown;
    try {
      chosen = pick(context);
    } catch (error) {
      throw this.#policyError(error);
    } finally {
      this.#pickContext = context;
    }
    if (chosen === undefined) return undefined;
    if (!(chosen instanceof EndpointState) || !chosen.isListed)
      throw this.#policyError(
        new TypeError('the picker must return one of its candidates or undefined; got another value'),
      );
    if (chosen.pending >= busyPending && this.#subsetSize.isLimiting) this.#growSubset(now);
    return chosen;
  }

  /** Whether the policy would pick `candidate` for the call if `candidate` were healthy. */
  allowsTrial(
    candidate: ConnectedCandidate,
    now: number,
    { affinity, tlsOnly }: { readonly affinity: string | undefined; readonly tlsOnly: boolean },
  ): boolean {
    const set = this.candidates(tlsOnly);
    const { matching } = set;
    const candidates = [
      (one: ConnectedCandidate) => one === candidate || (one.status === 'open' && !one.isTrial),
      isUp,
      hasWeight,
    ].reduce(preferMatching, matching);
    if (!candidates.includes(candidate)) return false;
    const { allowsTrial } = this.#currentPolicy(tlsOnly);
    if (allowsTrial !== undefined) return allowsTrial(candidate, matching);
    if (this.#trial?.candidate !== candidate || this.#trial.set !== set) {
      const pick = this.pickerAmong(matching, candidates, tlsOnly);
      this.#trial = { candidate, set, pick };
    }
    return this.pick(this.#trial.pick, now, affinity) === candidate;
  }

  #policyError(error: unknown): ClerkError {
    const { name } = this.#config;
    if (isClerkError(error))
      return new ClerkError(error.code, `${name}: ${error.message}`, { cause: error.cause ?? error });
    return new ClerkError('CONFIG_INVALID', `The policy of ${name} failed: ${errorMessage(error)}`, {
      cause: error,
    });
  }

  #preparePicker(input: PickerInput, tlsOnly: boolean): Picker {
    const policy = this.#currentPolicy(tlsOnly);
    if (!tlsOnly) this.#lastPrepared = input;
    let picker: unknown;
    try {
      picker = policy.prepare(input);
    } catch (error) {
      throw this.#policyError(error);
    }
    if (typeof picker === 'function') return picker as Picker;
    throw this.#policyError(
      new TypeError(`prepare() of ${policy.name} must return a function; got ${describeValue(picker)}`),
    );
  }

  #buildCandidates(members: readonly ConnectedCandidate[], tlsOnly: boolean): CandidateSet {
    const { clerk } = this.#service;
    const matching = this.#filterByVersion(members);
    const { avoidsSuspects = true } = this.#currentPolicy(tlsOnly);
    // A filter that no endpoint passes is skipped. `isTrial` of an open endpoint means that the endpoint is suspect.
    const eligible = [
      ({ status }: ConnectedCandidate) => status === 'open',
      ({ isTrial }: ConnectedCandidate) => !isTrial || !avoidsSuspects,
      isUp,
      hasWeight,
    ].reduce(preferMatching, matching);
    const outsideSubset = new Set<Candidate>();
    const subsetSize = this.#subsetSize.sizeAt(clerk.clock.now());
    const subset = (candidates: readonly Candidate[]): readonly Candidate[] => {
      const chosen = rendezvousSubset(candidates, clerk.subsetSeed(), subsetSize);
      const used = new Set(chosen);
      for (const candidate of candidates) if (!used.has(candidate)) outsideSubset.add(candidate);
      return chosen;
    };
    const inputOf = (candidates: readonly Candidate[]): PickerInput => {
      const input: PickerInput = { candidates, all: matching, locality: clerk.locality };
      return candidates.length > subsetSize ? { ...input, subset } : input;
    };
    const working = eligible.filter(({ isFailing }) => !isFailing);
    const needsWorking = working.length > 0 && working.length < eligible.length;
    const pickWorking = needsWorking ? this.#preparePicker(inputOf(working), tlsOnly) : undefined;
    const input = inputOf(eligible);
    const pick = this.#preparePicker(input, tlsOnly);
    if (!tlsOnly) this.#input = input;
    this.#subsetSize.isLimiting = outsideSubset.size > 0;
    const used =
      outsideSubset.size === 0 ? eligible : eligible.filter((candidate) => !outsideSubset.has(candidate));
    return { matching, eligible: used, outsideSubset, pick, pickWorking };
  }

  /** Doubles the subset for the next call, unless the size changed less than 1 s ago. */
  #growSubset(now: number): void {
    if (this.#subsetSize.tryDouble(now)) this.#builtForVersion = -1;
  }

  #filterByVersion(members: readonly ConnectedCandidate[]): readonly ConnectedCandidate[] {
    const { version } = this.#config;
    if (version === undefined) return members;
    const endpoints = members.map(({ endpoint }) => endpoint);
    const ids = new Set(filterByVersion(endpoints, version).map(({ id }) => id));
    return members.filter(({ endpoint }) => ids.has(endpoint.id));
  }

  describe(candidate: ConnectedCandidate): string | undefined {
    // A policy describes only the endpoints of its last `prepare`. A retry calls `prepare` with the untried endpoints
    // only, so `prepare` is repeated here with all candidates.
    const input = this.#input;
    if (input !== undefined && input !== this.#lastPrepared && this.#policy?.describe !== undefined)
      this.#preparePicker(input, false);
    return this.#policy?.describe?.(candidate);
  }

  /** The policy of the binding takes precedence over the policy of the service config. */
  #currentPolicy(tlsOnly: boolean): Policy {
    const configured = this.#config.policy;
    const servicePolicy =
      configured === undefined ? (this.#service.resolution?.policy ?? 'local-first') : undefined;
    let policy = this.#policy;
    if (policy === undefined || (servicePolicy !== undefined && servicePolicy !== this.#servicePolicyName)) {
      policy = this.#toPolicyOrDefault(configured ?? (servicePolicy as PolicyName));
      this.#servicePolicyName = servicePolicy;
      this.#setPolicy(policy);
      this.#tlsPolicy = undefined;
    }
    if (!tlsOnly || (configured !== undefined && typeof configured !== 'string')) return policy;
    return (this.#tlsPolicy ??= this.#toPolicyOrDefault(configured ?? (servicePolicy as PolicyName)));
  }

  #setPolicy(policy: Policy): void {
    this.#policy = policy;
    this.policyName = policy.name;
    this.hedges = policy.hedges === true;
  }

  #toPolicyOrDefault(rule: PolicyName | Policy | PolicyFunction): Policy {
    try {
      return toPolicy(rule);
    } catch (error) {
      this.#service.clerk.logger.warn(
        `The service config of ${this.#config.name} names an unknown load-balancing policy: ${errorMessage(error)}; local-first is used instead`,
      );
      return toPolicy('local-first');
    }
  }
}

function isUp({ endpoint }: ConnectedCandidate): boolean {
  return endpoint.state === 'up';
}

function hasWeight({ endpoint }: ConnectedCandidate): boolean {
  return endpoint.weight > 0;
}

function preferMatching(
  candidates: readonly ConnectedCandidate[],
  matches: (candidate: ConnectedCandidate) => boolean,
): readonly ConnectedCandidate[] {
  const matching = candidates.filter(matches);
  return matching.length > 0 ? matching : candidates;
}

const noCandidates: CandidateSet = {
  matching: [],
  eligible: [],
  outsideSubset: new Set(),
  pick: () => undefined,
  pickWorking: undefined,
};
