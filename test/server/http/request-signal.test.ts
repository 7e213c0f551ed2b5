/** The signal of a request that waits for a start, beside the signal of the server, which lives for long. */
import { EventEmitter, getEventListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { queryObjects } from 'node:v8';
import { expect, test } from 'vitest';
import { createRouteContext, type HttpContext } from '../../../src/server/http/request-context.js';

const requests = 1_000;

test(`${String(requests)} requests that have ended leave nothing at the signal of the server, and its end ends the others`, () => {
  const closing = new AbortController();
  const http = { closing: closing.signal, principals: { of: () => 'p' } } as unknown as HttpContext;
  const open = (): { readonly signal: AbortSignal; readonly outgoing: EventEmitter } => {
    const outgoing = Object.assign(new EventEmitter(), { setTimeout: () => undefined });
    const incoming = { socket: { remoteAddress: '127.0.0.1' } } as unknown as IncomingMessage;
    const context = createRouteContext(http, incoming, outgoing as unknown as ServerResponse);
    return { signal: context.signal(), outgoing };
  };
  const living = (): number =>
    queryObjects(AbortSignal, { format: 'count' }) + queryObjects(WeakRef, { format: 'count' });
  const run = (count: number): void => {
    for (let i = 0; i < count; i++) open().outgoing.emit('close');
  };
  run(10);
  const before = living();
  run(requests);
  expect(living() - before).toBeLessThan(requests / 10);
  expect(getEventListeners(closing.signal, 'abort')).toEqual([]);
  const [{ signal }, ended] = [open(), open()];
  ended.outgoing.emit('close');
  expect([signal.aborted, ended.signal.aborted]).toEqual([false, true]);
  closing.abort(new Error('the server closes'));
  expect(signal.reason).toEqual(new Error('the server closes'));
});
