/**
 * How one binding, or one call, is set up: loose options in, a frozen and complete configuration or a clear error out.
 */
import { kinds, type Kind } from './core/call.js';
import type { Factory } from './core/factory.js';
import { absoluteName } from './core/name.js';
import type { Policy, PolicyFunction, PolicyWord } from './core/policy.js';
import { objectOf, refused, refuseUnknown, shown } from './checks.js';
import { defaults } from './config.js';
import type { HedgeConfig } from './invoke/hedging.js';
import type { BindOptions } from './options.js';

/** A complete binding configuration. */
export interface BindConfig {
  readonly name: string;
  readonly version: string | undefined;
  readonly policy: PolicyWord | Policy | PolicyFunction | undefined;
  readonly affinity: string | ((path: string) => string | undefined) | undefined;
  readonly subset: number;
  readonly timeoutMs: number;
  /** Whether the program has set that; else the service's record may. */
  readonly setsTime: boolean;
  readonly kind: Kind | undefined;
  readonly hedge: HedgeConfig | undefined;
  readonly factory: Factory | undefined;
}

const longestMs = 2 ** 31 - 1;
const bindKeys = ['version', 'policy', 'affinity', 'subset', 'timeoutMs', 'kind', 'hedge', 'factory'];
/** A smaller part could fail as a whole. */
const leastSubset = 12;
const laterBindKeys = ['tickets'];

/**
 * Checks a name and the options of a binding.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`
 */
export function bindConfigOf(name: string, options: BindOptions, root: string): BindConfig {
  const given = objectOf(options, `bind('${name}')`);
  refuseUnknown(given, bindKeys, laterBindKeys, `bind('${name}')`);
  if (given.factory !== undefined && typeof given.factory !== 'function')
    throw refused(`bind('${name}') has a factory that is no function`);
  if (
    given.affinity !== undefined &&
    typeof given.affinity !== 'string' &&
    typeof given.affinity !== 'function'
  )
    throw refused(`bind('${name}') has an affinity that is neither a string nor a function`);
  if (given.version !== undefined && typeof given.version !== 'string')
    throw refused(`bind('${name}') has a version that is no string`);
  return Object.freeze({
    name: absoluteName(name, root),
    version: options.version,
    policy: options.policy,
    affinity: options.affinity,
    subset: subsetOf(given.subset ?? defaults.subset, `bind('${name}')`),
    timeoutMs: timeoutOf(given.timeoutMs ?? defaults.timeoutMs, `bind('${name}')`),
    setsTime: given.timeoutMs !== undefined,
    kind: kindOf(given.kind, `bind('${name}')`),
    hedge: hedgeOf(given.hedge, `bind('${name}')`),
    factory: options.factory,
  });
}

/** Checks how a binding is hedged. @throws {@link ClerkError} `CONFIG_INVALID` */
function hedgeOf(value: unknown, where: string): HedgeConfig | undefined {
  if (value === undefined || value === false) return undefined;
  const given = value === true ? {} : objectOf(value, `${where}: hedge, if it is neither true nor false,`);
  refuseUnknown(given, ['afterMs', 'share'], [], `${where}, hedge,`);
  const { afterMs, share = defaults.hedgeShare } = given;
  if (afterMs !== undefined && !(typeof afterMs === 'number' && afterMs >= 0 && afterMs <= longestMs))
    throw refused(`${where}: hedge.afterMs is ${shown(afterMs)}; it must be a number of ms from 0`);
  if (typeof share !== 'number' || !(share > 0 && share <= 1))
    throw refused(
      `${where}: hedge.share is ${shown(share)}; it must be above 0 and at most 1: second attempts per call`,
    );
  return Object.freeze({ afterMs, share });
}

/** Checks a time for a call. `where`: who has it. @throws {@link ClerkError} `CONFIG_INVALID` */
export function timeoutOf(value: unknown, where?: string): number {
  if (typeof value !== 'number' || !(value > 0) || value > longestMs)
    throw refused(
      `${where === undefined ? '' : `${where}: `}timeoutMs is ${shown(value)}; it must be a number of ms above 0 and at most ${String(longestMs)}`,
    );
  return value;
}

/** Checks a kind. `where`: who has it. @throws {@link ClerkError} `CONFIG_INVALID` */
export function kindOf(value: unknown, where?: string): Kind | undefined {
  if (value === undefined) return undefined;
  if (!(kinds as readonly unknown[]).includes(value))
    throw refused(
      `${where === undefined ? '' : `${where}: `}kind is ${shown(value)}; it must be one of ${kinds.join(', ')}`,
    );
  return value as Kind;
}

function subsetOf(value: unknown, where: string): number {
  if (value === Infinity || (Number.isInteger(value) && (value as number) >= leastSubset))
    return value as number;
  throw refused(
    `${where} has the subset ${shown(value)}; it must be an integer from ${String(leastSubset)} on, or Infinity for the whole fleet`,
  );
}
