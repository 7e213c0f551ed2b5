/**
 * Ten thousand calls that must run at most once, over connections that break: whatever the clerk says of each is
 * compared with how often its server has run it. @see promises C3.1, C3.2
 */
import { createServer, type RequestListener } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createClerk, isClerkError, type ClerkOptions, type EndpointInit } from 'binding-clerk';
import { atMostOnce, memoryCalls, type IdempotencyStore } from 'binding-clerk/service';
import { authority, type Authority, type Certificate } from './certificates.js';
import { faultyProxy, type FaultyProxy } from './faulty-proxy.js';

let ca: Authority;
let identity: Certificate;
beforeAll(async () => {
  ca = await authority('Our own');
  identity = await ca.issue('127.0.0.1');
});

interface Way {
  readonly scheme: 'http' | 'https';
  serve(handler: RequestListener): Server | Http2SecureServer;
  readonly clerk?: Omit<ClerkOptions, 'registry'>;
  /** The servers share one memory of calls. */
  readonly remembers?: boolean;
}

const ways: Readonly<Record<string, () => Way>> = {
  'HTTP/1.1': () => ({ scheme: 'http', serve: (handler) => createServer(handler) }),
  'HTTP/1.1 over TLS': () => ({
    scheme: 'https',
    serve: (handler) => createTlsServer(identity, handler),
    clerk: { tls: { ca: ca.cert } },
  }),
  'HTTP/2': () => ({
    scheme: 'https',
    serve: (handler) => createSecureServer(identity, handler as never),
    clerk: { tls: { ca: ca.cert }, undici: { allowH2: true } },
  }),
  'HTTP/1.1, at services that remember': () => ({
    scheme: 'http',
    serve: (handler) => createServer(handler),
    remembers: true,
  }),
};

/** One memory for all servers, as a database of theirs would be. */
function sharedMemory(): IdempotencyStore {
  const memory = memoryCalls();
  return {
    isDurable: true,
    scope: 'orders',
    begin: (call) => memory.begin(call),
    end: (id, how) => memory.end(id, how),
    withdraw: (id) => memory.withdraw(id),
    expire: (bornBefore) => memory.expire(bornBefore),
  };
}

const callsEach = 2_500;
const atATime = 32;

describe.each(Object.entries(ways))('%s', (_what, makeWay) => {
  test('nothing runs twice, and nobody is told a lie', { timeout: 120_000 }, async () => {
    const way = makeWay();
    const runs = new Map<string, number>();
    const store = sharedMemory();
    const run: RequestListener = (request, response) => {
      const id = request.url ?? '';
      runs.set(id, (runs.get(id) ?? 0) + 1);
      request.resume().on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify(id));
      });
    };
    const endpoints: EndpointInit[] = [];
    const proxies: FaultyProxy[] = [];
    for (let i = 0; i < 3; i++) {
      const server = way.serve(way.remembers ? atMostOnce(run, { store }) : run);
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => void server.close());
      const proxy = await faultyProxy((server.address() as AddressInfo).port, 7 + i);
      proxies.push(proxy);
      endpoints.push({
        id: `e${i}`,
        address: `${way.scheme}://127.0.0.1:${proxy.port}`,
        ...(way.remembers && { attributes: { 'at-most-once': 'orders' } }),
      });
    }
    const clerk = createClerk({ registry: { '/shop/orders': endpoints }, ...way.clerk });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders', { timeoutMs: 1_500, policy: 'random' });

    const told = { ok: 0, none: 0, unknown: 0, done: 0 };
    const wrong: string[] = [];
    let repeated = 0;
    let next = 0;
    const claims = new Map<string, keyof typeof told>();
    const call = async (): Promise<void> => {
      while (next < callsEach) {
        const id = `/run/${next++}`;
        let claim: keyof typeof told;
        try {
          const { body, attempts } = await orders.request({
            path: id,
            method: 'POST',
            body: 'order',
            // undici may not notice that an HTTP/2 session ended in the middle of a body.
            bodyTimeout: 2_000,
          });
          if (attempts > 1) repeated++;
          // The head is proof that it ran, also where the body is lost.
          claim = 'ok';
          const said = await body.json().catch(() => id);
          if (said !== id) wrong.push(`${id} was answered with ${String(said)}`);
        } catch (error) {
          if (!isClerkError(error)) throw error;
          claim = error.execution;
        }
        told[claim]++;
        claims.set(id, claim);
      }
    };
    await Promise.all(Array.from({ length: atATime }, call));
    // What is on its way may still arrive.
    for (const proxy of proxies) proxy.heal();
    await new Promise((resolve) => setTimeout(resolve, 300));

    for (const [id, claim] of claims) {
      const ran = runs.get(id) ?? 0;
      if (ran > 1) wrong.push(`${id} ran ${ran} times`);
      if (ran === 0 && (claim === 'ok' || claim === 'done')) wrong.push(`${id} is '${claim}' and never ran`);
      if (ran > 0 && claim === 'none') wrong.push(`${id} is 'none' and ran`);
    }
    expect(wrong).toEqual([]);
    expect(claims.size).toBe(callsEach);
    const faults = proxies.flatMap(({ counts }) => Object.values(counts) as number[]);
    expect(faults.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(150);
    expect(told.ok).toBeGreaterThan(callsEach / 2);
    // Whoever remembers can be asked again.
    if (!way.remembers) expect(told.unknown).toBeGreaterThan(20);
    else expect(told.unknown).toBeLessThan(20);
    expect(repeated).toBeGreaterThan(0);
    if (process.env.SHOW_COUNTS)
      console.log(
        told,
        repeated,
        proxies.map(({ counts }) => counts),
      );
  });
});
