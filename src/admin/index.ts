/**
 * Entry point of programs that administer a registry: the commands of `clerk` as typed methods.
 *
 * @module
 */
import { isIdentity } from '../core/identity.js';
import { openCredentials } from '../identity/open-credentials.js';
import { LazyCredentials } from '../registry-client/lazy-credentials.js';
import { openRegistryAdmin } from './open-registry-admin.js';
import { toAdministerConfig, type AdministerOptions } from './options.js';
import type { RegistryAdmin } from './registry-admin.js';

export type { AdministerOptions } from './options.js';
export type {
  AuditOptions,
  CancelOptions,
  DefineOptions,
  DirectoryOptions,
  ImportRequestOptions,
  ImportSource,
  LaunchOptions,
  LinkOptions,
  RegistryAdmin,
  RemoveOptions,
  ResetOptions,
} from './registry-admin.js';
export type { AdminRequestOptions } from './admin-request-options.js';
export type {
  AccessAdmin,
  AccessOptions,
  GroupAdmin,
  GroupEntry,
  GroupOptions,
  IdentityAdmin,
  RevokeOptions,
  TokenOptions,
} from './rights-admin.js';
export type { AuditDetail, AuditKind, AuditLine } from '../protocol/audit-messages.js';
export type {
  AccessEntry,
  AccessExplainResponse,
  GroupRequest,
  IdentityMessage,
  LaunchedInstance,
  RevokeResponse,
  TokenResponse,
} from '../protocol/identity-messages.js';
export type { LaunchResponse, StopResponse } from '../protocol/launch-messages.js';
export type {
  AddressOwner,
  EndpointMessage,
  ResolveResponse,
  SearchMessage,
} from '../protocol/lookup-messages.js';
export type {
  AccessLine,
  ChangeResponse,
  DefineRequest,
  DirectoryLine,
  DirectoryResponse,
  ExportLine,
  GroupLine,
  ImportDifference,
  ImportResponse,
  LaunchRule,
  LinkLine,
  LinkRequest,
  ServiceLine,
} from '../protocol/naming-messages.js';
export type { ScheduledChange } from '../core/registry.js';
export type { OutdatedInstance, StatusProblem, StatusResponse } from '../protocol/status-messages.js';
export { ClerkError, isClerkError } from '../core/errors.js';

/**
 * Opens the administration of a registry, with the same client as the command line. Opens the identity, and makes no
 * connection before the first request.
 *
 * @example
 * ```ts
 * const registry = await administer({ registry: 'http://127.0.0.1:4711' });
 * await registry.define('/shop/orders', { policy: 'load-aware', launch: { manifest: 'orders' } });
 * await registry.link('/shop/checkout', '/shop/orders');
 * await registry.close();
 * ```
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 * @throws {@link ClerkError} `IDENTITY_INVALID` when the identity cannot be read or is invalid
 */
export async function administer(options: AdministerOptions = {}): Promise<RegistryAdmin> {
  const { urls, identity, registryKeys, tls, timeoutMs } = toAdministerConfig(options);
  const opened = identity === undefined ? undefined : await openCredentials(identity);
  const credentials = opened && new LazyCredentials(async () => opened);
  await credentials?.current();
  const isStated = options.registry !== undefined || Boolean(process.env.CLERK_REGISTRY);
  const known = isIdentity(opened) && !isStated && opened.registry.length > 0 ? opened.registry : urls;
  return openRegistryAdmin({
    ...{ urls: known, credentials, registryKeys, tls, timeoutMs },
    onClose: () => credentials?.close(),
  });
}
