import type { IdentityOption } from '../registry-client/registry-access.js';
import type { RegistryCredentials } from '../registry-client/server-connector.js';

/** Opens an identity file or a function that returns credentials. Only then are the modules for identities loaded. */
export async function openCredentials(identity: IdentityOption): Promise<RegistryCredentials> {
  if (typeof identity === 'object') return identity;
  const { openIdentity } = await import('./index.js');
  return openIdentity(identity);
}
