/**
 * Tells a service's load in the heads of its server's answers: once a connection for each time that the load is looked
 * at, so on four answers a second of a connection at most. Every clerk that calls hears of it with its next call, and the
 * other answers stay as short as they were. A header that the handler sets itself stands.
 *
 * @see gRPC A51 (ORCA)
 */
import { responseHeaders } from '../protocol/call-headers.js';
import { isHttp2, type ServerLike } from './server-addresses.js';
import type { LoadReporter } from './load-reporter.js';

type Listener = (...args: unknown[]) => void;

/** What of a server's event emitter is used beyond {@link ServerLike}, where it is there. */
interface Emitter extends ServerLike {
  prependListener?(event: string, listener: Listener): unknown;
  listenerCount?(event: string): number;
}

interface Incoming {
  readonly socket?: object;
  readonly stream?: { readonly session?: object };
}

interface Outgoing {
  readonly headersSent: boolean;
  hasHeader(name: string): boolean;
  setHeader(name: string, value: string): unknown;
}

/** Tells it from now on. Returns what ends that. */
export function attachOrcaHeaders(server: ServerLike, load: LoadReporter): () => void {
  const emitter: Emitter = server;
  /** Which text each connection was told last. */
  const sentVersions = new WeakMap<object, number>();
  const onRequest: Listener = (request, response) => {
    const { headerValue, version } = load;
    if (headerValue === undefined) return;
    const connection = connectionOf(request as Incoming);
    if (connection === undefined || sentVersions.get(connection) === version) return;
    if (setLoadHeader(response as Outgoing, headerValue)) sentVersions.set(connection, version);
  };
  // Before the program's own handler, which may answer at once.
  const listen = (): unknown =>
    emitter.prependListener?.('request', onRequest) ?? emitter.on('request', onRequest);
  const onNewListener: Listener = (event) => {
    if (event !== 'request') return;
    emitter.off('newListener', onNewListener);
    listen();
  };
  // An HTTP/2 server makes requests of its streams from when somebody asks for them: a program that handles streams
  // itself must not be given them twice.
  if (isHttp2(server) && emitter.listenerCount?.('request') === 0) emitter.on('newListener', onNewListener);
  else listen();
  return () => {
    emitter.off('newListener', onNewListener);
    emitter.off('request', onRequest);
  };
}

function connectionOf({ stream, socket }: Incoming): object | undefined {
  return stream?.session ?? socket;
}

/** Whether it is told with this answer. */
function setLoadHeader(response: Outgoing, value: string): boolean {
  try {
    if (response.headersSent || response.hasHeader(responseHeaders.load)) return false;
    response.setHeader(responseHeaders.load, value);
    return true;
  } catch {
    // An HTTP/2 stream that was reset takes no headers any more.
    return false;
  }
}
