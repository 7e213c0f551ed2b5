/**
 * Ten thousand 'once' calls over failing connections: the reported execution of each call is compared with how often its
 * server ran it.
 *
 * @see [C3.1](../../docs/guarantees.md#c3-1)
 * @see [C3.2](../../docs/guarantees.md#c3-2)
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
import { unusedAddress } from './web-server.js';

let ca: Authority;
let identity: Certificate;
beforeAll(async () => {
  ca = await authority('Our own');
  identity = await ca.issue('127.0.0.1');
});

interface Scenario {
  readonly scheme: 'http' | 'https';
  serve(handler: RequestListener): Server | Http2SecureServer;
  readonly clerk?: Omit<ClerkOptions, 'registry'>;
  /** The servers share one idempotency store. */
  readonly hasStore?: boolean;
}

const scenarios: Readonly<Record<string, () => Scenario>> = {
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
    hasStore: true,
  }),
};

/** One store for all servers, like a shared database. */
function sharedStore(): IdempotencyStore {
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

const callsPerScenario = 2_500;
const concurrency = 32;

describe.each(Object.entries(scenarios))('%s', (_what, createScenario) => {
  test('no call runs twice, and every reported execution is true', { timeout: 120_000 }, async () => {
    const scenario = createScenario();
    const runs = new Map<string, number>();
    const store = sharedStore();
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
      const server = scenario.serve(scenario.hasStore ? atMostOnce(run, { store }) : run);
      await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
      onTestFinished(() => void server.close());
      const proxy = await faultyProxy((server.address() as AddressInfo).port, 7 + i);
      proxies.push(proxy);
      endpoints.push({
        id: `e${i}`,
        address: `${scenario.scheme}://127.0.0.1:${proxy.port}`,
        ...(scenario.hasStore && { attributes: { 'at-most-once': 'orders' } }),
      });
    }
    // A call that is refused here runs elsewhere.
    endpoints.push({ id: 'refusing', address: await unusedAddress(scenario.scheme) });
    const clerk = createClerk({ registry: { '/shop/orders': endpoints }, ...scenario.clerk });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders', { timeoutMs: 1_500, policy: 'random' });

    const claimCounts = { ok: 0, none: 0, unknown: 0, done: 0 };
    const wrong: string[] = [];
    let repeated = 0;
    let next = 0;
    const claims = new Map<string, keyof typeof claimCounts>();
    const call = async (): Promise<void> => {
      while (next < callsPerScenario) {
        const id = `/run/${next++}`;
        let claim: keyof typeof claimCounts;
        try {
          const { body, attempts } = await orders.request({
            path: id,
            method: 'POST',
            body: 'order',
            // undici may not notice that an HTTP/2 session ended within a body.
            bodyTimeout: 2_000,
          });
          if (attempts > 1) repeated++;
          // The response headers prove that the call ran, even if the body is lost.
          claim = 'ok';
          const said = await body.json().catch(() => id);
          if (said !== id) wrong.push(`${id} was answered with ${String(said)}`);
        } catch (error) {
          if (!isClerkError(error)) throw error;
          claim = error.execution;
        }
        claimCounts[claim]++;
        claims.set(id, claim);
      }
    };
    await Promise.all(Array.from({ length: concurrency }, call));
    // Requests in flight may still arrive.
    for (const proxy of proxies) proxy.heal();
    await new Promise((resolve) => setTimeout(resolve, 300));

    for (const [id, claim] of claims) {
      const ran = runs.get(id) ?? 0;
      if (ran > 1) wrong.push(`${id} ran ${ran} times`);
      if (ran === 0 && (claim === 'ok' || claim === 'done')) wrong.push(`${id} is '${claim}' and never ran`);
      if (ran > 0 && claim === 'none') wrong.push(`${id} is 'none' and ran`);
    }
    expect(wrong).toEqual([]);
    expect(claims.size).toBe(callsPerScenario);
    const faults = proxies.flatMap(({ counts }) => Object.values(counts) as number[]);
    expect(faults.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(150);
    expect(claimCounts.ok).toBeGreaterThan(callsPerScenario / 2);
    // Calls to a service with a store can be retried.
    if (!scenario.hasStore) expect(claimCounts.unknown).toBeGreaterThan(20);
    else expect(claimCounts.unknown).toBeLessThan(20);
    expect(repeated).toBeGreaterThan(0);
    if (process.env.SHOW_COUNTS)
      console.log(
        claimCounts,
        repeated,
        proxies.map(({ counts }) => counts),
      );
  });
});
