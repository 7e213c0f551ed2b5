/**
 * Who is chosen from, and how: the endpoints that fit the binding, and a picker of its policy over them. Prepared when
 * the endpoints or their health change, not per call.
 */
import type { Reachable } from './core/candidate.js';
import { ClerkError, isClerkError, reasonOf } from './core/errors.js';
import type { Picker, Policy, PolicyFunction, PolicyWord } from './core/policy.js';
import type { BindConfig } from './config.js';
import { policyOf } from './select/policy-of.js';
import { fitting } from './select/version.js';
import type { Target } from './target.js';

/** Candidates prepared for choosing. */
export interface Prepared {
  /** All that fit the version and the scheme. */
  readonly all: readonly Reachable[];
  /** Those that are chosen from. */
  readonly eligible: readonly Reachable[];
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
  #policy: Policy | undefined;
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
      this.#any = this.#prepare(table.members);
      this.#secure = undefined;
    }
    if (!secure) return this.#any;
    return (this.#secure ??= this.#prepare(table.members.filter((member) => member.secure !== undefined)));
  }

  /** A picker among some of all. */
  among(all: readonly Reachable[], candidates: readonly Reachable[]): Picker {
    return this.#policyNow().prepare({ candidates, all, standpoint: this.#target.shared.standpoint });
  }

  /** Lets a picker choose. @throws {@link ClerkError} `CONFIG_INVALID` when the policy throws */
  pick(pick: Picker, now: number, affinity: string | undefined): Reachable | undefined {
    const context = this.#context;
    context.now = now;
    context.affinity = affinity;
    try {
      return pick(context) as Reachable | undefined;
    } catch (error) {
      const { name } = this.#config;
      if (isClerkError(error))
        throw new ClerkError(error.code, `${name}: ${error.message}`, { cause: error.cause ?? error });
      throw new ClerkError('CONFIG_INVALID', `The policy of ${name} threw: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }

  #prepare(members: readonly Reachable[]): Prepared {
    const all = this.#fitting(members);
    const open = all.filter((candidate) => candidate.status === 'open');
    const usable = open.length > 0 ? open : all;
    // Each step leaves out what is used only if there is nothing else.
    const eligible = preferred(
      preferred(usable, ({ endpoint }) => endpoint.state === 'up'),
      ({ endpoint }) => endpoint.weight > 0,
    );
    return { all, eligible, pick: this.among(all, eligible) };
  }

  #fitting(members: readonly Reachable[]): readonly Reachable[] {
    const { version } = this.#config;
    if (version === undefined) return members;
    const endpoints = members.map(({ endpoint }) => endpoint);
    const ids = new Set(fitting(endpoints, version).map(({ id }) => id));
    return members.filter(({ endpoint }) => ids.has(endpoint.id));
  }

  /** The program's policy, else the service's own, else the default. */
  #policyNow(): Policy {
    const own = this.#config.policy;
    const word = own === undefined ? (this.#target.answer?.policy ?? 'local-first') : undefined;
    let policy = this.#policy;
    if (policy === undefined || (word !== undefined && word !== this.#policyFrom)) {
      policy = this.#policyNamed(own ?? (word as PolicyWord));
      this.#policyFrom = word;
      this.#use(policy);
    }
    return policy;
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

const nothing: Prepared = { all: [], eligible: [], pick: () => undefined };
