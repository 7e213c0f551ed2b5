import { ClerkError } from '../../../core/errors.js';
import { parseName } from '../../../core/name.js';
import { limits } from '../../../protocol/limits.js';
import type { GroupRequest } from '../../../protocol/identity-messages.js';
import type { NamingView } from '../state/naming-view.js';
import type { GroupRecord } from '../state/records.js';
import { resolveParentLinks } from '../state/resolve-links.js';
import { requireSecured } from './authorize.js';
import { nameTakenError, replaceEntry } from './define-entry.js';
import type { Plan, PlanContext } from './naming-command.js';
import { checkGuarantee } from './validate-command.js';

const maxMembers = 1_000;

export function setGroup(view: NamingView, request: GroupRequest, context: PlanContext): Plan {
  requireSecured(view, 'a group');
  const name = resolveParentLinks(view, parseName(request.name));
  const before = view.entry(name);
  if (before !== undefined && before.kind !== 'group') throw nameTakenError(name, before, 'a group');
  const members = [...new Set(request.members.map((member) => parseName(member, 'Member')))];
  if (members.includes(name))
    throw new ClerkError(
      'CONFIG_INVALID',
      `Members of the group ${name} must be other principals or groups; got the group itself; leave it out`,
    );
  if (members.length > maxMembers)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `A group must have at most ${maxMembers} members; got ${members.length}; split the members into several groups, and make these groups the members`,
    );
  const guaranteedMs = checkGuarantee(
    request.guaranteedMs ?? before?.guaranteedMs ?? limits.defaultGuaranteedMs,
    before?.guaranteedMs ?? limits.defaultGuaranteedMs,
    context,
  );
  const next: GroupRecord = { kind: 'group', members, guaranteedMs };
  return replaceEntry(name, before, next, request.whenExpired === true, context);
}
