/**
 * What a service makes of what clerks tell it with a call: work whose caller has stopped waiting is refused before it is
 * begun, and calls made while one is served keep within its time and repeat nothing if it is a repeat itself. A call
 * that tells nothing is handed on untouched.
 *
 * @see promises C2.2, C4.3
 */
import type { Clock } from '../core/clock.js';
import { runInbound, type InboundRequest } from '../core/inbound-request.js';
import { responseHeaders, callHeaders } from '../protocol/call-headers.js';
import { isHttp2, type ServerLike } from './server-addresses.js';

/** A server's own way to tell of what arrives. */
interface EmittingServer {
  emit: (this: unknown, event: string, ...details: unknown[]) => boolean;
}

type Headers = Readonly<Record<string, unknown>>;

/** Something that ends. */
interface ClosingResponse {
  once(event: 'close', listener: () => void): unknown;
  /** Whether all of it was written. */
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

/** Begins to heed what calls of this server tell; once, however often it is asked to. */
export function propagateDeadlines(server: ServerLike, clock: Clock): void {
  if (patchedServers.has(server)) return;
  patchedServers.add(server);
  const arrivalClock = new ArrivalClock(clock);
  const source = server as unknown as EmittingServer;
  const { emit } = source as Partial<EmittingServer>;
  if (emit === undefined) return;
  // HTTP/2 servers tell of streams first, whether or not they are handled as requests.
  const events = ['request', 'checkContinue', 'checkExpectation', ...(isHttp2(server) ? ['stream'] : [])];
  source.emit = function (this: unknown, event: string, ...details: unknown[]): boolean {
    if (!events.includes(event)) return emit.call(this, event, ...details);
    const [first, second] = details as [unknown, unknown];
    const isStream = event === 'stream';
    // A request over HTTP/2 was met as a stream before.
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
    // Whoever is gone without an answer waits no more, and the work for it stays bound by its time.
    closing.once('close', () => (call.isFinished = closing.writableEnded !== false));
    return runInbound(call, () => emit.call(this, event, ...details));
  };
}

/** What a call tells; undefined when it tells nothing that makes sense. */
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

/** A whole number from 1, of at most ten digits. */
function parseCount(value: unknown): number | undefined {
  return typeof value === 'string' && /^[1-9][0-9]{0,9}$/.test(value) ? Number(value) : undefined;
}

const rejectionBody = JSON.stringify({
  code: 'DEADLINE_EXCEEDED',
  message: 'The call came too late: its caller waits no more, so it was not run',
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
 * When what is handled now arrived, at the latest: all that is handled in one go was there when the first of it was
 * taken up, so what waited behind slow work is known to have waited.
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
