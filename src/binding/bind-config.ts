import { maxTimerMs } from '../core/clock.js';
import { describeValue } from '../core/describe-value.js';
import type { Factory } from '../core/factory.js';
import { callKinds, type CallKind } from '../core/idempotency.js';
import { isObject } from '../core/is-object.js';
import { absoluteName } from '../core/name.js';
import { hedgingPolicyName, type Policy, type PolicyFunction, type PolicyName } from '../core/policy.js';
import { defaults } from '../client/config.js';
import {
  checkInterceptors,
  checkObject,
  rejectUnknownKeys,
  type InterceptorLists,
} from '../client/option-checks.js';
import { bindKeys } from '../client/option-keys.js';
import type { BindOptions, HedgeOptions } from '../client/options.js';
import {
  checkAttemptTimeout,
  checkRetries,
  settingWithoutRetries,
  type AttemptTimeoutOptions,
  type RetryOptions,
  type RetryOverrides,
} from '../core/retry-options.js';
import { ClerkError, configError } from '../core/errors.js';
import { defaultProbe, type ProbeRequest } from '../core/transport.js';
import type { HedgeConfig } from '../invoke/hedging-policy.js';

export interface BindConfig {
  readonly name: string;
  readonly version: string | undefined;
  readonly policy: PolicyName | Policy | PolicyFunction | undefined;
  readonly affinity: string | ((path: string) => string | undefined) | undefined;
  readonly subsetSize: number;
  readonly timeoutMs: number;
  /** Whether the program set `timeoutMs`. If false, a timeout in the service config replaces `timeoutMs`. */
  readonly hasOwnTimeout: boolean;
  /** `Infinity` if no total timeout is set. */
  readonly totalTimeoutMs: number;
  readonly attemptTimeoutMs: number | AttemptTimeoutOptions | undefined;
  readonly retries: RetryOptions | false | undefined;
  readonly probe: ProbeRequest | false | undefined;
  readonly routeOf: ((method: string, path: string) => string) | undefined;
  readonly kind: CallKind | undefined;
  readonly waitForReady: boolean;
  readonly hedge: HedgeConfig | undefined;
  readonly interceptors: InterceptorLists;
  readonly factory: Factory | undefined;
}

const hedgeKeys = Object.keys({ afterMs: true, budgetRatio: true } satisfies Record<
  keyof HedgeOptions,
  true
>);
const unsupportedBindKeys = ['tickets'];
const probeMethods = ['OPTIONS', 'HEAD', 'GET'];
/** Minimum subset size. All endpoints of a smaller subset could easily fail at the same time. */
const minSubset = 12;

function rejectHost(name: unknown, subject: string): void {
  if (typeof name !== 'string' || !/^[a-z]+:\/\/|\.clerk\/?$/i.test(name)) return;
  throw new ClerkError(
    'NAME_INVALID',
    `${subject}: the name must be a path such as '/shop/orders', not a URL or a host; for a URL such as http://orders.shop.clerk, use clerk.fetch()`,
  );
}

/**
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 * @throws {@link ClerkError} `NAME_INVALID` when the name breaks the naming rules
 */
export function toBindConfig(name: string, options: BindOptions, root: string): BindConfig {
  const subject = `bind('${name}')`;
  rejectHost(name, subject);
  const given = checkObject(options, `Options of ${subject}`);
  rejectUnknownKeys(given, bindKeys, subject, unsupportedBindKeys);
  const { factory, affinity, version, routeOf } = given;
  if (factory !== undefined && typeof factory !== 'function')
    throw configError(`${subject}: factory must be a function; got ${describeValue(factory)}`);
  if (affinity !== undefined && typeof affinity !== 'string' && typeof affinity !== 'function')
    throw configError(`${subject}: affinity must be a string or a function; got ${describeValue(affinity)}`);
  if (version !== undefined && typeof version !== 'string')
    throw configError(`${subject}: version must be a string; got ${describeValue(version)}`);
  if (routeOf !== undefined && typeof routeOf !== 'function')
    throw configError(`${subject}: routeOf must be a function; got ${describeValue(routeOf)}`);
  const hedge = toHedgeConfig(given.hedge, subject);
  const overrides = checkOverrides(given, subject);
  const kind = checkKind(given.kind, subject);
  rejectUselessHedge(options.policy, hedge, overrides.retries, kind, subject);
  return Object.freeze({
    name: absoluteName(name, root),
    version: options.version,
    policy: options.policy,
    affinity: options.affinity,
    subsetSize: checkSubsetSize(given.subsetSize ?? defaults.subsetSize, subject),
    timeoutMs: given.timeoutMs === undefined ? defaults.timeoutMs : checkTimeout(given.timeoutMs, subject),
    hasOwnTimeout: given.timeoutMs !== undefined,
    totalTimeoutMs:
      given.totalTimeoutMs === undefined
        ? Infinity
        : checkTimeout(given.totalTimeoutMs, subject, 'totalTimeoutMs'),
    ...overrides,
    probe: toProbeRequest(given.probe, subject),
    routeOf: options.routeOf,
    kind,
    waitForReady: checkBoolean(given.waitForReady ?? false, subject, 'waitForReady'),
    hedge,
    interceptors: checkInterceptors(given.interceptors, `${subject}: interceptors`),
    factory: options.factory,
  });
}

function rejectUselessHedge(
  policy: BindOptions['policy'],
  hedge: HedgeConfig | undefined,
  retries: RetryOptions | false | undefined,
  kind: CallKind | undefined,
  subject: string,
): void {
  const hedgingPolicy = nameOfHedgingPolicy(policy);
  if (hedgingPolicy === undefined && hedge === undefined) return;
  const option = hedgingPolicy === undefined ? 'the option hedge' : `the policy '${hedgingPolicy}'`;
  if (hedgingPolicy !== undefined && hedge !== undefined)
    throw configError(
      `${subject}: ${option} starts two attempts at once, so the option hedge has no effect; remove the option hedge`,
    );
  const conflict = settingWithoutRetries(retries);
  if (conflict !== undefined)
    throw configError(
      `${subject}: ${option} requires retries, since a second attempt counts as a retry; got ${conflict}; remove ${option}, or allow retries`,
    );
  if (kind === 'once')
    throw configError(
      `${subject}: ${option} requires calls that may be retried; got kind: 'once'; remove ${option}, or set kind to 'safe' or 'idempotent'`,
    );
}

function nameOfHedgingPolicy(policy: BindOptions['policy'] | null): string | undefined {
  if (policy === hedgingPolicyName) return policy;
  return typeof policy === 'object' && policy?.hedges === true ? policy.name : undefined;
}

function toHedgeConfig(value: unknown, subject: string): HedgeConfig | undefined {
  if (value === undefined || value === false) return undefined;
  if (value !== true && (typeof value !== 'object' || value === null || Array.isArray(value)))
    throw configError(
      `${subject}: hedge must be a boolean or an object with afterMs or budgetRatio; got ${describeValue(value)}`,
    );
  const given: Record<string, unknown> = value === true ? {} : { ...value };
  rejectUnknownKeys(given, hedgeKeys, `${subject}: hedge`);
  const { afterMs, budgetRatio = defaults.hedgeBudgetRatio } = given;
  if (afterMs !== undefined && !(typeof afterMs === 'number' && afterMs >= 0 && afterMs <= maxTimerMs))
    throw configError(
      `${subject}: hedge.afterMs must be a number of ms from 0 to ${String(maxTimerMs)}; got ${describeValue(afterMs)}`,
    );
  if (typeof budgetRatio !== 'number' || !(budgetRatio > 0 && budgetRatio <= 1))
    throw configError(
      `${subject}: hedge.budgetRatio must be a number above 0 and at most 1; got ${describeValue(budgetRatio)}`,
    );
  return Object.freeze({ afterMs, budgetRatio });
}

export function checkOverrides(
  given: { readonly attemptTimeoutMs?: unknown; readonly retries?: unknown },
  subject: string,
): Required<RetryOverrides> {
  const createError = (problem: string): ClerkError => configError(`${subject}: ${problem}`);
  return {
    attemptTimeoutMs: checkAttemptTimeout(given.attemptTimeoutMs, createError),
    retries: checkRetries(given.retries, createError),
  };
}

function toProbeRequest(value: unknown, subject: string): ProbeRequest | false | undefined {
  if (value === undefined || value === false) return value;
  if (!isObject(value))
    throw configError(
      `${subject}: probe must be false or an object with method or path, such as { path: '/health' }; got ${describeValue(value)}`,
    );
  rejectUnknownKeys(value, ['method', 'path'], `${subject}: probe`);
  const { method = defaultProbe.method, path = defaultProbe.path } = value;
  if (typeof method !== 'string' || !probeMethods.includes(method))
    throw configError(
      `${subject}: probe.method must be one of ${probeMethods.join(', ')}; got ${describeValue(method)}`,
    );
  if (typeof path !== 'string' || !/^\/[!-~]*$/.test(path) || path.includes('#'))
    throw configError(
      `${subject}: probe.path must be a path that begins with '/', without spaces or '#'; got ${describeValue(path)}`,
    );
  return Object.freeze({ method, path });
}

export function checkTimeout(value: unknown, subject: string, key = 'timeoutMs'): number {
  if (typeof value !== 'number' || !(value > 0) || value > maxTimerMs)
    throw configError(
      `${subject}: ${key} must be a number of ms above 0 and at most ${String(maxTimerMs)}; got ${describeValue(value)}`,
    );
  return value;
}

export function checkBoolean(value: unknown, subject: string, key: string): boolean {
  if (typeof value === 'boolean') return value;
  throw configError(`${subject}: ${key} must be true or false; got ${describeValue(value)}`);
}

export function checkKind(value: unknown, subject: string): CallKind | undefined {
  if (value === undefined) return undefined;
  if (!(callKinds as readonly unknown[]).includes(value))
    throw configError(`${subject}: kind must be one of ${callKinds.join(', ')}; got ${describeValue(value)}`);
  return value as CallKind;
}

function checkSubsetSize(value: unknown, subject: string): number {
  if (value === Infinity || (Number.isInteger(value) && (value as number) >= minSubset))
    return value as number;
  throw configError(
    `${subject}: subsetSize must be an integer ≥ ${String(minSubset)}, or Infinity for all endpoints; got ${describeValue(value)}`,
  );
}
