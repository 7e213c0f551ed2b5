/**
 * For programs that prove an identity, which is a name and a key: opens the identity, enrols and rotates the key.
 *
 * @module binding-clerk/identity
 */
import type { CredentialProvider } from '../core/credentials.js';
import type { Identity } from '../core/identity.js';
import { httpConnection } from '../registry-client/http-connection.js';
import { clusterWorker } from '../runtime/cluster-process.js';
import { currentProcess } from '../runtime/current-process.js';
import { systemClock } from '../runtime/system-clock.js';
import { systemFiles } from '../runtime/system-files.js';
import { systemKeys } from '../runtime/system-keys.js';
import { undici } from '../transport/load-undici.js';
import { PinnedRegistryDialer } from '../transport/pinned-registry-dialer.js';
import { DefaultIdentity } from './default-identity.js';
import { fixedCredentials } from './fixed-credentials.js';
import { openIdentityFrom, type IdentityOptions } from './open-identity.js';
import { registrySender } from './registry-sender.js';

export { ClerkError, isClerkError } from '../core/errors.js';
export type { ClerkErrorCode, ClerkErrorDetails, Execution } from '../core/errors.js';
export type { Outcome, Stage, Verdict } from '../core/outcome.js';
export type {
  CheckedCredentials,
  CredentialProvider,
  Credentials,
  CredentialSource,
  KeyAlgorithm,
} from '../core/credentials.js';
export type { Identity, IdentityTlsOptions } from '../core/identity.js';
export type { KeyPin } from '../core/key-pin.js';
export type { IdentityOptions } from './open-identity.js';

const runtime = {
  clock: systemClock,
  files: systemFiles,
  keys: systemKeys,
  process: {
    env: currentProcess.env,
    isWorker: clusterWorker.isWorker,
    readFirstLine: () => currentProcess.readFirstLine(),
  },
  warn: (message: string) => currentProcess.warn(message),
  send: registrySender(
    (url, { registryKeys, credentials }) =>
      httpConnection(url, {
        clock: systemClock,
        tls: {},
        undici,
        dialer: new PinnedRegistryDialer({
          pins: () => registryKeys,
          credentials: fixedCredentials(credentials),
          keys: systemKeys,
          clock: systemClock,
        }),
      }),
    systemClock,
  ),
};

const defaultIdentity = new DefaultIdentity(runtime);

/**
 * Opens the identity of this program: its name, its private key, and a certificate of the key.
 *
 * - a path: the identity file, which an enrolment creates. The file is read again when the key is needed, at most once
 *   a second.
 * - options with a token: enrols a new key. With `file`, the key is stored for the next start, which needs no token.
 * - a function that returns `{ name, key, cert }`: called at most once a second, whenever the key is needed.
 * - no argument: in a process that a secured registry has launched, a new key for this instance, stored only in memory.
 *   In any other process, the file `$CLERK_IDENTITY`.
 *
 * @example
 * ```ts
 * const identity = await openIdentity('orders.identity');
 * const server = createServer(identity.tls(), authenticate(handler, { identity })).listen(0);
 * await advertise({ name: '/shop/orders', address: server, identity });
 * ```
 * @throws {@link ClerkError} `CONFIG_INVALID` or `NAME_INVALID` when an option is invalid
 * @throws {@link ClerkError} `IDENTITY_INVALID` when the identity cannot be read or is invalid, or when other users can
 * read its file
 * @throws {@link ClerkError} `TICKET_REFUSED` when the registry refuses the enrolment, and `REGISTRY_UNREACHABLE` when
 * the registry does not respond
 * @throws {@link ClerkError} `ENDPOINT_UNPROVEN` when the server does not prove one of the expected registry keys
 */
export function openIdentity(source?: string | IdentityOptions | CredentialProvider): Promise<Identity> {
  return source === undefined ? defaultIdentity.open() : openIdentityFrom(source, runtime);
}
