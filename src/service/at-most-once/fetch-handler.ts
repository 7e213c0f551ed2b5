import type { StoredResponse } from '../../core/idempotency-store.js';
import type { Clock } from '../../core/clock.js';
import type { ValidKey, IdempotencyGuard } from './idempotency-guard.js';
import type { BodyFailure, BodyRoom } from './buffer-request-body.js';
import { bodyRejection, type BodyLimits } from './node-handler.js';
import { recordFetchResponse } from './record-fetch-response.js';
import { HandlerExecution } from './handler-execution.js';
import { BoundedBuffer } from './bounded-buffer.js';

export async function handleFetchCall(
  guard: IdempotencyGuard,
  key: ValidKey,
  request: Request,
  limits: BodyLimits,
  clock: Clock,
  handle: () => unknown,
): Promise<unknown> {
  const body = await readBodyCopy(request, limits.maxBodyBytes, {
    bodies: guard.arrivingBodies,
    caller: key.caller ?? '',
  });
  if (typeof body === 'string') return toFetchResponse(bodyRejection(body, limits.maxBodyBytes));
  const { pathname, search } = new URL(request.url);
  const outcome = await guard.begin(key, {
    method: request.method,
    target: pathname + search,
    contentType: request.headers.get('content-type') ?? '',
    body,
  });
  if (!(outcome instanceof HandlerExecution)) return toFetchResponse(outcome);
  if (request.signal.aborted) {
    await outcome.withdraw();
    return toFetchResponse(bodyRejection('aborted', limits.maxBodyBytes));
  }
  let response: unknown;
  try {
    response = await handle();
  } catch (error) {
    outcome.interrupt();
    throw error;
  }
  return recordFetchResponse(response, outcome, limits.maxResponseBytes, clock);
}

async function readBodyCopy(
  request: Request,
  maxBytes: number,
  { bodies, caller }: BodyRoom,
): Promise<Uint8Array | BodyFailure> {
  if (request.bodyUsed) return 'already-read';
  if (request.body === null) return Buffer.alloc(0);
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return 'too-large';
  let reader: ReadableStreamDefaultReader<Uint8Array>;
  try {
    reader = (request.clone().body as ReadableStream<Uint8Array>).getReader();
  } catch {
    return 'already-read';
  }
  const buffer = new BoundedBuffer(maxBytes);
  const room = { isLost: false };
  // The transfer stops only when both the copy and the original are cancelled.
  const cancel = (): void => {
    void reader.cancel().catch(() => undefined);
    void request.body?.cancel().catch(() => undefined);
  };
  const arriving = bodies.start(caller, () => {
    room.isLost = true;
    cancel();
  });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (room.isLost) return 'no-room';
      if (done) return buffer.toBytes() ?? 'too-large';
      buffer.append(value);
      arriving.received(value.byteLength);
      if (!buffer.isExceeded) continue;
      cancel();
      return 'too-large';
    }
  } catch {
    return 'aborted';
  } finally {
    arriving.end();
  }
}

export function toFetchResponse({ status, headers, body }: StoredResponse): Response {
  const list = new Headers();
  for (const [name, value] of headers) list.append(name, value);
  return new Response(body.byteLength === 0 ? null : body, { status, headers: list });
}
