/**
 * Who is chosen from, and how: the endpoints that fit the binding, and a picker of its policy over them. Prepared when
 * the endpoints or their health change, not per call.
 */
import type { Candidate, ConnectedCandidate } from '../core/candidate.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { Picker, Policy, PolicyFunction, PolicyName, PickerInput } from '../core/policy.js';
import type { BindConfig } from './bind-config.js';
import { EndpointState } from '../health/endpoint-state.js';
import { busyPending } from '../select/busy-threshold.js';
import { rendezvousSubset } from '../select/subset.js';
import { toPolicy } from '../select/to-policy.js';
import { filterByVersion } from '../select/version-filter.js';
import type { ServiceState } from './service-state.js';
import { AdaptiveSubsetSize } from '../select/subset-size.js';

/** Candidates prepared for choosing. */
export interface CandidateSet {
  /** All that fit the version and the scheme. */
  readonly matching: readonly ConnectedCandidate[];
  /** Those that are chosen from. */
  readonly eligible: readonly ConnectedCandidate[];
  /** Those that could be as well and are left to other clerks, the fleet being large. */
  readonly outsideSubset: ReadonlySet<Candidate>;
  readonly pick: Picker;
}

/** See the file's header. */
export class Balancer {
  readonly #service: ServiceState;
  readonly #config: BindConfig;
  /** How outcomes call the policy. */
  policyName = 'none';
  /** See {@link Policy.hedges}. */
  hedges = false;
  readonly #pickContext: { now: number; random: () => number; affinity: string | undefined };
  readonly #subsetSize: AdaptiveSubsetSize;
  #policy: Policy | undefined;
  /** Another of the same word, where only some have TLS: what one remembers of everybody is no use for some. */
  #securePolicy: Policy | undefined;
  #servicePolicyName: string | undefined;
  #builtForVersion = -1;
  #candidates: CandidateSet = noCandidates;
  #secureCandidates: CandidateSet | undefined;

  /** @throws {@link ClerkError} `CONFIG_INVALID` for a policy or a range that cannot work, or an affinity without use */
  constructor(service: ServiceState, config: BindConfig) {
    const { clock } = service.clerk;
    this.#service = service;
    this.#config = config;
    this.#pickContext = { now: 0, random: () => clock.random(), affinity: undefined };
    this.#subsetSize = new AdaptiveSubsetSize(config.subsetSize);
    const { name, policy, affinity, version } = config;
    if (policy !== undefined) this.#setPolicy(toPolicy(policy));
    if (version !== undefined) filterByVersion([], version);
    if (affinity !== undefined && typeof policy === 'string' && policy !== 'affinity')
      throw new ClerkError(
        'CONFIG_INVALID',
        `bind('${name}') has an affinity and the policy '${policy}', which has no use for it; leave one of them out, or use the policy 'affinity'`,
      );
  }

  /** The candidates as they are now. `secure`: only those with TLS. */
  candidates(secure: boolean): CandidateSet {
    const { table } = this.#service;
    if (this.#builtForVersion !== table.version) {
      this.#builtForVersion = table.version;
      this.#candidates = this.#buildCandidates(table.members, false);
      this.#secureCandidates = undefined;
    }
    if (!secure) return this.#candidates;
    if (this.#secureCandidates === undefined) {
      const withTls = table.members.filter((member) => member.tlsChannel !== undefined);
      this.#secureCandidates =
        withTls.length === table.members.length ? this.#candidates : this.#buildCandidates(withTls, true);
    }
    return this.#secureCandidates;
  }

  /** A picker among some of all. */
  pickerAmong(
    all: readonly ConnectedCandidate[],
    candidates: readonly ConnectedCandidate[],
    secure: boolean,
  ): Picker {
    const { locality } = this.#service.clerk;
    return this.#preparePicker(
      { candidates, all, locality },
      secure && this.#secureCandidates !== this.#candidates,
    );
  }

  /**
   * Lets a picker choose.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the policy throws or chooses what is no endpoint of the service
   */
  pick(pick: Picker, now: number, affinity: string | undefined): ConnectedCandidate | undefined {
    const context = this.#pickContext;
    context.now = now;
    context.affinity = affinity;
    let chosen: unknown;
    try {
      chosen = pick(context);
    } catch (error) {
      throw this.#policyError(error);
    }
    if (chosen === undefined) return undefined;
    if (!(chosen instanceof EndpointState) || !chosen.isListed)
      throw this.#policyError(
        new TypeError('it chose what is none of its candidates; choose one of them, or undefined for none'),
      );
    if (chosen.pending >= busyPending && this.#subsetSize.isLimiting) this.#growSubset(now);
    return chosen;
  }

  #policyError(error: unknown): ClerkError {
    const { name } = this.#config;
    if (isClerkError(error))
      return new ClerkError(error.code, `${name}: ${error.message}`, { cause: error.cause ?? error });
    return new ClerkError('CONFIG_INVALID', `The policy of ${name} failed: ${errorMessage(error)}`, {
      cause: error,
    });
  }

  #preparePicker(roster: PickerInput, secure: boolean): Picker {
    const policy = this.#currentPolicy(secure);
    try {
      const picker: unknown = policy.prepare(roster);
      if (typeof picker === 'function') return picker as Picker;
    } catch (error) {
      throw this.#policyError(error);
    }
    throw this.#policyError(new TypeError(`the prepare of ${policy.name} returned no function`));
  }

  #buildCandidates(members: readonly ConnectedCandidate[], secure: boolean): CandidateSet {
    const { clerk } = this.#service;
    const matching = this.#filterByVersion(members);
    const open = matching.filter((candidate) => candidate.status === 'open');
    const usable = open.length > 0 ? open : matching;
    // Each step leaves out what is used only if there is nothing else.
    const eligible = preferMatching(
      preferMatching(usable, ({ endpoint }) => endpoint.state === 'up'),
      ({ endpoint }) => endpoint.weight > 0,
    );
    const outsideSubset = new Set<Candidate>();
    const subsetSize = this.#subsetSize.sizeAt(clerk.clock.now());
    const subset = (candidates: readonly Candidate[]): readonly Candidate[] => {
      const chosen = rendezvousSubset(candidates, clerk.subsetSeed(), subsetSize);
      const used = new Set(chosen);
      for (const candidate of candidates) if (!used.has(candidate)) outsideSubset.add(candidate);
      return chosen;
    };
    const roster: PickerInput = { candidates: eligible, all: matching, locality: clerk.locality };
    const pick = this.#preparePicker(eligible.length > subsetSize ? { ...roster, subset } : roster, secure);
    this.#subsetSize.isLimiting = outsideSubset.size > 0;
    const used =
      outsideSubset.size === 0 ? eligible : eligible.filter((candidate) => !outsideSubset.has(candidate));
    return { matching, eligible: used, outsideSubset, pick };
  }

  /** Its part of the fleet has more to do than it should: it takes a larger one from the next call on. */
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

  /** What the policy has to say of a candidate. */
  describe(candidate: ConnectedCandidate): string | undefined {
    return this.#policy?.describe?.(candidate);
  }

  /** The program's policy, else the service's own, else the default. */
  #currentPolicy(secure: boolean): Policy {
    const configured = this.#config.policy;
    const serviceName =
      configured === undefined ? (this.#service.resolution?.policy ?? 'local-first') : undefined;
    let policy = this.#policy;
    if (policy === undefined || (serviceName !== undefined && serviceName !== this.#servicePolicyName)) {
      policy = this.#toPolicyOrDefault(configured ?? (serviceName as PolicyName));
      this.#servicePolicyName = serviceName;
      this.#setPolicy(policy);
      this.#securePolicy = undefined;
    }
    if (!secure || (configured !== undefined && typeof configured !== 'string')) return policy;
    return (this.#securePolicy ??= this.#toPolicyOrDefault(configured ?? (serviceName as PolicyName)));
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
        `${this.#config.name} asks for a policy that is not known here: ${errorMessage(error)}`,
      );
      return toPolicy('local-first');
    }
  }
}

/** Those that fit, or all where none does. */
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
};
