/** Calls with an id that come as Node requests and responses. */
import type { KeptAnswer } from '../../core/call-store.js';
import type { Clock } from '../../core/clock.js';
import type { Admitted, Guard } from './guard.js';
import { heldBody, type NoBody } from './held-body.js';
import type { HeaderValue } from './kept-headers.js';
import { isGone, type NodeRequest, type NodeResponse } from './node-types.js';
import { recording } from './recorder.js';
import { refusals } from './refusals.js';
import { Run } from './run.js';

/** What bodies may have, in bytes. */
export interface Bounds {
  readonly maxBodyBytes: number;
  readonly maxAnswerBytes: number;
}

/**
 * Runs the handler, or says why not.
 *
 * @param handle - calls the handler
 * @returns what the handler returns, once it is settled; it rejects with what the handler throws
 */
export async function nodeCall(
  guard: Guard,
  admitted: Admitted,
  [request, response]: readonly [NodeRequest, NodeResponse],
  { maxBodyBytes, maxAnswerBytes }: Bounds,
  clock: Clock,
  handle: () => unknown,
): Promise<unknown> {
  const held = await heldBody(request, maxBodyBytes, clock);
  if (typeof held === 'string') {
    if (held !== 'gone') sendAnswer(response, noBodyRefusal(held, maxBodyBytes));
    return undefined;
  }
  const verdict = isGone(request, response)
    ? undefined
    : await guard.begin(admitted, {
        method: request.method ?? '',
        target: request.originalUrl ?? request.url ?? '',
        contentType: [request.headers['content-type']].flat().join(', '),
        body: held.bytes,
      });
  if (!(verdict instanceof Run)) {
    held.drop();
    if (verdict !== undefined) sendAnswer(response, verdict);
    return undefined;
  }
  if (isGone(request, response)) {
    await verdict.withdraw();
    held.drop();
    return undefined;
  }
  return watched(verdict, request, response, maxAnswerBytes, () => {
    held.release();
    return handle();
  });
}

/** Runs the handler, and writes down how that ended. */
async function watched(
  run: Run,
  request: NodeRequest,
  response: NodeResponse,
  maxAnswerBytes: number,
  handle: () => unknown,
): Promise<unknown> {
  const answer = recording(response, maxAnswerBytes, (kept) => run.answered(kept));
  let isClosed = false;
  let isSettled = false;
  // Whoever has begun to answer, or has returned, and whose client is gone will hardly go on; if he does, that counts.
  const look = (): void => {
    if (isClosed && !answer.isOver && (answer.hasBegun || isSettled)) run.lost();
  };
  response.once('close', () => {
    isClosed = true;
    look();
  });
  // A body that nobody reads is thrown away, as Node does with those it was never asked for.
  response.once('finish', () => {
    if (!request.readableDidRead && request.readableFlowing === null) request.resume();
  });
  try {
    const returned = handle();
    const isAsync = typeof (returned as PromiseLike<unknown> | null | undefined)?.then === 'function';
    const result = await returned;
    isSettled = isAsync;
    look();
    return result;
  } catch (error) {
    if (!answer.isOver) run.lost();
    throw error;
  }
}

/** What is said to a request without a body that could be used. */
export function noBodyRefusal(why: NoBody, mostBytes: number): KeptAnswer {
  if (why === 'too-large') return refusals.bodyTooLarge(mostBytes);
  return why === 'taken' ? refusals.bodyTaken() : refusals.bodyCut();
}

/** Sends a whole answer. What was set on the response before stays, where the answer has nothing of that name. */
export function sendAnswer(response: NodeResponse, { status, headers, body }: KeptAnswer): void {
  if (response.headersSent || response.destroyed === true) return;
  const values = new Map<string, HeaderValue[]>();
  for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value]);
  for (const [name, all] of values) response.setHeader(name, all.length === 1 ? all[0] : all.map(String));
  response.statusCode = status;
  if (body.byteLength === 0) response.end();
  else response.end(body);
}
