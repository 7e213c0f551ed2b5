import type { Clock } from '../core/clock.js';
import { runInbound, type InboundRequest } from '../core/inbound-request.js';
import { responseHeaders, callHeaders } from '../protocol/call-headers.js';
import { isHttp2, type ServerLike } from './server-addresses.js';

interface EmittingServer {
  emit: (this: unknown, event: string, ...details: unknown[]) => boolean;
}

type Headers = Readonly<Record<string, unknown>>;

interface ClosingResponse {
  once(event: 'close', listener: () => void): unknown;
  readonly writableEnded?: boolean;
}

interface Http1Response extends ClosingResponse {
  writeHead(statusCode: number, headers: Record<string, string>): { end(body: string): unknown };
}

interface Http2Stream extends ClosingResponse {
  respond(headers: Record<string, string | number>): void;
  end(body: string): unknown;
}

const patchedServers = new WeakSet<object>();

/**
 * Enforces the deadlines of the requests that a server receives. A request whose deadline has passed gets status 504,
 * and the handler does not run. Calls that the handler makes inherit the deadline. If the request is a retry, these
 * calls are not retried.
 *
 * @see [C2.2](../../docs/guarantees.md#c2-2), [C4.3](../../docs/guarantees.md#c4-3)
 */
export function propagateDeadlines(server: ServerLike, clock: Clock): void {
  if (patchedServers.has(server)) return;
  patchedServers.add(server);
  const arrivalClock = new ArrivalClock(clock);
  const source = server as unknown as EmittingServer;
  const { emit } = source as Partial<EmittingServer>;
  if (emit === undefined) return;
  // For an HTTP/2 request, a server emits 'stream' and then 'request'. For an HTTP/1.1 request, it emits only
  // 'request'.
  const events = ['request', 'checkContinue', 'checkExpectation', ...(isHttp2(server) ? ['stream'] : [])];
  source.emit = function (this: unknown, event: string, ...details: unknown[]): boolean {
    if (!events.includes(event)) return emit.call(this, event, ...details);
    const [first, second] = details as [unknown, unknown];
    const isStream = event === 'stream';
    // An HTTP/2 request was already checked at its 'stream' event.
    const wasSeenAsStream =
      !isStream && (first as { readonly httpVersionMajor?: number }).httpVersionMajor === 2;
    const headers = isStream ? (second as Headers) : (first as { readonly headers?: Headers }).headers;
    const call =
      wasSeenAsStream || headers === undefined ? undefined : readInboundRequest(headers, arrivalClock);
    if (call === undefined) return emit.call(this, event, ...details);
    if (call.deadlineAt <= clock.now()) {
      if (isStream) rejectStream(first as Http2Stream);
      else rejectRequest(second as Http1Response);
      return true;
    }
    const closing = (isStream ? first : second) as ClosingResponse;
    // If the client disconnects, the handler may still run, so the deadline still limits the calls of the handler.
    closing.once('close', () => (call.isFinished = closing.writableEnded !== false));
    return runInbound(call, () => emit.call(this, event, ...details));
  };
}

function readInboundRequest(headers: Headers, arrivalClock: ArrivalClock): InboundRequest | undefined {
  const timeoutMs = parseCount(headers[callHeaders.timeoutMs]);
  const attempt = parseCount(headers[callHeaders.attemptCount]);
  if (timeoutMs === undefined && attempt === undefined) return undefined;
  return {
    deadlineAt: timeoutMs === undefined ? Infinity : arrivalClock.now() + timeoutMs,
    attempt: attempt ?? 1,
    isFinished: false,
  };
}

function parseCount(value: unknown): number | undefined {
  return typeof value === 'string' && /^[1-9][0-9]{0,9}$/.test(value) ? Number(value) : undefined;
}

const rejectionBody = JSON.stringify({
  code: 'DEADLINE_EXCEEDED',
  message:
    'The deadline of the request had passed when the request arrived, so the service did not run the request',
});
const rejectionHeaders = { 'content-type': 'application/json', [responseHeaders.notExecuted]: '1' };

function rejectRequest(response: Http1Response): void {
  response.writeHead(504, rejectionHeaders).end(rejectionBody);
}

function rejectStream(stream: Http2Stream): void {
  stream.respond({ ':status': 504, ...rejectionHeaders });
  stream.end(rejectionBody);
}

/**
 * Gives all requests of one event-loop turn the arrival time of the first one. Without this, a request that waited
 * while the handlers of earlier requests ran would get a later deadline.
 */
class ArrivalClock {
  readonly #clock: Clock;
  #batchStartedAt: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    if (this.#batchStartedAt === undefined) {
      this.#batchStartedAt = this.#clock.now();
      this.#clock.afterPendingIo(() => (this.#batchStartedAt = undefined));
    }
    return this.#batchStartedAt;
  }
}
