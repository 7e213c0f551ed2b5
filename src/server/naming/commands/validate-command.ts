/** Checks fields of commands that the request schemas do not check completely. */
import { definedFields } from '../../../core/defined-fields.js';
import { quote } from '../../../core/describe-value.js';
import { ClerkError } from '../../../core/errors.js';
import { isObject } from '../../../core/is-object.js';
import { hedgingPolicyName, policyNames } from '../../../core/policy.js';
import { checkAttemptTimeout, checkRetries, settingWithoutRetries } from '../../../core/retry-options.js';
import { limits } from '../../../protocol/limits.js';
import type { LaunchRule } from '../../../protocol/naming-messages.js';
import type { ServiceRecord } from '../state/records.js';
import type { PlanContext } from './naming-command.js';

export function checkPolicy(policy: unknown): string | null {
  if (policy === null || (policyNames as readonly unknown[]).includes(policy)) return policy as string | null;
  throw new ClerkError(
    'CONFIG_INVALID',
    `The policy must be one of ${policyNames.join(', ')}, or null; got ${quote(policy)}`,
  );
}

/**
 * @param before - present guarantee of the entry; stays valid even above the maximum
 * @throws {@link ClerkError} `CONFIG_INVALID`; `LIMIT_EXCEEDED` above `maxGuaranteedMs`
 */
export function checkGuarantee(
  guaranteedMs: unknown,
  before: number | undefined,
  { maxGuaranteedMs }: Pick<PlanContext, 'maxGuaranteedMs'>,
): number {
  const ms = checkMs(guaranteedMs, 'guarantee', 0);
  if (ms <= maxGuaranteedMs || ms === before) return ms;
  throw new ClerkError(
    'LIMIT_EXCEEDED',
    `The guarantee must be at most ${maxGuaranteedMs} ms; got ${ms}; set a shorter guarantee, or raise the limit with --max-guarantee`,
  );
}

export function checkTimeout(timeoutMs: unknown): number {
  return checkMs(timeoutMs, 'timeout', 1);
}

export function checkRetryOverrides(
  attemptTimeoutMs: unknown,
  retries: unknown,
): Pick<ServiceRecord, 'attemptTimeoutMs' | 'retries'> {
  const createError = (problem: string): ClerkError => new ClerkError('CONFIG_INVALID', `Field ${problem}`);
  return definedFields({
    attemptTimeoutMs: checkAttemptTimeout(attemptTimeoutMs ?? undefined, createError),
    retries: checkRetries(retries ?? undefined, createError),
  });
}

/** Refuses a policy that sends each call twice, if the retries of the service allow no second request. */
export function checkHedgingPolicy(policy: string | null, { retries }: Pick<ServiceRecord, 'retries'>): void {
  const conflict = settingWithoutRetries(retries);
  if (policy !== hedgingPolicyName || conflict === undefined) return;
  throw new ClerkError(
    'CONFIG_INVALID',
    `The policy ${policy} requires retries, since a second attempt counts as a retry; got ${conflict}; set another policy, or allow retries`,
  );
}

/** @see [C8.2](../../../../docs/guarantees.md#c8-2), [A5](../../../../docs/guarantees.md#a5) */
export function checkLease(leaseMs: unknown): number {
  return checkMs(leaseMs, 'lease', limits.minLeaseMs);
}

function checkMs(ms: unknown, what: string, min: number): number {
  // `+ 0` turns -0 into 0.
  if (typeof ms === 'number' && Number.isInteger(ms) && ms >= min && ms <= limits.maxLeaseMs) return ms + 0;
  const given = typeof ms === 'number' ? String(ms) : quote(ms);
  throw new ClerkError(
    'CONFIG_INVALID',
    `The ${what} must be an integer from ${min} to ${limits.maxLeaseMs} ms (7 days); got ${given}`,
  );
}

export function checkLaunchRule(launch: unknown): LaunchRule | null {
  if (launch === null) return null;
  const { manifest, params }: Record<string, unknown> = isObject(launch) ? launch : {};
  if (typeof manifest !== 'string' || !isManifestName(manifest))
    throw new ClerkError(
      'CONFIG_INVALID',
      `The manifest name of a launch rule must begin with a letter or digit and have 1 to ${limits.maxManifestNameLength} characters, each a letter, a digit, '.', '_' or '-'; got ${quote(manifest)}`,
    );
  if (params === undefined) return { manifest };
  if (!isObject(params))
    throw new ClerkError(
      'CONFIG_INVALID',
      `The params of a launch rule must be an object; got ${quote(params)}`,
    );
  for (const [key, value] of Object.entries(params))
    if (typeof value !== 'string' && !(typeof value === 'number' && Number.isFinite(value)))
      throw new ClerkError(
        'CONFIG_INVALID',
        `The launch parameter ${quote(key)} must be a string or a finite number; got ${quote(value)}`,
      );
  return { manifest, params: { ...(params as Record<string, string | number>) } };
}

function isManifestName(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text) && text.length <= limits.maxManifestNameLength;
}
