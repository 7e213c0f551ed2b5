/** A route that fails at every server says nothing about the servers. */
import { expect, onTestFinished, test } from 'vitest';
import { memoryCluster } from 'binding-clerk/testing';

test.each(['primary', 'round-robin'] as const)(
  'a route that answers 503 at every server ejects none of the servers that get only its retries: %s',
  async (policy) => {
    const ids = ['a', 'b', 'c'];
    const { clerk, cluster, runtime } = memoryCluster(
      { '/shop/orders': ids },
      { seed: 3, autoAdvance: false },
    );
    onTestFinished(() => clerk.destroy());
    for (const id of ids)
      cluster.respond(id, ({ path }) => ({ statusCode: path.startsWith('/broken') ? 503 : 200 }));
    const ejected: string[] = [];
    clerk.on('ejected', ({ endpoint }) => ejected.push(endpoint));
    const orders = clerk.bind('/shop/orders', { policy });

    let failed = 0;
    for (let i = 0; i < 400; i++) {
      const isBroken = i % 10 === 0;
      void orders.request({ path: isBroken ? '/broken' : '/fine' }).then(
        (response) => {
          response.body.resume();
          if (!isBroken && response.statusCode !== 200) failed++;
        },
        () => {
          if (!isBroken) failed++;
        },
      );
      await runtime.advance(20);
    }
    await runtime.advance(1_000);

    expect([ejected, failed]).toEqual([[], 0]);
  },
);

test.each([
  ['local-first', 4, 20],
  ['round-robin', 2, 10],
  ['random', 4, 20],
] as const)(
  'bursts of a route that fails at every server eject none that answered well before: %s over %i servers, bursts of %i',
  async (policy, servers, burst) => {
    const ids = ['a', 'b', 'c', 'd'].slice(0, servers);
    const { clerk, cluster, runtime } = memoryCluster(
      { '/shop/orders': ids },
      { seed: 5, autoAdvance: false },
    );
    onTestFinished(() => clerk.destroy());
    for (const id of ids) cluster.respond(id, ({ path }) => ({ statusCode: path === '/report' ? 500 : 200 }));
    const ejected: string[] = [];
    clerk.on('ejected', ({ endpoint }) => ejected.push(endpoint));
    const orders = clerk.bind('/shop/orders', { policy });
    const get = (path: string): void =>
      void orders.request({ path }).then(
        ({ body }) => body.resume(),
        () => undefined,
      );

    for (let second = 0; second < 24; second++) {
      for (let i = 0; i < 100; i++) {
        get('/fine');
        if (second >= 4 && second % 2 === 0 && i === 50) for (let n = 0; n < burst; n++) get('/report');
        await runtime.advance(10);
      }
    }

    expect(ejected).toEqual([]);
  },
);

test.each([
  ['local-first', 6],
  ['random', 8],
] as const)(
  'a function of call() that fails at every server keeps none ejected after its call: %s, bursts of %i',
  async (policy, burst) => {
    const ids = ['a', 'b', 'c', 'd'];
    const { clerk, runtime } = memoryCluster({ '/shop/orders': ids }, { seed: 5, autoAdvance: false });
    onTestFinished(() => clerk.destroy());
    const out = new Set<string>();
    clerk.on('ejected', ({ endpoint }) => out.add(endpoint));
    clerk.on('revived', ({ endpoint }) => out.delete(endpoint));
    const orders = clerk.bind('/shop/orders', { policy });
    const call = (run: () => Promise<void>): void =>
      void orders.call(run, { kind: 'idempotent' }).catch(() => undefined);

    for (let second = 0; second < 24; second++) {
      for (let i = 0; i < 100; i++) {
        call(() => Promise.resolve());
        const isBurst = second >= 4 && second % 2 === 0 && i === 50;
        for (let n = 0; n < (isBurst ? burst : 0); n++)
          call(() => Promise.reject(new Error('no such order')));
        await runtime.advance(10);
        expect([...out]).toEqual([]);
      }
    }
  },
);
