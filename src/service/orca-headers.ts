import { responseHeaders } from '../protocol/call-headers.js';
import { isHttp2, type ServerLike } from './server-addresses.js';
import type { LoadReporter } from './load-reporter.js';

type Listener = (...args: unknown[]) => void;

/** With two members of Node's event emitters that {@link ServerLike} does not require. */
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
 * Adds the load of a service to response headers. Each load sample is sent once per connection: with at most four
 * responses per second. A load header of the handler is not overwritten.
 *
 * @see https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md (ORCA)
 * @returns a function that stops adding headers
 */
export function attachOrcaHeaders(server: ServerLike, load: LoadReporter): () => void {
  const emitter: Emitter = server;
  /** Last sent version of the load, by connection. */
  const sentVersions = new WeakMap<object, number>();
  const onRequest: Listener = (request, response) => {
    const { headerValue, version } = load;
    if (headerValue === undefined) return;
    const connection = connectionOf(request as Incoming);
    if (connection === undefined || sentVersions.get(connection) === version) return;
    if (setLoadHeader(response as Outgoing, headerValue)) sentVersions.set(connection, version);
  };
  // The program's handler may send the response headers at once, so this listener must be first.
  const listen = (): unknown =>
    emitter.prependListener?.('request', onRequest) ?? emitter.on('request', onRequest);
  const onNewListener: Listener = (event) => {
    if (event !== 'request') return;
    emitter.off('newListener', onNewListener);
    listen();
  };
  // A 'request' listener makes an HTTP/2 server emit 'request' for each stream. A program that handles only 'stream'
  // must not get these events, so the listener waits for the program's own 'request' listener.
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

/** Returns whether the header was set. Headers that were sent, and a load header of the handler, stay. */
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
