import { encodeIdentity, type RegistryIdentity } from '../registry-identity.js';
import type { StateChange } from '../state/records.js';
import type { Plan } from './naming-command.js';

export function startIncarnation(identity: RegistryIdentity, epochBase: number): Plan {
  const changes: StateChange[] = [{ kind: 'epoch-base', epoch: epochBase }];
  for (const { key, value = '' } of encodeIdentity(identity)) changes.push({ kind: 'registry', key, value });
  return { changes, appliesInMs: 0, identity };
}
