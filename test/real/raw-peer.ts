import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';

/** What the peer does with a connection (the first three) or with each request on it. */
export type PeerBehavior =
  | 'reset-on-accept'
  | 'reset-in-handshake'
  | 'stall-in-handshake'
  | 'respond'
  | 'reset-on-reuse'
  | 'reset'
  | 'close'
  | 'no-response'
  | 'garbage'
  | 'reset-in-body'
  | 'reset-in-head';

/** A request as the peer read it. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Without chunked encoding. */
  readonly body: Buffer;
  /** Number of the connection it came on; the first is 1. */
  readonly connection: number;
}

/**
 * A peer on a real TCP socket that treats connections and requests as its behavior says. It parses HTTP/1.1
 * itself and counts every byte that is not part of a TLS handshake. A request counts as executed once it was
 * read completely. Health probes get a response while the behavior is `respond` or `reset-on-reuse`, and are never
 * counted. `reset-on-reuse` responds to the first request of a connection, and resets the connection at the second one.
 */
export interface RawPeer {
  readonly address: string;
  /** May be changed at any time; applies to what is read from then on. */
  behavior: PeerBehavior;
  /** Requests read completely, in order. */
  readonly executed: readonly RawRequest[];
  /** Bytes read, without TLS handshakes and health probes. */
  readonly requestBytes: number;
  readonly connections: number;
  /** Refuses new connections from now on and resets open ones. */
  refuse(): Promise<void>;
}

/** The user agent of health probes. */
export const probeUserAgent = 'binding-clerk (probe)';

/** Certificate and key in PEM. */
export interface PeerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Starts a peer on a free loopback port; it ends with the test. With `identity`, over TLS. */
export async function rawPeer(behavior: PeerBehavior, identity?: PeerCertificate): Promise<RawPeer> {
  const peer = new Peer(behavior, identity);
  onTestFinished(() => peer.refuse());
  await peer.listen();
  return peer;
}

class Peer implements RawPeer {
  behavior: PeerBehavior;
  readonly executed: RawRequest[] = [];
  requestBytes = 0;
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #secure: boolean;
  #port = 0;

  constructor(behavior: PeerBehavior, identity: PeerCertificate | undefined) {
    this.behavior = behavior;
    const inHandshake = behavior === 'reset-in-handshake' || behavior === 'stall-in-handshake';
    this.#secure = identity !== undefined || inHandshake;
    this.#server =
      identity && !inHandshake
        ? createTlsServer(identity, (socket) => this.#serve(socket)).on('connection', (socket: Socket) =>
            this.#accept(socket),
          )
        : createServer((socket) => {
            this.#accept(socket);
            this.#serve(socket);
          });
  }

  get address(): string {
    return `${this.#secure ? 'https' : 'http'}://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => void this.#server.listen(0, '127.0.0.1', resolve));
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async refuse(): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  #accept(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket));
    if (this.behavior === 'reset-on-accept') socket.resetAndDestroy();
  }

  #serve(socket: Socket): void {
    let unread = Buffer.alloc(0);
    const connection = this.connections;
    let hasResponded = false;
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      if (this.behavior === 'reset-in-handshake') socket.resetAndDestroy();
      if (this.behavior === 'reset-in-handshake' || this.behavior === 'stall-in-handshake') return;
      // Health probes come on connections of their own.
      if (unread.length === 0 && bytes.includes(probeUserAgent)) {
        if (this.behavior === 'respond' || this.behavior === 'reset-on-reuse')
          socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        return;
      }
      this.requestBytes += bytes.length;
      if (this.behavior === 'reset-on-reuse' && hasResponded) {
        reset(socket);
        return;
      }
      unread = Buffer.concat([unread, bytes]);
      for (let read = readRequest(unread); read; read = readRequest(unread)) {
        unread = unread.subarray(read.length);
        this.executed.push({ ...read.request, connection });
        hasResponded = true;
        this.#respond(socket);
      }
    });
  }

  #respond(socket: Socket): void {
    switch (this.behavior) {
      case 'reset':
        reset(socket);
        break;
      case 'close':
        socket.end();
        break;
      case 'garbage':
        socket.write('\x00\x01 this is not HTTP\r\n\r\n');
        break;
      case 'reset-in-body':
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () =>
          setImmediate(() => reset(socket)),
        );
        break;
      case 'reset-in-head':
        socket.write('HTTP/1.1 200 OK\r\ncontent-le', () => setImmediate(() => reset(socket)));
        break;
      case 'respond':
      case 'reset-on-reuse':
        socket.write(
          'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}',
        );
        break;
      default:
        // Never responds.
        break;
    }
  }
}

/** Resets the TCP connection, below TLS if there is any. */
function reset(socket: Socket): void {
  const below = (socket as Socket & { _parent?: Socket })._parent;
  (below ?? socket).resetAndDestroy();
}

/** Parses one complete request; undefined while it is incomplete. */
function readRequest(
  bytes: Buffer,
): { readonly request: Omit<RawRequest, 'connection'>; readonly length: number } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const [method = '', path = ''] = first.split(' ');
  const headers = Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  );
  const start = end + 4;
  if (headers['transfer-encoding'] === 'chunked') {
    const body = readChunks(bytes, start);
    return body && { request: { method, path, headers, body: body.body }, length: body.end };
  }
  const length = start + Number(headers['content-length'] ?? 0);
  return bytes.length < length
    ? undefined
    : { request: { method, path, headers, body: Buffer.from(bytes.subarray(start, length)) }, length };
}

function readChunks(
  bytes: Buffer,
  from: number,
): { readonly body: Buffer; readonly end: number } | undefined {
  const chunks: Buffer[] = [];
  for (let at = from; ;) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) return undefined;
    const size = parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    const next = line + 2 + size + 2;
    if (bytes.length < next) return undefined;
    if (size === 0) return { body: Buffer.concat(chunks), end: next };
    chunks.push(bytes.subarray(line + 2, line + 2 + size));
    at = next;
  }
}
