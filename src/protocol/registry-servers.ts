/** How a client that knows one server of a registry learns the addresses of the others. */

/** The service whose endpoints are the servers of the registry. Only the servers themselves register there. */
export const registryServersName = '/clerk/registry';
/** The parent of {@link registryServersName}, which must lead nowhere else. */
export const registryDirectory = '/clerk';

/**
 * Response header of a registry with several servers: the identifier of the server, and a text that changes with the
 * list of servers.
 */
export const serversHeader = 'clerk-servers';

/** What each response of a server states of the list of servers. */
export interface ServersHeader {
  /** Identifier of the server that sends the response, as in the list. */
  readonly id: string;
  readonly version: string;
}

export function formatServersHeader({ id, version }: ServersHeader): string {
  return `${id} ${version}`;
}

/** Returns undefined for a server that states nothing, and for an invalid text. */
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
