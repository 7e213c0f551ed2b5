import type { Candidate } from './candidate.js';
import { describeValue } from './describe-value.js';
import { ClerkError, errorMessage } from './errors.js';
import type { Policy, PolicyFunction } from './policy.js';

/**
 * A policy that calls `pick` for every pick. A pick throws {@link ClerkError} `CONFIG_INVALID` when the function
 * throws, or returns anything but a candidate or undefined.
 */
export function functionPolicy(pick: PolicyFunction): Policy {
  const name = pick.name === '' ? 'function' : pick.name;
  // A function written inline as the option `policy` has the name `policy`, which identifies nothing.
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
          `${label} must return one of its ${list.length} candidates, or undefined to pick none; got ${describe(picked)}`,
        );
      };
    },
  };
}

function describe(value: unknown): string {
  return value instanceof Promise ? 'a promise' : describeValue(value);
}
