import type { Socket } from 'node:net';

export interface ConnectionRoomOptions {
  readonly maxConnections: number;
  readonly principalOf: (socket: Socket) => string;
  /** Called with the principal of a connection that was closed to make room, or found no room. */
  readonly onClosed: (principal: string) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly holder: Holder;
  openRequests: number;
  /** Keys of {@link ConnectionRoom.onRenewal} that the connection has used last. */
  readonly renewals: Set<string>;
}

interface Holder {
  readonly principal: string;
  connections: number;
  /** Connections without an open request. The first has had no request for the longest time. */
  readonly idle: Set<Connection>;
}

/**
 * Bounds the number of connections. A connection above the maximum closes the connection of the largest holder that has
 * had no request for the longest time. A holder is a principal. Connections with an open request stay open, and room is
 * kept for connections that renew leases: they are closed only when no other connection is idle.
 *
 * @see [A9](../../../docs/guarantees.md#a9)
 */
export class ConnectionRoom {
  readonly #options: ConnectionRoomOptions;
  readonly #connections = new Map<string, Connection>();
  readonly #holders = new Map<string, Holder>();
  /** The last connection that has renewed each lease. */
  readonly #renewing = new Map<string, Connection>();

  constructor(options: ConnectionRoomOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#connections.size;
  }

  add(socket: Socket): void {
    const key = keyOf(socket);
    if (key === undefined || this.#connections.has(key)) {
      // The client has already closed the connection.
      socket.destroy();
      return;
    }
    const principal = this.#options.principalOf(socket);
    let holder = this.#holders.get(principal);
    if (holder === undefined)
      this.#holders.set(principal, (holder = { principal, connections: 0, idle: new Set() }));
    const connection: Connection = { socket, holder, openRequests: 0, renewals: new Set() };
    this.#connections.set(key, connection);
    holder.connections++;
    socket.once('close', () => this.#remove(key, connection));
    if (this.#connections.size > this.#options.maxConnections) this.#makeRoom(key, connection);
    if (!socket.destroyed) holder.idle.add(connection);
  }

  /** @param socket - of the request; may be the TLS socket of an added connection */
  onRequest(socket: Socket): void {
    const connection = this.#find(socket);
    if (connection === undefined) return;
    connection.openRequests++;
    connection.holder.idle.delete(connection);
  }

  /** Called after the response to a request is sent. */
  onResponse(socket: Socket): void {
    const connection = this.#find(socket);
    if (connection === undefined || --connection.openRequests > 0 || connection.socket.destroyed) return;
    connection.holder.idle.add(connection);
  }

  /** Keeps room for the last connection that has renewed a lease. @param lease - identifies the lease */
  onRenewal(socket: Socket, lease: string): void {
    const connection = this.#find(socket);
    const former = this.#renewing.get(lease);
    if (connection === undefined || former === connection) return;
    former?.renewals.delete(lease);
    connection.renewals.add(lease);
    this.#renewing.set(lease, connection);
  }

  #find(socket: Socket): Connection | undefined {
    const key = keyOf(socket);
    return key === undefined ? undefined : this.#connections.get(key);
  }

  #makeRoom(newKey: string, added: Connection): void {
    const victim = this.#idlest() ?? added;
    this.#remove(victim === added ? newKey : (keyOf(victim.socket) ?? ''), victim);
    victim.socket.destroy();
    this.#options.onClosed(victim.holder.principal);
  }

  #idlest(): Connection | undefined {
    const holders = [...this.#holders.values()].sort((a, b) => b.connections - a.connections);
    for (const isRenewing of [false, true])
      for (const { idle } of holders)
        for (const connection of idle) if (connection.renewals.size > 0 === isRenewing) return connection;
    return undefined;
  }

  #remove(key: string, connection: Connection): void {
    if (this.#connections.get(key) !== connection) return;
    this.#connections.delete(key);
    const { holder, renewals } = connection;
    for (const lease of renewals) this.#renewing.delete(lease);
    holder.idle.delete(connection);
    if (--holder.connections === 0) this.#holders.delete(holder.principal);
  }
}

/** Identifies a connection. The TLS socket of a connection has the same addresses as the connection. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string | undefined {
  return remotePort === undefined ? undefined : `${remoteAddress ?? ''} ${remotePort} ${localAddress ?? ''}`;
}
