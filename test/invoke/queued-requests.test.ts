/** What a call sends when its request leaves the queue of a connection pool. */
import { AsyncResource } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { RequestCopy } from '../../src/binding/request-copy.js';
import { addHeaders } from '../../src/protocol/call-headers.js';
import type { ConnectedCandidate } from '../../src/core/candidate.js';
import type { RequestHandler, TransportRequest } from '../../src/core/transport.js';
import type { CallDeadline } from '../../src/invoke/call-deadline.js';
import { HttpCall } from '../../src/invoke/http-call.js';
import { endpoint, FakeChannel } from '../support/endpoints.js';
import { candidate, FakeCallContext } from './fake-call-context.js';
import { recordingHandler } from './recording-handler.js';

class QueueingChannel extends FakeChannel {
  queued: { readonly request: TransportRequest; readonly handler: RequestHandler } | undefined;

  override dispatch(request?: TransportRequest, handler?: RequestHandler): void {
    if (request && handler) this.queued = { request, handler };
  }

  /** @param added - header that the transport has added to the queued request */
  dequeue(added?: readonly [name: string, value: string]): TransportRequest | undefined {
    const { request, handler } = this.queued ?? {};
    return request && handler?.onDequeue?.(added === undefined ? request : addHeaders(request, [added]));
  }
}

class SecuredContext extends FakeCallContext {
  ticket = 'first';

  override ticketFor(): string {
    return this.ticket;
  }
}

const unlimited: CallDeadline = {
  ...{
    timeoutMs: 10_000,
    isExplicit: false,
    totalTimeoutMs: Infinity,
    elapsedMs: 0,
    inboundLeftMs: Infinity,
  },
  ...{ allowsRetries: true, overrides: undefined, waitsForReady: false },
};

const constraints = { affinity: undefined, tlsOnly: false };

function startCall(deadline: CallDeadline) {
  const context = new SecuredContext('a');
  const proved = endpoint('a', { key: `sha256/${'A'.repeat(43)}` });
  const channel = new QueueingChannel(proved);
  const one: ConnectedCandidate = { ...candidate('a'), endpoint: proved, channel };
  context.candidates = [one];
  const request = new RequestCopy({ path: '/orders/7', method: 'GET', headers: { accept: 'text/plain' } });
  const scope = new AsyncResource('TEST');
  new HttpCall(context, context, request, recordingHandler(), 'safe', constraints, deadline, scope).start();
  return { context, channel };
}

/** Headers as a record. Each name occurs once. */
function headersOf(request: TransportRequest | undefined): Record<string, string> {
  const list = request?.headers as string[];
  const pairs = list.flatMap((name, i) => (i % 2 === 0 ? [[name, list[i + 1] as string] as const] : []));
  const record = Object.fromEntries(pairs);
  expect(Object.keys(record)).toHaveLength(pairs.length);
  return record;
}

test('a queued request is sent unchanged while its ticket is valid', () => {
  const { channel } = startCall(unlimited);
  expect(headersOf(channel.queued?.request)).toEqual({ accept: 'text/plain', 'clerk-ticket': 'first' });
  expect(channel.queued?.request).toBeInstanceOf(RequestCopy);
  expect(channel.dequeue()).toBe(channel.queued?.request);
});

test('a queued request is sent with the ticket that replaced its ticket', () => {
  const { context, channel } = startCall(unlimited);
  context.ticket = 'second';
  expect(headersOf(channel.dequeue())).toEqual({ accept: 'text/plain', 'clerk-ticket': 'second' });
});

test('a queued request is sent with the time that is left then', () => {
  const { context, channel } = startCall({ ...unlimited, isExplicit: true });
  expect(headersOf(channel.queued?.request)).toMatchObject({ 'clerk-timeout-ms': '10000' });
  context.clock.advance(400);
  expect(headersOf(channel.dequeue())).toMatchObject({ 'clerk-timeout-ms': '9600', 'clerk-ticket': 'first' });
});

test('a queued request keeps the host that the transport has added', () => {
  const { context, channel } = startCall({ ...unlimited, isExplicit: true });
  context.ticket = 'second';
  expect(headersOf(channel.dequeue(['host', 'orders.shop.clerk']))).toEqual({
    ...{ accept: 'text/plain', host: 'orders.shop.clerk' },
    ...{ 'clerk-ticket': 'second', 'clerk-timeout-ms': '10000' },
  });
});
