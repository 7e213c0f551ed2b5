import { ClerkError } from '../../../core/errors.js';
import {
  isRegistryName,
  registryDirectory,
  registryServersName,
} from '../../../protocol/registry-servers.js';
import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import type { NamingCommand, Plan } from './naming-command.js';

/**
 * Rejects a change by a client to the name under which the servers register. A link in place of this name, or of the
 * directory above it, would lead all clients to other servers.
 *
 * @throws {@link ClerkError} `FORBIDDEN`
 * @see [decision 177](../../../../docs/decisions/177-servers-in-the-name-space.md)
 */
export function checkRegistryNames(command: NamingCommand, { changes }: Plan): void {
  if (isOwn(command)) return;
  const refused = changes.find(touchesRegistryName);
  if (refused === undefined) return;
  throw new ClerkError(
    'FORBIDDEN',
    `${registryServersName} lists the servers of the registry, so only these servers can change this name, and ${registryDirectory} cannot be a link; use another name`,
  );
}

function isOwn(command: NamingCommand): boolean {
  switch (command.kind) {
    case 'define':
    case 'link':
    case 'directory':
    case 'move':
    case 'cancel':
    case 'remove':
    case 'group':
    case 'import':
      return false;
    case 'register':
      return command.isOwn === true;
    case 'withdraw':
      return command.caller === undefined;
    default:
      return true;
  }
}

function touchesRegistryName(change: StateChange): boolean {
  if (change.kind === 'endpoint') return isRegistryName(change.name);
  if (change.kind !== 'entry') return false;
  return isRegistryName(change.name) || (change.name === registryDirectory && change.record?.kind === 'link');
}

/** Returns the changes that end the registration of a server; none if the server is not registered. */
export function withdrawServer(view: NamingView, server: string): readonly StateChange[] {
  if (view.endpoint(registryServersName, server) === undefined) return [];
  return [{ kind: 'endpoint', name: registryServersName, id: server, record: undefined }];
}
