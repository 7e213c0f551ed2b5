import { encodeIdentity, type RegistryIdentity } from '../registry-identity.js';
import type { StateChange } from '../state/records.js';
import type { Plan } from './naming-command.js';

/** Changes the identity of the registry, and raises all epochs that it will assign. */
export function startIncarnation(identity: RegistryIdentity, epochBase: number): Plan {
  const changes: StateChange[] = [{ kind: 'epoch-base', epoch: epochBase }];
  for (const { key, value = '' } of encodeIdentity(identity)) changes.push({ kind: 'registry', key, value });
  return { changes, appliesInMs: 0, identity };
}
