import { responseHeaders } from '../protocol/call-headers.js';
import { isHttp2, type ServerLike } from './server-addresses.js';
import type { LoadReporter } from './load-reporter.js';

type Listener = (...args: unknown[]) => void;

/** Members of a server's event emitter beyond {@link ServerLike}, where it has them. */
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
 * Sends the load of a service in response headers, once per connection and load sample: at most four
 * responses per second and connection carry it. Every client learns the load with its next call. A header set
 * by the handler is kept.
 *
 * @see https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md (ORCA)
 * @returns a function that stops it
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
  // Before the program's own handler, which may respond at once.
  const listen = (): unknown =>
    emitter.prependListener?.('request', onRequest) ?? emitter.on('request', onRequest);
  const onNewListener: Listener = (event) => {
    if (event !== 'request') return;
    emitter.off('newListener', onNewListener);
    listen();
  };
  // An HTTP/2 server creates a request for each stream once there is a 'request' listener. A program that
  // handles streams itself must not get them twice.
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

/** Returns whether the header was set. */
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
