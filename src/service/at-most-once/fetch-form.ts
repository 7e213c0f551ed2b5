/** Calls with an id that come as a `Request` and are answered with a `Response`. */
import type { KeptAnswer } from '../../core/call-store.js';
import type { Clock } from '../../core/clock.js';
import type { Admitted, Guard } from './guard.js';
import type { NoBody } from './held-body.js';
import { noBodyRefusal, type Bounds } from './node-form.js';
import { recorded } from './recorded-response.js';
import { Run } from './run.js';
import { Tape } from './tape.js';

/**
 * Runs the handler, or says why not.
 *
 * @param handle - calls the handler
 * @returns its answer; it rejects with what the handler throws
 */
export async function fetchCall(
  guard: Guard,
  admitted: Admitted,
  request: Request,
  bounds: Bounds,
  clock: Clock,
  handle: () => unknown,
): Promise<unknown> {
  const body = await bodyOf(request, bounds.maxBodyBytes);
  if (typeof body === 'string') return responseOf(noBodyRefusal(body, bounds.maxBodyBytes));
  const { pathname, search } = new URL(request.url);
  const verdict = await guard.begin(admitted, {
    method: request.method,
    target: pathname + search,
    contentType: request.headers.get('content-type') ?? '',
    body,
  });
  if (!(verdict instanceof Run)) return responseOf(verdict);
  if (request.signal.aborted) {
    await verdict.withdraw();
    return responseOf(noBodyRefusal('gone', bounds.maxBodyBytes));
  }
  let response: unknown;
  try {
    response = await handle();
  } catch (error) {
    verdict.lost();
    throw error;
  }
  return recorded(response, verdict, bounds.maxAnswerBytes, clock);
}

/** Reads a copy; the request itself stays as it was. */
async function bodyOf(request: Request, mostBytes: number): Promise<Uint8Array | NoBody> {
  if (request.bodyUsed) return 'taken';
  if (request.body === null) return Buffer.alloc(0);
  if (Number(request.headers.get('content-length') ?? 0) > mostBytes) return 'too-large';
  let reader: ReadableStreamDefaultReader<Uint8Array>;
  try {
    reader = (request.clone().body as ReadableStream<Uint8Array>).getReader();
  } catch {
    return 'taken';
  }
  const tape = new Tape(mostBytes);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return tape.whole() ?? 'too-large';
      tape.add(value);
      if (!tape.isOver) continue;
      // Only when both copies are given up does its sender hear of it.
      void reader.cancel().catch(() => undefined);
      void request.body.cancel().catch(() => undefined);
      return 'too-large';
    }
  } catch {
    return 'gone';
  }
}

/** A whole answer as a response. */
export function responseOf({ status, headers, body }: KeptAnswer): Response {
  const list = new Headers();
  for (const [name, value] of headers) list.append(name, value);
  return new Response(body.byteLength === 0 ? null : body, { status, headers: list });
}
