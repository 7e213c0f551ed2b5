import { responseHeaders } from '../protocol/call-headers.js';
import { isHttp2, type ServerLike } from './server-addresses.js';
import type { LoadReporter } from './load-reporter.js';

type Listener = (...args: unknown[]) => void;

/** Optional members of a server's event emitter beyond {@link ServerLike}. */
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
 * Adds the load of a service to response headers. Each load sample is sent once per connection, so a connection
 * carries the load with four responses per second or fewer. Every client gets the load with its next call. A load
 * header that the handler sets is not overwritten.
 *
 * @see https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md (ORCA)
 * @returns a function that stops adding headers
 */
export function attachOrcaHeaders(server: ServerLike, load: LoadReporter): () => void {
  const emitter: Emitter = server;
  /** Version of the load that was last sent on each connection. */
  const sentVersions = new WeakMap<object, number>();
  const onRequest: Listener = (request, response) => {
    const { headerValue, version } = load;
    if (headerValue === undefined) return;
    const connection = connectionOf(request as Incoming);
    if (connection === undefined || sentVersions.get(connection) === version) return;
    if (setLoadHeader(response as Outgoing, headerValue)) sentVersions.set(connection, version);
  };
  // The listener runs before the program's handler, which may respond at once.
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

/** Returns whether the header was set now. */
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
