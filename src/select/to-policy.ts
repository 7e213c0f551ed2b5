/** Turns what a program or a service's record says into a policy: a word, a policy, or the program's own function. */
import type { Candidate } from '../core/candidate.js';
import { ClerkError, errorMessage } from '../core/errors.js';
import type { Policy, PolicyFunction, PolicyName } from '../core/policy.js';
import { affinity } from './affinity.js';
import { firstToRespond } from './first-to-respond.js';
import { leastPending } from './least-pending.js';
import { loadAware } from './load-aware.js';
import { localFirst } from './local-first.js';
import { primary } from './primary.js';
import { random } from './random.js';
import { roundRobin } from './round-robin.js';
import { weighted } from './weighted.js';

const policyFactories: Readonly<Record<PolicyName, () => Policy>> = {
  'local-first': () => localFirst(),
  random,
  'round-robin': roundRobin,
  'load-aware': loadAware,
  'least-pending': leastPending,
  weighted,
  affinity,
  primary,
  'first-to-respond': () => firstToRespond(),
};

/**
 * The policy meant. A word gives a fresh instance, so that no two bindings share a turn; a policy is used as it is.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` for an unknown word, or what is neither word, policy nor function.
 */
export function toPolicy(value: PolicyName | Policy | PolicyFunction): Policy {
  const given: unknown = value;
  if (typeof given === 'function') return checkedPolicy(given as PolicyFunction);
  if (typeof given === 'string' && Object.hasOwn(policyFactories, given))
    return policyFactories[given as PolicyName]();
  if (isPolicy(given)) return given;
  const known = Object.keys(policyFactories).join(', ');
  const what =
    typeof given === 'string' ? `There is no policy '${given}'` : `A policy cannot be ${describe(given)}`;
  throw new ClerkError(
    'CONFIG_INVALID',
    `${what}; give one of ${known}, a function (candidates, context) => candidate, or an object with name and prepare`,
  );
}

function isPolicy(value: unknown): value is Policy {
  if (typeof value !== 'object' || value === null) return false;
  const { name, prepare } = value as Partial<Record<keyof Policy, unknown>>;
  return typeof name === 'string' && name !== '' && typeof prepare === 'function';
}

/** The program's rule, its answers checked at each call: a set look-up, no more. */
function checkedPolicy(pick: PolicyFunction): Policy {
  const name = pick.name === '' ? 'function' : pick.name;
  // One that is written where it is given is called after the option.
  const label = name === 'function' || name === 'policy' ? 'The policy' : `The policy ${name}`;
  return {
    name,
    prepare({ candidates }) {
      const list = Object.freeze([...candidates]);
      const known: ReadonlySet<unknown> = new Set(list);
      return (context) => {
        let picked: unknown;
        try {
          picked = pick(list, context);
        } catch (cause) {
          throw new ClerkError('CONFIG_INVALID', `${label} threw: ${errorMessage(cause)}`, {
            cause,
          });
        }
        if (picked === undefined || known.has(picked)) return picked as Candidate | undefined;
        throw new ClerkError(
          'CONFIG_INVALID',
          `${label} returned ${describe(picked)}, which is none of its ${list.length} candidates; return one of them, or undefined for none`,
        );
      };
    },
  };
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (value instanceof Promise) return 'a promise';
  if (typeof value === 'string') return `'${value}'`;
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
