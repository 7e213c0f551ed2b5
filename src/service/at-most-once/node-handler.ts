import type { StoredResponse } from '../../core/idempotency-store.js';
import type { Clock } from '../../core/clock.js';
import type { ValidKey, IdempotencyGuard } from './idempotency-guard.js';
import { bufferBody, type BodyFailure } from './buffer-request-body.js';
import type { HeaderValue } from './stored-headers.js';
import { isClientGone, type NodeRequest, type NodeResponse } from './node-types.js';
import { recordNodeResponse } from './record-node-response.js';
import { rejections } from './rejections.js';
import { HandlerExecution } from './handler-execution.js';

export interface BodyLimits {
  readonly maxBodyBytes: number;
  readonly maxResponseBytes: number;
}

/**
 * Runs a Node handler for a request with an idempotency key, or rejects the request.
 *
 * @returns the awaited result of the handler; undefined when the handler did not run
 */
export async function handleNodeCall(
  guard: IdempotencyGuard,
  key: ValidKey,
  [request, response]: readonly [NodeRequest, NodeResponse],
  { maxBodyBytes, maxResponseBytes }: BodyLimits,
  clock: Clock,
  handle: () => unknown,
): Promise<unknown> {
  const room = { bodies: guard.arrivingBodies, caller: key.caller ?? '' };
  const buffered = await bufferBody(request, maxBodyBytes, room, clock);
  if (typeof buffered === 'string') {
    if (buffered !== 'aborted') sendResponse(response, bodyRejection(buffered, maxBodyBytes));
    return undefined;
  }
  const outcome = isClientGone(request, response)
    ? undefined
    : await guard.begin(key, {
        method: request.method ?? '',
        target: request.originalUrl ?? request.url ?? '',
        contentType: [request.headers['content-type']].flat().join(', '),
        body: buffered.bytes,
      });
  if (!(outcome instanceof HandlerExecution)) {
    buffered.discard();
    if (outcome !== undefined) sendResponse(response, outcome);
    return undefined;
  }
  if (isClientGone(request, response)) {
    await outcome.withdraw();
    buffered.discard();
    return undefined;
  }
  return runHandler(outcome, request, response, maxResponseBytes, () => {
    buffered.restore();
    return handle();
  });
}

async function runHandler(
  execution: HandlerExecution,
  request: NodeRequest,
  response: NodeResponse,
  maxResponseBytes: number,
  handle: () => unknown,
): Promise<unknown> {
  const recording = recordNodeResponse(response, maxResponseBytes, (recorded) =>
    execution.complete(recorded),
  );
  let isClosed = false;
  let isSettled = false;
  // After the client has closed the connection, the handler may never end the response, so the call counts as
  // interrupted. If the handler ends the response later, the result replaces the state `interrupted`.
  const checkInterrupted = (): void => {
    if (isClosed && !recording.hasEnded && (recording.hasStarted || isSettled)) execution.interrupt();
  };
  response.once('close', () => {
    isClosed = true;
    checkInterrupted();
  });
  // As in Node, an unread request body is discarded after the response.
  response.once('finish', () => {
    if (!request.readableDidRead && request.readableFlowing === null) request.resume();
  });
  try {
    const returned = handle();
    const isAsync = typeof (returned as PromiseLike<unknown> | null | undefined)?.then === 'function';
    const result = await returned;
    isSettled = isAsync;
    checkInterrupted();
    return result;
  } catch (error) {
    if (!recording.hasEnded) execution.interrupt();
    throw error;
  }
}

export function bodyRejection(failure: BodyFailure, maxBytes: number): StoredResponse {
  if (failure === 'too-large') return rejections.bodyTooLarge(maxBytes);
  if (failure === 'no-room') return rejections.noRoomForBody();
  return failure === 'already-read' ? rejections.bodyAlreadyRead() : rejections.bodyIncomplete();
}

/** Sends a stored response or a rejection. Other headers that are already set on `response` are sent too. */
export function sendResponse(response: NodeResponse, { status, headers, body }: StoredResponse): void {
  if (response.headersSent || response.destroyed === true) return;
  const values = new Map<string, HeaderValue[]>();
  for (const [name, value] of headers) values.set(name, [...(values.get(name) ?? []), value]);
  for (const [name, all] of values) response.setHeader(name, all.length === 1 ? all[0] : all.map(String));
  response.statusCode = status;
  if (body.byteLength === 0) response.end();
  else response.end(body);
}
