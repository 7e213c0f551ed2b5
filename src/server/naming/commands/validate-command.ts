/** What requests may say beyond their shape. */
import { ClerkError } from '../../../core/errors.js';
import type { PolicyName } from '../../../core/policy.js';
import { quote } from '../../../core/describe-value.js';
import { limits } from '../../../protocol/limits.js';
import type { LaunchRule } from '../../../protocol/messages.js';

const policies: Readonly<Record<PolicyName, true>> = {
  'local-first': true,
  random: true,
  'round-robin': true,
  'load-aware': true,
  'least-pending': true,
  weighted: true,
  affinity: true,
  primary: true,
  'first-to-respond': true,
};

/** A policy word or null. */
export function checkPolicy(policy: unknown): string | null {
  if (policy === null || (typeof policy === 'string' && Object.hasOwn(policies, policy))) return policy;
  throw new ClerkError(
    'CONFIG_INVALID',
    `There is no policy ${quote(policy)}; give one of ${Object.keys(policies).join(', ')}, or null for none`,
  );
}

/** The length of a promise. */
export function checkGuarantee(guaranteedMs: unknown): number {
  return checkMs(guaranteedMs, 'promise', 0);
}

/** How long a call may take, or null. */
export function checkTimeout(timeoutMs: unknown): number | null {
  return timeoutMs === null ? null : checkMs(timeoutMs, 'timeout', 1);
}

/** The length of a lease. @see promises C8.2, A5 */
export function checkLease(leaseMs: unknown): number {
  return checkMs(leaseMs, 'lease', limits.minLeaseMs);
}

function checkMs(ms: unknown, what: string, min: number): number {
  if (typeof ms === 'number' && Number.isInteger(ms) && ms >= min && ms <= limits.maxLeaseMs) return ms + 0;
  const given = typeof ms === 'number' ? String(ms) : quote(ms);
  throw new ClerkError(
    'CONFIG_INVALID',
    `The ${what} is ${given}; it must be a whole number of ms from ${min} to ${limits.maxLeaseMs} (7 days)`,
  );
}

/** How a service is started, reduced to what is known of it. */
export function checkLaunchRule(launch: unknown): LaunchRule | null {
  if (launch === null) return null;
  const { manifest, params } = (typeof launch === 'object' ? launch : {}) as {
    readonly manifest?: unknown;
    readonly params?: unknown;
  };
  if (typeof manifest !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(manifest))
    throw new ClerkError(
      'CONFIG_INVALID',
      `The launch rule names the manifest ${quote(manifest)}; it must be 1 to 64 letters, digits, '.', '_' and '-'`,
    );
  if (params === undefined) return { manifest };
  if (typeof params !== 'object' || params === null || Array.isArray(params))
    throw new ClerkError('CONFIG_INVALID', `The launch rule has params that are no object`);
  for (const [key, value] of Object.entries(params))
    if (typeof value !== 'string' && !(typeof value === 'number' && Number.isFinite(value)))
      throw new ClerkError(
        'CONFIG_INVALID',
        `The launch rule's parameter ${quote(key)} must be a text or a number`,
      );
  return { manifest, params: { ...(params as Record<string, string | number>) } };
}
