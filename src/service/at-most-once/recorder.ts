/**
 * Keeps what a handler writes to a Node response while it goes out, and goes on with that when the client has left. The
 * response does what it did before, at the same time.
 */
import type { KeptAnswer } from '../../core/call-store.js';
import { KeptHeaders, type HeaderValue } from './kept-headers.js';
import type { NodeResponse } from './node-types.js';
import { Tape } from './tape.js';

/** How far an answer has come. */
export interface Recording {
  /** Its status and headers are fixed. */
  readonly hasBegun: boolean;
  /** It is whole. */
  readonly isOver: boolean;
}

/**
 * Keeps an answer from now on.
 *
 * @param onEnd - called once the handler has ended it; undefined: it is larger than `mostBytes`
 */
export function recording(
  response: NodeResponse,
  mostBytes: number,
  onEnd: (answer: KeptAnswer | undefined) => void,
): Recording {
  const headers = new KeptHeaders();
  // HTTP/2 drops the headers of a response whose client has left, so they are not read from there at the end.
  headers.overlay(response.getHeaders());
  const tape = new Tape(mostBytes);
  let status: number | undefined;
  let isOver = false;
  // A response may call its own `write` from `end`, and `setHeader` from `appendHeader`.
  const entered = new Set<string>();

  /** Puts a method in the place of another; `note` is told of calls that did not throw, the outermost of each group. */
  const listen = (
    group: 'headers' | 'head' | 'body',
    method: keyof NodeResponse,
    note: (args: readonly unknown[]) => void,
  ): void => {
    const original = Reflect.get(response, method) as ((...args: unknown[]) => unknown) | undefined;
    if (original === undefined) return;
    const listening = (...args: unknown[]): unknown => {
      if (entered.has(group)) return original.apply(response, args);
      entered.add(group);
      try {
        const result = original.apply(response, args);
        if (!isOver) note(args);
        return result;
      } finally {
        entered.delete(group);
      }
    };
    Object.defineProperty(response, method, { value: listening, configurable: true, writable: true });
  };

  const note = ([chunk, encoding]: readonly unknown[]): void => {
    status ??= response.statusCode;
    if (typeof chunk === 'string')
      tape.add(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'));
    else if (chunk instanceof Uint8Array) tape.add(chunk);
  };

  listen('headers', 'setHeader', ([name, value]) => headers.set(String(name), value as HeaderValue));
  listen('headers', 'appendHeader', ([name, value]) => headers.append(String(name), value as HeaderValue));
  listen('headers', 'removeHeader', ([name]) => headers.remove(String(name)));
  listen('head', 'writeHead', ([code, second, third]) => {
    if (status !== undefined || Number(code) < 200) return;
    status = Number(code);
    headers.overlay(typeof second === 'string' ? third : (second ?? third));
  });
  listen('body', 'write', note);
  const end = (args: readonly unknown[]): void => {
    note(args);
    isOver = true;
    const body = tape.whole();
    onEnd(body && { status: status as number, headers: headers.pairs(), body });
  };
  listen('body', 'end', end);
  return {
    get hasBegun() {
      return status !== undefined;
    },
    get isOver() {
      return isOver;
    },
  };
}
