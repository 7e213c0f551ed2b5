import { encodeIdentity, type RegistryIdentity } from '../registry-identity.js';
import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import type { Plan } from './naming-command.js';

/** Plans a new incarnation. Removes all tokens, because the lost changes may include the use of a token. */
export function startIncarnation(
  { identities }: NamingView,
  identity: RegistryIdentity,
  epochBase: number,
): Plan {
  const changes: StateChange[] = [{ kind: 'epoch-base', epoch: epochBase }];
  for (const [digest] of identities.tokens()) changes.push({ kind: 'token', digest, record: undefined });
  for (const { key, value = '' } of encodeIdentity(identity)) changes.push({ kind: 'registry', key, value });
  return { changes, appliesInMs: 0, identity };
}
