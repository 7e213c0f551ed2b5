/**
 * What a service makes of what clerks tell it with a call: work whose caller has stopped waiting is refused before it is
 * begun, and calls made while one is served keep within its time and repeat nothing if it is a repeat itself. A call
 * that tells nothing is handed on untouched.
 *
 * @see promises C2.2, C4.3
 */
import type { Clock } from '../core/clock.js';
import { serving, type ServedCall } from '../core/served.js';
import { answerHeaders, callHeaders } from '../wire/call-headers.js';
import { isHttp2, type ServerLike } from './listening.js';

/** A server's own way to tell of what arrives. */
interface Emitting {
  emit: (this: unknown, event: string, ...details: unknown[]) => boolean;
}

type Headers = Readonly<Record<string, unknown>>;

/** Something that ends. */
interface Ending {
  once(event: 'close', listener: () => void): unknown;
  /** Whether all of it was written. */
  readonly writableEnded?: boolean;
}

interface Answering extends Ending {
  writeHead(statusCode: number, headers: Record<string, string>): { end(body: string): unknown };
}

interface Stream extends Ending {
  respond(headers: Record<string, string | number>): void;
  end(body: string): unknown;
}

const known = new WeakSet<object>();

/** Begins to heed what calls of this server tell; once, however often it is asked to. */
export function receive(server: ServerLike, clock: Clock): void {
  if (known.has(server)) return;
  known.add(server);
  const arrivals = new Arrivals(clock);
  const emitting = server as unknown as Emitting;
  const { emit } = emitting as Partial<Emitting>;
  if (emit === undefined) return;
  // HTTP/2 servers tell of streams first, whether or not they are handled as requests.
  const events = ['request', 'checkContinue', 'checkExpectation', ...(isHttp2(server) ? ['stream'] : [])];
  emitting.emit = function (this: unknown, event: string, ...details: unknown[]): boolean {
    if (!events.includes(event)) return emit.call(this, event, ...details);
    const [first, second] = details as [unknown, unknown];
    const isStream = event === 'stream';
    // A request over HTTP/2 was met as a stream before.
    const isMet = !isStream && (first as { readonly httpVersionMajor?: number }).httpVersionMajor === 2;
    const headers = isStream ? (second as Headers) : (first as { readonly headers?: Headers }).headers;
    const call = isMet || headers === undefined ? undefined : told(headers, arrivals);
    if (call === undefined) return emit.call(this, event, ...details);
    if (call.deadlineAt <= clock.now()) {
      if (isStream) refuseStream(first as Stream);
      else refuse(second as Answering);
      return true;
    }
    const answer = (isStream ? first : second) as Ending;
    // Whoever is gone without an answer waits no more, and the work for it stays bound by its time.
    answer.once('close', () => (call.over = answer.writableEnded !== false));
    return serving(call, () => emit.call(this, event, ...details));
  };
}

/** What a call tells; undefined when it tells nothing that makes sense. */
function told(headers: Headers, arrivals: Arrivals): ServedCall | undefined {
  const leftMs = countOf(headers[callHeaders.timeLeft]);
  const attempt = countOf(headers[callHeaders.attempt]);
  if (leftMs === undefined && attempt === undefined) return undefined;
  return {
    deadlineAt: leftMs === undefined ? Infinity : arrivals.at() + leftMs,
    attempt: attempt ?? 1,
    over: false,
  };
}

/** A whole number from 1, of at most ten digits. */
function countOf(value: unknown): number | undefined {
  return typeof value === 'string' && /^[1-9][0-9]{0,9}$/.test(value) ? Number(value) : undefined;
}

const refusal = JSON.stringify({
  code: 'DEADLINE_EXCEEDED',
  message: 'The call came too late: its caller waits no more, so it was not run',
});
const refusalHeaders = { 'content-type': 'application/json', [answerHeaders.notExecuted]: '1' };

function refuse(response: Answering): void {
  response.writeHead(504, refusalHeaders).end(refusal);
}

function refuseStream(stream: Stream): void {
  stream.respond({ ':status': 504, ...refusalHeaders });
  stream.end(refusal);
}

/**
 * When what is handled now arrived, at the latest: all that is handled in one go was there when the first of it was
 * taken up, so what waited behind slow work is known to have waited.
 */
class Arrivals {
  readonly #clock: Clock;
  #since: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  at(): number {
    if (this.#since === undefined) {
      this.#since = this.#clock.now();
      this.#clock.afterArrivals(() => (this.#since = undefined));
    }
    return this.#since;
  }
}
