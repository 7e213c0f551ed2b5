import { responseHeaders } from '../protocol/call-headers.js';
import { isHttp2, type ServerLike } from './server-addresses.js';
import type { LoadReporter } from './load-reporter.js';

type Listener = (...args: unknown[]) => void;

/** A server, with two members of Node's event emitters that {@link ServerLike} does not require. */
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

/**
 * Adds the load of a service to response headers. Each load sample is sent once per connection, with the next response.
 * On each connection, at most four responses per second therefore carry the load. A load header that the handler sets
 * is not overwritten.
 *
 * @see https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md (ORCA)
 * @returns a function that stops adding headers
 */
export function attachOrcaHeaders(server: ServerLike, load: LoadReporter): () => void {
  const emitter: Emitter = server;
  /** By connection, the version of the load that was last sent on the connection. */
  const sentVersions = new WeakMap<object, number>();
  const onRequest: Listener = (request, response) => {
    const { headerValue, version } = load;
    if (headerValue === undefined) return;
    const connection = connectionOf(request as Incoming);
    if (connection === undefined || sentVersions.get(connection) === version) return;
    if (setLoadHeader(response as Outgoing, headerValue)) sentVersions.set(connection, version);
  };
  // The listener must run before the program's handler, because the handler may send the response headers at once.
  const listen = (): unknown =>
    emitter.prependListener?.('request', onRequest) ?? emitter.on('request', onRequest);
  const onNewListener: Listener = (event) => {
    if (event !== 'request') return;
    emitter.off('newListener', onNewListener);
    listen();
  };
  // An HTTP/2 server with a 'request' listener emits 'request' for each stream. A program that handles only 'stream'
  // events must not get 'request' events too. The listener is therefore added only when the program adds its own
  // 'request' listener.
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

/**
 * Sets the load header, unless the headers were sent or the handler has set a load header. Returns whether the header
 * was set.
 */
function setLoadHeader(response: Outgoing, value: string): boolean {
  try {
    if (response.headersSent || response.hasHeader(responseHeaders.load)) return false;
    response.setHeader(responseHeaders.load, value);
    return true;
  } catch {
    // An HTTP/2 stream that was reset accepts no headers.
    return false;
  }
}
