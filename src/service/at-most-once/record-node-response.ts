import type { StoredResponse } from '../../core/idempotency-store.js';
import { StoredHeaders, type HeaderValue } from './stored-headers.js';
import type { NodeResponse } from './node-types.js';
import { BoundedBuffer } from './bounded-buffer.js';

export interface ResponseRecording {
  readonly hasStarted: boolean;
  readonly hasEnded: boolean;
}

/**
 * Records what a handler writes to a Node response, even after the client has closed the connection.
 *
 * @param onEnd - called once, when the handler has ended the response; `recorded` is undefined for a body above
 * `maxBytes`
 */
export function recordNodeResponse(
  response: NodeResponse,
  maxBytes: number,
  onEnd: (recorded: StoredResponse | undefined) => void,
): ResponseRecording {
  const headers = new StoredHeaders();
  // The headers are copied, because Node drops them when an HTTP/2 client closes the connection.
  headers.assign(response.getHeaders());
  const buffer = new BoundedBuffer(maxBytes);
  let status: number | undefined;
  let hasEnded = false;
  // Node's `end` may call `write`, and `appendHeader` may call `setHeader`. Only the outer call is recorded.
  const entered = new Set<string>();

  /**
   * Replaces a method of the response. Calls `onCall` after each successful outer call until the response has ended.
   */
  const intercept = (
    group: 'headers' | 'head' | 'body',
    method: keyof NodeResponse,
    onCall: (args: readonly unknown[]) => void,
  ): void => {
    const original = Reflect.get(response, method) as ((...args: unknown[]) => unknown) | undefined;
    if (original === undefined) return;
    const intercepted = (...args: unknown[]): unknown => {
      if (entered.has(group)) return original.apply(response, args);
      entered.add(group);
      try {
        const result = original.apply(response, args);
        if (!hasEnded) onCall(args);
        return result;
      } finally {
        entered.delete(group);
      }
    };
    Object.defineProperty(response, method, { value: intercepted, configurable: true, writable: true });
  };

  const onWrite = ([chunk, encoding]: readonly unknown[]): void => {
    status ??= response.statusCode;
    if (typeof chunk === 'string')
      buffer.append(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'));
    else if (chunk instanceof Uint8Array) buffer.append(chunk);
  };

  intercept('headers', 'setHeader', ([name, value]) => headers.set(String(name), value as HeaderValue));
  intercept('headers', 'appendHeader', ([name, value]) => headers.append(String(name), value as HeaderValue));
  intercept('headers', 'removeHeader', ([name]) => headers.remove(String(name)));
  intercept('head', 'writeHead', ([code, second, third]) => {
    if (status !== undefined || Number(code) < 200) return;
    status = Number(code);
    headers.assign(typeof second === 'string' ? third : (second ?? third));
  });
  intercept('body', 'write', onWrite);
  const onEndCall = (args: readonly unknown[]): void => {
    onWrite(args);
    hasEnded = true;
    const body = buffer.toBytes();
    onEnd(body && { status: status as number, headers: headers.entries(), body });
  };
  intercept('body', 'end', onEndCall);
  return {
    get hasStarted() {
      return status !== undefined;
    },
    get hasEnded() {
      return hasEnded;
    },
  };
}
