import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { functionPolicy } from '../core/function-policy.js';
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
 * Converts the option `policy` to a policy. A name creates a new instance, so that bindings do not share state. A
 * policy function is called for every pick.
 * @throws {@link ClerkError} `CONFIG_INVALID` when the value is not a known name, a policy or a function
 */
export function toPolicy(value: PolicyName | Policy | PolicyFunction): Policy {
  const given: unknown = value;
  if (typeof given === 'function') return functionPolicy(given as PolicyFunction);
  if (typeof given === 'string' && Object.hasOwn(policyFactories, given))
    return policyFactories[given as PolicyName]();
  if (isPolicy(given)) return given;
  const known = Object.keys(policyFactories).join(', ');
  throw new ClerkError(
    'CONFIG_INVALID',
    `policy must be one of ${known}, a function (candidates, context) => candidate, or an object with the members name and prepare; got ${describeValue(given)}`,
  );
}

function isPolicy(value: unknown): value is Policy {
  if (typeof value !== 'object' || value === null) return false;
  const { name, prepare } = value as Partial<Record<keyof Policy, unknown>>;
  return typeof name === 'string' && name !== '' && typeof prepare === 'function';
}
