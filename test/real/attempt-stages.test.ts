/** Retries depend on the stage that the request reached, never on the name of the error. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CallKind } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { authority, type Authority, type Certificate } from './certificates.js';
import { fullBacklogListener, type FullBacklogListener } from './full-backlog-listener.js';
import { h2Peer, type StreamBehavior } from './h2-peer.js';
import { rawPeer, type PeerBehavior } from './raw-peer.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, webServer } from './web-server.js';

const kinds: readonly CallKind[] = ['safe', 'idempotent', 'once'];
const methods = { safe: 'GET', idempotent: 'PUT', once: 'POST' } as const;

let ca: Authority;
let identity: Certificate;
let untrusted: Certificate;
let unresponsive: FullBacklogListener;
beforeAll(async () => {
  ca = await authority('Our own');
  identity = await ca.issue('127.0.0.1');
  untrusted = await (await authority('Another authority')).issue('127.0.0.1');
  unresponsive = await fullBacklogListener();
});
afterAll(() => unresponsive.close());

/** A peer that fails in a certain way, and what it observed. */
interface FailingPeer {
  readonly address: string;
  executions(): number;
  /** Number of requests it read, executed or not. */
  reads(): number;
  /** Number of request bytes it read; undefined where that is unknown. */
  bytes(): number | undefined;
}

const raw =
  (fate: PeerBehavior, secured: () => Certificate | undefined = () => undefined) =>
  async (): Promise<FailingPeer> => {
    const peer = await rawPeer(fate, secured());
    return {
      address: peer.address,
      executions: () => peer.executed.length,
      reads: () => peer.executed.length,
      bytes: () => peer.requestBytes,
    };
  };
const unreachable = (address: () => Promise<string>) => async (): Promise<FailingPeer> => ({
  address: await address(),
  executions: () => 0,
  reads: () => 0,
  bytes: () => 0,
});
const stream = (fate: StreamBehavior) => async (): Promise<FailingPeer> => {
  const peer = await h2Peer(identity, fate);
  return {
    address: peer.address,
    executions: () => peer.executed.length,
    reads: () => peer.streams.length,
    bytes: () => undefined,
  };
};

/** The failure, a peer that causes it, and the code in the outcome. */
type Row = readonly [what: string, make: () => Promise<FailingPeer>, code: string];

const neverSent: readonly Row[] = [
  ['a closed port', unreachable(() => unusedAddress()), 'ECONNREFUSED'],
  ['the host is unknown', unreachable(async () => 'http://nowhere.invalid:80'), 'ENOTFOUND'],
  ['a reset on accept, before TLS has begun', raw('reset-on-accept', () => identity), 'ECONNRESET'],
  ['a reset in the TLS handshake', raw('reset-in-handshake'), 'ECONNRESET'],
  ['an untrusted certificate', raw('respond', () => untrusted), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  ['a TCP handshake that stalls', unreachable(async () => unresponsive.address), 'ATTEMPT_TIMEOUT'],
  ['a TLS handshake that stalls', raw('stall-in-handshake'), 'ATTEMPT_TIMEOUT'],
];

const sent: readonly Row[] = [
  ['a reset after the request was read', raw('reset'), 'ECONNRESET'],
  ['a reset after the request was read, over TLS', raw('reset', () => identity), 'ECONNRESET'],
  ['an end after the request was read', raw('close'), 'UND_ERR_SOCKET'],
  ['silence after the request was read', raw('no-response'), 'ATTEMPT_TIMEOUT'],
  // Newer versions of Node name this error differently.
  [
    'a reset within the response headers',
    raw('reset-in-head'),
    Number(process.versions.node.split('.')[0]) < 24 ? 'UND_ERR_SOCKET' : 'ECONNRESET',
  ],
];

const streams: readonly Row[] = [
  ['INTERNAL_ERROR on the stream', stream('internal-error'), 'ERR_HTTP2_STREAM_ERROR'],
  ['CANCEL on the stream', stream('cancel'), 'UND_ERR_INFO'],
  ['GOAWAY above our stream', stream('goaway-above'), 'UND_ERR_SOCKET'],
  // A GOAWAY of Node cannot state that no stream was processed, so the first stream counts as possibly executed.
  ['GOAWAY below our stream', stream('goaway-below'), 'UND_ERR_SOCKET'],
  ['the session lost', stream('session-lost'), 'UND_ERR_SOCKET'],
];

async function setUp(make: () => Promise<FailingPeer>, { isOnly = false, allowH2 = false } = {}) {
  const trouble = await make();
  const healthy = await webServer((_request, response) => void response.end('{"ok":true}'));
  const endpoints = isOnly ? [trouble.address] : [trouble.address, healthy.address];
  return { trouble, healthy, ...testClerk(endpoints, { tls: { ca: ca.cert }, undici: { allowH2 } }) };
}

describe.each(neverSent)('never sent: %s', (_what, make, code) => {
  test.each(kinds)('%s fails over to the next endpoint', async (kind) => {
    const { trouble, healthy, outcomes, orders } = await setUp(make);

    const reply = await orders.request({ path: '/orders/7', method: methods[kind], kind });

    expect(await reply.body.json()).toEqual({ ok: true });
    expect(reply.attempts).toBe(2);
    // A late attempt continues until the second one is sent or answered.
    expect(outcomes.map(({ stage, code }) => [stage, code])).toEqual([
      ['waiting', code === 'ATTEMPT_TIMEOUT' ? 'SUPERSEDED' : code],
      ['answered', '200'],
    ]);
    expect(healthy.requests).toEqual([`${methods[kind]} /orders/7`]);
    expect([trouble.executions(), trouble.bytes()]).toEqual([0, 0]);
  });

  test.each(kinds)('%s without another endpoint was not executed', async (kind) => {
    const { trouble, orders } = await setUp(make, { isOnly: true });

    const error = await clerkErrorOf(
      orders.request({ path: '/orders/7', method: methods[kind], kind, timeoutMs: 400 }),
    );

    expect(error.execution).toBe('none');
    expect(error.outcomes.map(({ stage }) => stage)).toEqual(error.outcomes.map(() => 'waiting'));
    expect(error.outcomes.length).toBeGreaterThan(0);
    expect(['ENDPOINTS_EXHAUSTED', 'DEADLINE_EXCEEDED']).toContain(error.code);
    expect([trouble.executions(), trouble.bytes()]).toEqual([0, 0]);
  });
});

describe.each([...sent, ...streams])('sent: %s', (what, make, code) => {
  const allowH2 = streams.some(([row]) => row === what);

  test.each(['safe', 'idempotent'] as const)('%s fails over to the next endpoint', async (kind) => {
    const { healthy, outcomes, orders } = await setUp(make, { allowH2 });

    const reply = await orders.request({ path: '/orders/7', method: methods[kind], kind });

    expect(await reply.body.json()).toEqual({ ok: true });
    expect(reply.attempts).toBe(2);
    expect(outcomes.map(({ stage, code }) => [stage, code])).toEqual([
      ['sent', code === 'ATTEMPT_TIMEOUT' ? 'SUPERSEDED' : code],
      ['answered', '200'],
    ]);
    expect(healthy.requests).toEqual([`${methods[kind]} /orders/7`]);
  });

  test('once is not retried, and may have been executed', async () => {
    const { trouble, healthy, orders } = await setUp(make, { allowH2 });

    const error = await clerkErrorOf(
      orders.request({ path: '/orders/7', method: 'POST', body: 'one pizza', timeoutMs: 500 }),
    );

    const silent = code === 'ATTEMPT_TIMEOUT';
    expect([error.code, error.execution]).toEqual([
      silent ? 'DEADLINE_EXCEEDED' : 'OUTCOME_UNKNOWN',
      'unknown',
    ]);
    expect(error.outcomes.map(({ stage, code }) => [stage, code])).toEqual([
      ['sent', silent ? 'DEADLINE_EXCEEDED' : code],
    ]);
    expect(trouble.reads()).toBe(1);
    expect(healthy.requests).toEqual([]);
  });

  test.each(kinds)('%s without another endpoint may have been executed', async (kind) => {
    const { trouble, orders } = await setUp(make, { isOnly: true, allowH2 });

    const error = await clerkErrorOf(
      orders.json('/orders/7', { method: methods[kind], kind, timeoutMs: 400 }),
    );

    expect(error.execution).toBe('unknown');
    if (kind === 'once') expect(trouble.reads()).toBe(1);
  });
});

describe('garbage instead of a response', () => {
  test.each(kinds)('%s is not retried, and ejects no endpoint', async (kind) => {
    const { trouble, healthy, orders } = await setUp(raw('garbage'));

    const error = await clerkErrorOf(orders.request({ path: '/orders/7', method: methods[kind], kind }));

    expect([error.code, error.execution]).toEqual(['RESPONSE_INVALID', 'unknown']);
    expect(error.outcomes.map(({ stage, code }) => [stage, code])).toEqual([['sent', 'HTTPParserError']]);
    expect([trouble.reads(), healthy.requests]).toEqual([1, []]);
    expect(orders.explain().candidates.map(({ status }) => status)).toEqual(['open', 'open']);
  });
});

describe('an endpoint that is late', () => {
  test.each(['safe', 'idempotent'] as const)(
    'gets one more attempt when no other endpoint is reachable: %s',
    async (kind) => {
      let requestCount = 0;
      const slow = await webServer((_request, response) => {
        if (++requestCount > 1) response.end('{"ok":true}');
      });
      const { orders, outcomes } = testClerk([slow.address, await unusedAddress()]);

      expect(await orders.json('/orders/7', { method: methods[kind], kind })).toEqual({ ok: true });
      expect(outcomes.map(({ code }) => code)).toEqual(['ECONNREFUSED', 'SUPERSEDED', '200']);
    },
  );
});

describe('REFUSED_STREAM, by which HTTP/2 rejects a request unprocessed', () => {
  test.each(kinds)('%s fails over to the next endpoint', async (kind) => {
    const { trouble, healthy, orders } = await setUp(stream('refused-stream'), { allowH2: true });

    const reply = await orders.request({ path: '/orders/7', method: methods[kind], kind });

    expect(await reply.body.json()).toEqual({ ok: true });
    expect([trouble.executions(), healthy.requests.length]).toEqual([0, 1]);
  });

  test('without another endpoint the call was not executed', async () => {
    const { trouble, orders } = await setUp(stream('refused-stream'), { allowH2: true, isOnly: true });

    const error = await clerkErrorOf(orders.request({ path: '/orders/7', method: 'POST', timeoutMs: 1_000 }));

    expect(error.execution).toBe('none');
    expect(trouble.reads()).toBe(1);
  });

  test.each(['safe', 'idempotent'] as const)('%s is sent once more to the only endpoint', async (kind) => {
    const { trouble, orders } = await setUp(stream('refused-stream'), { allowH2: true, isOnly: true });

    const request = { path: '/orders/7', method: methods[kind], kind, timeoutMs: 1_000 };
    const error = await clerkErrorOf(orders.request(request));

    expect([error.code, error.execution, trouble.reads()]).toEqual(['ENDPOINTS_EXHAUSTED', 'none', 2]);
  });

  test('is accepted once per call of kind once: further refused streams count as failures', async () => {
    const make = stream('refused-stream');
    const peers = [await make(), await make(), await make()];
    const { orders } = testClerk(
      peers.map(({ address }) => address),
      { tls: { ca: ca.cert }, undici: { allowH2: true } },
    );

    const error = await clerkErrorOf(orders.request({ path: '/orders/7', method: 'POST', timeoutMs: 1_000 }));

    expect([error.code, error.execution]).toEqual(['OUTCOME_UNKNOWN', 'unknown']);
    expect(peers.map((peer) => peer.reads())).toEqual([1, 1, 0]);
  });

  test.each(kinds)('follows from a GOAWAY below our stream: %s fails over', async (kind) => {
    const peer = await h2Peer(identity, 'respond');
    const healthy = await h2Peer(identity, 'respond');
    const { orders } = testClerk([peer.address, healthy.address], {
      tls: { ca: ca.cert },
      undici: { allowH2: true },
    });
    await orders.json('/warm-up', { method: methods[kind], kind });
    peer.behavior = 'goaway-below';

    await orders.json('/orders/7', { method: methods[kind], kind });

    expect([peer.executed, healthy.executed]).toEqual([['/warm-up'], ['/orders/7']]);
  });
});

describe('a reset within the response body', () => {
  test.each(kinds)('fails the body stream of a call of kind %s', async (kind) => {
    const { trouble, healthy, orders } = await setUp(raw('reset-in-body'));

    const { body, attempts } = await orders.request({ path: '/orders/7', method: methods[kind], kind });
    const error = await clerkErrorOf(body.text());

    expect([attempts, error.code, error.execution]).toEqual([1, 'OUTCOME_UNKNOWN', 'done']);
    expect(error.outcomes.map(({ stage }) => stage)).toEqual(['answered']);
    expect(trouble.executions()).toBe(1);
    expect(healthy.requests).toEqual([]);
  });

  test.each(['safe', 'idempotent'] as const)('is retried where the whole body is read: %s', async (kind) => {
    const { trouble, healthy, orders } = await setUp(raw('reset-in-body'));

    expect(await orders.json('/orders/7', { method: methods[kind], kind })).toEqual({ ok: true });
    expect([trouble.executions(), healthy.requests.length]).toEqual([1, 1]);
  });

  test('is not retried for once', async () => {
    const { trouble, healthy, orders } = await setUp(raw('reset-in-body'));

    const error = await clerkErrorOf(orders.json('/orders/7', { method: 'POST' }));

    expect(error.code).toBe('OUTCOME_UNKNOWN');
    expect(error.execution).not.toBe('none');
    expect([trouble.executions(), healthy.requests.length]).toEqual([1, 0]);
  });
});
