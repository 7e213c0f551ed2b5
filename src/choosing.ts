/**
 * Who is chosen from, and how: the endpoints that fit the binding, and a picker of its policy over them. Prepared when
 * the endpoints or their health change, not per call.
 */
import type { Candidate, Reachable } from './core/candidate.js';
import { ClerkError, isClerkError, reasonOf } from './core/errors.js';
import type { Picker, Policy, PolicyFunction, PolicyWord, Roster } from './core/policy.js';
import type { BindConfig } from './bind-config.js';
import { Member } from './health/member.js';
import { busyPending } from './select/busy.js';
import { rankedFirst } from './select/part.js';
import { policyOf } from './select/policy-of.js';
import { fitting } from './select/version.js';
import type { Target } from './target.js';
import { Width } from './select/width.js';

/** Candidates prepared for choosing. */
export interface Prepared {
  /** All that fit the version and the scheme. */
  readonly all: readonly Reachable[];
  /** Those that are chosen from. */
  readonly eligible: readonly Reachable[];
  /** Those that could be as well and are left to other clerks, the fleet being large. */
  readonly spared: ReadonlySet<Candidate>;
  readonly pick: Picker;
}

/** See the file's header. */
export class Choosing {
  readonly #target: Target;
  readonly #config: BindConfig;
  /** How outcomes call the policy. */
  policyName = 'none';
  /** See {@link Policy.races}. */
  races = false;
  readonly #context: { now: number; random: () => number; affinity: string | undefined };
  readonly #width: Width;
  #policy: Policy | undefined;
  /** Another of the same word, where only some have TLS: what one remembers of everybody is no use for some. */
  #securePolicy: Policy | undefined;
  #policyFrom: string | undefined;
  #madeFor = -1;
  #any: Prepared = nothing;
  #secure: Prepared | undefined;

  /** @throws {@link ClerkError} `CONFIG_INVALID` for a policy or a range that cannot work, or an affinity without use */
  constructor(target: Target, config: BindConfig) {
    const { clock } = target.shared;
    this.#target = target;
    this.#config = config;
    this.#context = { now: 0, random: () => clock.random(), affinity: undefined };
    this.#width = new Width(config.subset);
    const { name, policy, affinity, version } = config;
    if (policy !== undefined) this.#use(policyOf(policy));
    if (version !== undefined) fitting([], version);
    if (affinity !== undefined && typeof policy === 'string' && policy !== 'affinity')
      throw new ClerkError(
        'CONFIG_INVALID',
        `bind('${name}') has an affinity and the policy '${policy}', which has no use for it; leave one of them out, or use the policy 'affinity'`,
      );
  }

  /** The candidates as they are now. `secure`: only those with TLS. */
  prepared(secure: boolean): Prepared {
    const { table } = this.#target;
    if (this.#madeFor !== table.version) {
      this.#madeFor = table.version;
      this.#any = this.#prepare(table.members, false);
      this.#secure = undefined;
    }
    if (!secure) return this.#any;
    if (this.#secure === undefined) {
      const some = table.members.filter((member) => member.secure !== undefined);
      this.#secure = some.length === table.members.length ? this.#any : this.#prepare(some, true);
    }
    return this.#secure;
  }

  /** A picker among some of all. */
  among(all: readonly Reachable[], candidates: readonly Reachable[], secure: boolean): Picker {
    const { standpoint } = this.#target.shared;
    return this.#picker({ candidates, all, standpoint }, secure && this.#secure !== this.#any);
  }

  /**
   * Lets a picker choose.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the policy throws or chooses what is no endpoint of the service
   */
  pick(pick: Picker, now: number, affinity: string | undefined): Reachable | undefined {
    const context = this.#context;
    context.now = now;
    context.affinity = affinity;
    let chosen: unknown;
    try {
      chosen = pick(context);
    } catch (error) {
      throw this.#broken(error);
    }
    if (chosen === undefined) return undefined;
    if (!(chosen instanceof Member) || !chosen.present)
      throw this.#broken(
        new TypeError('it chose what is none of its candidates; choose one of them, or undefined for none'),
      );
    if (chosen.pending >= busyPending && this.#width.isNarrow) this.#widen(now);
    return chosen;
  }

  #broken(error: unknown): ClerkError {
    const { name } = this.#config;
    if (isClerkError(error))
      return new ClerkError(error.code, `${name}: ${error.message}`, { cause: error.cause ?? error });
    return new ClerkError('CONFIG_INVALID', `The policy of ${name} failed: ${reasonOf(error)}`, {
      cause: error,
    });
  }

  #picker(roster: Roster, secure: boolean): Picker {
    const policy = this.#policyNow(secure);
    try {
      const picker: unknown = policy.prepare(roster);
      if (typeof picker === 'function') return picker as Picker;
    } catch (error) {
      throw this.#broken(error);
    }
    throw this.#broken(new TypeError(`the prepare of ${policy.name} returned no function`));
  }

  #prepare(members: readonly Reachable[], secure: boolean): Prepared {
    const { shared } = this.#target;
    const all = this.#fitting(members);
    const open = all.filter((candidate) => candidate.status === 'open');
    const usable = open.length > 0 ? open : all;
    // Each step leaves out what is used only if there is nothing else.
    const eligible = preferred(
      preferred(usable, ({ endpoint }) => endpoint.state === 'up'),
      ({ endpoint }) => endpoint.weight > 0,
    );
    const spared = new Set<Candidate>();
    const size = this.#width.sizeAt(shared.clock.now());
    const part = (candidates: readonly Candidate[]): readonly Candidate[] => {
      const some = rankedFirst(candidates, shared.seed(), size);
      const used = new Set(some);
      for (const candidate of candidates) if (!used.has(candidate)) spared.add(candidate);
      return some;
    };
    const roster: Roster = { candidates: eligible, all, standpoint: shared.standpoint };
    const pick = this.#picker(eligible.length > size ? { ...roster, part } : roster, secure);
    this.#width.isNarrow = spared.size > 0;
    const used = spared.size === 0 ? eligible : eligible.filter((candidate) => !spared.has(candidate));
    return { all, eligible: used, spared, pick };
  }

  /** Its part of the fleet has more to do than it should: it takes a larger one from the next call on. */
  #widen(now: number): void {
    if (this.#width.widen(now)) this.#madeFor = -1;
  }

  #fitting(members: readonly Reachable[]): readonly Reachable[] {
    const { version } = this.#config;
    if (version === undefined) return members;
    const endpoints = members.map(({ endpoint }) => endpoint);
    const ids = new Set(fitting(endpoints, version).map(({ id }) => id));
    return members.filter(({ endpoint }) => ids.has(endpoint.id));
  }

  /** What the policy has to say of a candidate. */
  standing(candidate: Reachable): string | undefined {
    return this.#policy?.standing?.(candidate);
  }

  /** The program's policy, else the service's own, else the default. */
  #policyNow(secure: boolean): Policy {
    const own = this.#config.policy;
    const word = own === undefined ? (this.#target.answer?.policy ?? 'local-first') : undefined;
    let policy = this.#policy;
    if (policy === undefined || (word !== undefined && word !== this.#policyFrom)) {
      policy = this.#policyNamed(own ?? (word as PolicyWord));
      this.#policyFrom = word;
      this.#use(policy);
      this.#securePolicy = undefined;
    }
    if (!secure || (own !== undefined && typeof own !== 'string')) return policy;
    return (this.#securePolicy ??= this.#policyNamed(own ?? (word as PolicyWord)));
  }

  #use(policy: Policy): void {
    this.#policy = policy;
    this.policyName = policy.name;
    this.races = policy.races === true;
  }

  #policyNamed(rule: PolicyWord | Policy | PolicyFunction): Policy {
    try {
      return policyOf(rule);
    } catch (error) {
      this.#target.shared.logger.warn(
        `${this.#config.name} asks for a policy that is not known here: ${reasonOf(error)}`,
      );
      return policyOf('local-first');
    }
  }
}

/** Those that fit, or all where none does. */
function preferred(
  candidates: readonly Reachable[],
  fits: (candidate: Reachable) => boolean,
): readonly Reachable[] {
  const some = candidates.filter(fits);
  return some.length > 0 ? some : candidates;
}

const nothing: Prepared = { all: [], eligible: [], spared: new Set(), pick: () => undefined };
