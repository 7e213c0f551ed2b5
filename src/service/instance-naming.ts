import { callHeaders, responseHeaders } from '../protocol/call-headers.js';
import { isHttp2, type ServerLike } from './server-addresses.js';

interface EmittingServer {
  emit: (this: unknown, event: string, ...details: unknown[]) => boolean;
}

type Headers = Readonly<Record<string, unknown>>;

interface Http1Response {
  writeHead(statusCode: number, headers: Record<string, string>): { end(): unknown };
}

interface Http2Stream {
  respond(headers: Record<string, string | number>, options: { readonly endStream: boolean }): void;
}

/** One server may serve several names, each with its own instance. */
const instancesOf = new WeakMap<object, Set<string>>();

/** True for a server of `node:http`, `node:https` or `node:http2`. */
export function canNameInstance(server: ServerLike): boolean {
  const { emit, keepAliveTimeout } = server as {
    readonly emit?: unknown;
    readonly keepAliveTimeout?: unknown;
  };
  return typeof emit === 'function' && (typeof keepAliveTimeout === 'number' || isHttp2(server));
}

/**
 * Makes a server answer instance checks. With an instance check, a client verifies that a new connection leads to
 * this instance. The listeners of the program do not get these requests.
 *
 * @returns a function that removes the instance from the server
 */
export function nameInstance(server: ServerLike, id: string): () => void {
  const instances = instancesOf.get(server) ?? answerChecks(server);
  instances.add(id);
  return () => void instances.delete(id);
}

function answerChecks(server: ServerLike): Set<string> {
  const instances = new Set<string>();
  instancesOf.set(server, instances);
  const source = server as unknown as EmittingServer;
  const { emit } = source;
  const hasStreams = isHttp2(server);
  source.emit = function (this: unknown, event: string, ...details: unknown[]): boolean {
    const isStream = hasStreams && event === 'stream';
    if ((event !== 'request' && !isStream) || instances.size === 0) return emit.call(this, event, ...details);
    const [first, second] = details as [unknown, unknown];
    const headers = isStream ? (second as Headers) : (first as { readonly headers?: Headers }).headers;
    const asked = headers?.[callHeaders.instanceCheck];
    if (typeof asked !== 'string') return emit.call(this, event, ...details);
    const named = instances.has(asked) ? asked : (instances.values().next().value as string);
    const answer = { [responseHeaders.instance]: named };
    if (isStream) (first as Http2Stream).respond({ ':status': 204, ...answer }, { endStream: true });
    else (second as Http1Response).writeHead(204, answer).end();
    return true;
  };
  return instances;
}
