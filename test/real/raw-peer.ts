/**
 * A peer on a real TCP socket that does to a connection, or to a request, exactly what its fate says. It reads HTTP/1.1
 * by hand, counts every byte that is not part of a TLS handshake, and counts a request as executed when it has read
 * all of it. Questions for a sign of life are answered while its fate is `answer`, and never counted.
 */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';

/** What becomes of a connection (the first three) or of each request on it. */
export type PeerBehavior =
  | 'reset-on-accept'
  | 'reset-in-handshake'
  | 'silence-in-handshake'
  | 'answer'
  | 'reset'
  | 'close'
  | 'silence'
  | 'garbage'
  | 'reset-in-body'
  | 'reset-in-head';

/** A request as the peer read it. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Chunks put together. */
  readonly body: Buffer;
  /** Which of the peer's connections it came on; the first is 1. */
  readonly connection: number;
}

/** See the file's header. */
export interface RawPeer {
  readonly address: string;
  /** May be changed at any time; holds for what is read from then on. */
  behavior: PeerBehavior;
  /** Requests read in full, in order. */
  readonly executed: readonly RawRequest[];
  /** Bytes read beyond any TLS handshake, questions for a sign of life left out. */
  readonly requestBytes: number;
  readonly connections: number;
  /** Refuses new connections from now on; those that stand are reset. */
  refuse(): Promise<void>;
}

/** What the clerk's questions for a sign of life carry, and no request does. */
export const probeUserAgent = 'binding-clerk (probe)';

/** Certificate and key in PEM. */
export interface PeerCertificate {
  readonly cert: string;
  readonly key: string;
}

/** Starts a peer on a free port of 127.0.0.1 that ends with the test. With `identity`, over TLS. */
export async function rawPeer(fate: PeerBehavior, identity?: PeerCertificate): Promise<RawPeer> {
  const peer = new Peer(fate, identity);
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

  constructor(fate: PeerBehavior, identity: PeerCertificate | undefined) {
    this.behavior = fate;
    const inHandshake = fate === 'reset-in-handshake' || fate === 'silence-in-handshake';
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
    socket.on('error', () => undefined);
    socket.on('data', (bytes: Buffer) => {
      if (this.behavior === 'reset-in-handshake') socket.resetAndDestroy();
      if (this.behavior === 'reset-in-handshake' || this.behavior === 'silence-in-handshake') return;
      // The clerk asks for a sign of life on a connection of its own.
      if (unread.length === 0 && bytes.includes(probeUserAgent)) {
        if (this.behavior === 'answer') socket.write('HTTP/1.1 204 No Content\r\n\r\n');
        return;
      }
      this.requestBytes += bytes.length;
      unread = Buffer.concat([unread, bytes]);
      for (let read = readRequest(unread); read; read = readRequest(unread)) {
        unread = unread.subarray(read.length);
        this.executed.push({ ...read.request, connection });
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
        socket.write('\x00\x01 this is no HTTP\r\n\r\n');
        break;
      case 'reset-in-body':
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf', () =>
          setImmediate(() => reset(socket)),
        );
        break;
      case 'reset-in-head':
        socket.write('HTTP/1.1 200 OK\r\ncontent-le', () => setImmediate(() => reset(socket)));
        break;
      case 'answer':
        socket.write(
          'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}',
        );
        break;
      default:
        // Silence: nothing is ever written.
        break;
    }
  }
}

/** A reset as the other side sees it, below TLS if there is any. */
function reset(socket: Socket): void {
  const below = (socket as Socket & { _parent?: Socket })._parent;
  (below ?? socket).resetAndDestroy();
}

/** Reads one whole request off the front, or nothing while it is incomplete. */
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
