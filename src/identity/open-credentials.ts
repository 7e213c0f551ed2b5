import type { IdentityOption } from '../registry-client/registry-access.js';
import type { RegistryCredentials } from '../registry-client/server-connector.js';

/** Loads the modules for identities only if the program has an identity file or a provider. */
export async function openCredentials(identity: IdentityOption): Promise<RegistryCredentials> {
  if (typeof identity === 'object') return identity;
  const { openIdentity } = await import('./index.js');
  return openIdentity(identity);
}
