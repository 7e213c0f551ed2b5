/**
 * How one binding, or one call, is set up: loose options in, a frozen and complete configuration or a clear error out.
 */
import { callKinds, type CallKind } from '../core/idempotency.js';
import type { Factory } from '../core/factory.js';
import { absoluteName } from '../core/name.js';
import type { Policy, PolicyFunction, PolicyName } from '../core/policy.js';
import { checkObject, configError, rejectUnknownKeys, describeValue } from '../client/option-checks.js';
import { defaults } from '../client/config.js';
import type { HedgeConfig } from '../invoke/hedging-policy.js';
import type { BindOptions } from '../client/options.js';

/** A complete binding configuration. */
export interface BindConfig {
  readonly name: string;
  readonly version: string | undefined;
  readonly policy: PolicyName | Policy | PolicyFunction | undefined;
  readonly affinity: string | ((path: string) => string | undefined) | undefined;
  readonly subsetSize: number;
  readonly timeoutMs: number;
  /** Whether the program has set that; else the service's record may. */
  readonly hasOwnTimeout: boolean;
  readonly kind: CallKind | undefined;
  readonly hedge: HedgeConfig | undefined;
  readonly factory: Factory | undefined;
}

const maxTimeoutMs = 2 ** 31 - 1;
const bindKeys = ['version', 'policy', 'affinity', 'subset', 'timeoutMs', 'kind', 'hedge', 'factory'];
/** A smaller part could fail as a whole. */
const minSubset = 12;
const unsupportedBindKeys = ['tickets'];

/**
 * Checks a name and the options of a binding.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`
 */
export function toBindConfig(name: string, options: BindOptions, root: string): BindConfig {
  const given = checkObject(options, `bind('${name}')`);
  rejectUnknownKeys(given, bindKeys, unsupportedBindKeys, `bind('${name}')`);
  if (given.factory !== undefined && typeof given.factory !== 'function')
    throw configError(`bind('${name}') has a factory that is no function`);
  if (
    given.affinity !== undefined &&
    typeof given.affinity !== 'string' &&
    typeof given.affinity !== 'function'
  )
    throw configError(`bind('${name}') has an affinity that is neither a string nor a function`);
  if (given.version !== undefined && typeof given.version !== 'string')
    throw configError(`bind('${name}') has a version that is no string`);
  return Object.freeze({
    name: absoluteName(name, root),
    version: options.version,
    policy: options.policy,
    affinity: options.affinity,
    subsetSize: checkSubsetSize(given.subset ?? defaults.subsetSize, `bind('${name}')`),
    timeoutMs: checkTimeout(given.timeoutMs ?? defaults.timeoutMs, `bind('${name}')`),
    hasOwnTimeout: given.timeoutMs !== undefined,
    kind: checkKind(given.kind, `bind('${name}')`),
    hedge: toHedgeConfig(given.hedge, `bind('${name}')`),
    factory: options.factory,
  });
}

/** Checks how a binding is hedged. @throws {@link ClerkError} `CONFIG_INVALID` */
function toHedgeConfig(value: unknown, subject: string): HedgeConfig | undefined {
  if (value === undefined || value === false) return undefined;
  const given =
    value === true ? {} : checkObject(value, `${subject}: hedge, if it is neither true nor false,`);
  rejectUnknownKeys(given, ['afterMs', 'share'], [], `${subject}, hedge,`);
  const { afterMs, budgetRatio = defaults.hedgeBudgetRatio } = given;
  if (afterMs !== undefined && !(typeof afterMs === 'number' && afterMs >= 0 && afterMs <= maxTimeoutMs))
    throw configError(
      `${subject}: hedge.afterMs is ${describeValue(afterMs)}; it must be a number of ms from 0`,
    );
  if (typeof budgetRatio !== 'number' || !(budgetRatio > 0 && budgetRatio <= 1))
    throw configError(
      `${subject}: hedge.share is ${describeValue(budgetRatio)}; it must be above 0 and at most 1: second attempts per call`,
    );
  return Object.freeze({ afterMs, budgetRatio });
}

/** Checks a time for a call. `where`: who has it. @throws {@link ClerkError} `CONFIG_INVALID` */
export function checkTimeout(value: unknown, subject?: string): number {
  if (typeof value !== 'number' || !(value > 0) || value > maxTimeoutMs)
    throw configError(
      `${subject === undefined ? '' : `${subject}: `}timeoutMs is ${describeValue(value)}; it must be a number of ms above 0 and at most ${String(maxTimeoutMs)}`,
    );
  return value;
}

/** Checks a kind. `where`: who has it. @throws {@link ClerkError} `CONFIG_INVALID` */
export function checkKind(value: unknown, subject?: string): CallKind | undefined {
  if (value === undefined) return undefined;
  if (!(callKinds as readonly unknown[]).includes(value))
    throw configError(
      `${subject === undefined ? '' : `${subject}: `}kind is ${describeValue(value)}; it must be one of ${callKinds.join(', ')}`,
    );
  return value as CallKind;
}

function checkSubsetSize(value: unknown, subject: string): number {
  if (value === Infinity || (Number.isInteger(value) && (value as number) >= minSubset))
    return value as number;
  throw configError(
    `${subject} has the subset ${describeValue(value)}; it must be an integer from ${String(minSubset)} on, or Infinity for the whole fleet`,
  );
}
