import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import { enrolTokenTtl } from '../../../protocol/enrol-token.js';
import type { TokenRequest } from '../../../protocol/identity-messages.js';
import type { Caller } from '../../ports.js';
import { accessViewOf } from '../access/access-view.js';
import { requireAccess } from '../access/caller-access.js';
import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import { requireNoGroup } from './group-names.js';
import type { Plan, PlanContext } from './naming-command.js';

const maxTokens = 10_000;

/**
 * Issues an enrolment token. Also removes expired tokens.
 *
 * @param digest - SHA-256 of the token
 * @throws {@link ClerkError} `FORBIDDEN` without the right `admin` on the principal, or when a group has this name;
 *   `LIMIT_EXCEEDED`; `CONFIG_INVALID`
 */
export function issueToken(
  view: NamingView,
  { principal, ttlMs = enrolTokenTtl.defaultMs }: TokenRequest,
  digest: string,
  caller: Caller,
  { wallNow }: PlanContext,
): Plan {
  const name = parseName(principal, 'Principal');
  requireAccess(accessViewOf(view), caller, name, 'admin');
  requireNoGroup(view, name);
  const { minMs, maxMs } = enrolTokenTtl;
  if (!Number.isSafeInteger(ttlMs) || ttlMs < minMs || ttlMs > maxMs)
    throw new ClerkError(
      'CONFIG_INVALID',
      `The ttlMs of a token must be an integer from ${minMs} to ${maxMs} ms (24 h); got ${ttlMs}`,
    );
  const now = wallNow();
  const changes: StateChange[] = [];
  let live = 0;
  for (const [other, { expiresAt }] of view.identities.tokens())
    if (expiresAt <= now) changes.push({ kind: 'token', digest: other, record: undefined });
    else live++;
  if (live >= maxTokens)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `The registry has ${maxTokens} unused tokens, which is the maximum; try again after a token was used or has expired`,
    );
  const record = { principal: name, expiresAt: now + ttlMs, issuedBy: caller.principal };
  changes.push({ kind: 'token', digest, record });
  return { changes, appliesInMs: 0, expiresAt: record.expiresAt };
}
