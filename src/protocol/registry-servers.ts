/** How a client that knows one server of a registry learns the addresses of the others. */

/** The service whose endpoints are the servers of the registry. Only the servers themselves register there. */
export const registryServersName = '/clerk/registry';
/** The directory of {@link registryServersName}. It cannot be a link, which could lead clients to other servers. */
export const registryDirectory = '/clerk';

/**
 * Response header of a registry with several servers: the identifier of the server, and a text that changes with the
 * list of servers.
 */
export const serversHeader = 'clerk-servers';

/** What each response states about the list of servers. */
export interface ServersHeader {
  /** Identifier of the server that sends the response, as in the list. */
  readonly id: string;
  readonly version: string;
}

export function formatServersHeader({ id, version }: ServersHeader): string {
  return `${id} ${version}`;
}

/** Returns undefined for an absent or invalid header. */
export function parseServersHeader(text: unknown): ServersHeader | undefined {
  if (typeof text !== 'string') return undefined;
  const [, id, version] = /^([0-9a-z-]{1,64}) ([0-9a-z]{1,64})$/.exec(text) ?? [];
  return id === undefined || version === undefined ? undefined : { id, version };
}

/** Whether a name belongs to the registry itself. */
export function isRegistryName(name: string): boolean {
  return (
    name.startsWith(registryServersName) &&
    (name.length === registryServersName.length || name.charAt(registryServersName.length) === '/')
  );
}
