import { responseHeaders } from '../protocol/call-headers.js';
import type { LoadReporter } from './load-reporter.js';
import { addRequestListener } from './request-listener.js';
import type { ServerLike } from './server-addresses.js';

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
 * Adds the load of a service to response headers. Each connection gets each load sample once, so at most four samples
 * per second. A load header that the handler has set is not replaced.
 *
 * @see https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md (ORCA)
 * @returns a function that stops adding headers
 */
export function attachOrcaHeaders(server: ServerLike, load: LoadReporter): () => void {
  const sentVersions = new WeakMap<object, number>();
  return addRequestListener(server, 'request', (request, response) => {
    const { headerValue, version } = load;
    if (headerValue === undefined) return;
    const connection = connectionOf(request as Incoming);
    if (connection === undefined || sentVersions.get(connection) === version) return;
    if (setLoadHeader(response as Outgoing, headerValue)) sentVersions.set(connection, version);
  });
}

function connectionOf({ stream, socket }: Incoming): object | undefined {
  return stream?.session ?? socket;
}

/** Returns false if the headers were already sent, or if the handler has set a load header. */
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
