import { ClerkError } from '../../../core/errors.js';
import type { AccessChangeRequest } from '../../../protocol/identity-messages.js';
import type { AccessTriple, Caller } from '../../ports.js';
import { toCompiledTriple } from '../access/access-triple.js';
import { accessViewOf } from '../access/access-view.js';
import { forbidden, hasRightOnAll } from '../access/caller-access.js';
import type { NamingView } from '../state/naming-view.js';
import { requireSecured } from './authorize.js';
import { noChange, type Plan } from './naming-command.js';

const maxTriples = 1_000;

/**
 * Adds rights to a triple of principal, path and rights, or removes rights from it. The caller must have the right
 * `admin` on every name that the path matches. A caller can grant only rights that it has itself.
 *
 * @throws {@link ClerkError} `FORBIDDEN`; `LIMIT_EXCEEDED`; `NAME_NOT_FOUND` when the triple to remove does not exist
 */
export function changeAccess(
  view: NamingView,
  request: AccessChangeRequest,
  caller: Caller | undefined,
): Plan {
  requireSecured(view, 'rights');
  const { directory, triple, path } = toCompiledTriple(request);
  const access = accessViewOf(view);
  const needed = request.change === 'allow' ? (['admin', ...triple.rights] as const) : (['admin'] as const);
  for (const right of needed)
    if (!hasRightOnAll(access, caller, path, right)) throw forbidden(caller, path.text, right);
  const before = view.identities.triplesIn(directory).map((compiled) => compiled.triple);
  const isSame = (other: AccessTriple): boolean =>
    other.principal === triple.principal && other.path === triple.path;
  const current = before.find(isSame);
  if (request.change === 'remove' && current === undefined)
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `${directory} holds no rights of ${triple.principal} on ${path.text}; list the rights with clerk acl ls`,
    );
  const had = current?.rights ?? [];
  const rights =
    request.change === 'allow'
      ? [...had, ...triple.rights.filter((right) => !had.includes(right))]
      : had.filter((right) => !triple.rights.includes(right));
  if (rights.length === had.length) return noChange;
  const others = before.filter((other) => !isSame(other));
  const triples = rights.length === 0 ? others : [...others, { ...triple, rights }];
  if (triples.length > maxTriples)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `${directory} holds ${maxTriples} entries about rights, which is the maximum; use a group or a glob`,
    );
  return { changes: [{ kind: 'access', directory, triples }], appliesInMs: 0 };
}
