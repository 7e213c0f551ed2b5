import type { Socket } from 'node:net';

export interface ConnectionLimiterOptions {
  readonly maxConnections: number;
  readonly principalOf: (socket: Socket) => string;
  /** Called with the principal of a connection that was closed because of the limit. */
  readonly onClosed: (principal: string) => void;
}

interface Connection {
  readonly socket: Socket;
  readonly holder: Holder;
  isRemoved: boolean;
  openRequests: number;
  /** Leases that were last renewed over this connection; see {@link ConnectionLimiter.onRenewal}. */
  readonly renewals: Set<string>;
}

interface Holder {
  readonly principal: string;
  connections: number;
  /** Connections without an open request, longest idle first. */
  readonly idle: Set<Connection>;
}

/**
 * Limits the number of connections. A connection above the limit closes the longest idle connection of the principal
 * with the most connections. Connections that renew leases are closed only when no other connection is idle, so that
 * services do not lose their leases. Connections with an open request are never closed. If no connection is idle, the
 * new connection is closed.
 *
 * @see [A9](../../../docs/guarantees.md#a9)
 */
export class ConnectionLimiter {
  readonly #options: ConnectionLimiterOptions;
  readonly #connections = new Map<string, Connection>();
  /** Connections by TCP socket. The first request over TLS adds the TLS socket of the same connection. */
  readonly #bySocket = new WeakMap<Socket, Connection>();
  readonly #holders = new Map<string, Holder>();
  /** The connection over which each lease was last renewed. */
  readonly #renewing = new Map<string, Connection>();

  constructor(options: ConnectionLimiterOptions) {
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
    const connection: Connection = { socket, holder, isRemoved: false, openRequests: 0, renewals: new Set() };
    this.#connections.set(key, connection);
    this.#bySocket.set(socket, connection);
    holder.connections++;
    socket.once('close', () => this.#remove(key, connection));
    if (this.#connections.size > this.#options.maxConnections) this.#makeRoom(key, connection);
    if (!socket.destroyed) holder.idle.add(connection);
  }

  /** @param socket - socket of the request; may be the TLS socket of an added connection */
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

  /** Protects the connection over which a lease was last renewed. @param lease - identifies the lease */
  onRenewal(socket: Socket, lease: string): void {
    const connection = this.#find(socket);
    const former = this.#renewing.get(lease);
    if (connection === undefined || former === connection) return;
    former?.renewals.delete(lease);
    connection.renewals.add(lease);
    this.#renewing.set(lease, connection);
  }

  #find(socket: Socket): Connection | undefined {
    const known = this.#bySocket.get(socket);
    if (known !== undefined) return known.isRemoved ? undefined : known;
    const key = keyOf(socket);
    const connection = key === undefined ? undefined : this.#connections.get(key);
    if (connection !== undefined) this.#bySocket.set(socket, connection);
    return connection;
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
    connection.isRemoved = true;
    const { holder, renewals } = connection;
    for (const lease of renewals) this.#renewing.delete(lease);
    holder.idle.delete(connection);
    if (--holder.connections === 0) this.#holders.delete(holder.principal);
  }
}

/** Returns a key of a connection, which is the same for its TCP and its TLS socket. */
function keyOf({ remoteAddress, remotePort, localAddress }: Socket): string | undefined {
  return remotePort === undefined ? undefined : `${remoteAddress ?? ''} ${remotePort} ${localAddress ?? ''}`;
}
