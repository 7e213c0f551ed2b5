/** A caller's own limits on headers and bodies, again and again and beside other calls: no endpoint is ejected. */
import type { RequestListener } from 'node:http';
import { expect, test } from 'vitest';
import { clerkErrorOf } from './clerk-error-of.js';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

const serve: RequestListener = (request, response) => {
  if (request.url === '/never') return;
  if (request.url === '/quiet')
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  else response.end('{}');
};

async function setUp(count: number) {
  const servers = await Promise.all(Array.from({ length: count }, () => webServer(serve)));
  const { clerk, orders } = testClerk(
    servers.map(({ address }) => address),
    {},
    { policy: 'round-robin', attemptTimeoutMs: 5_000 },
  );
  const trouble: string[] = [];
  clerk.on('ejected', ({ reason }) => trouble.push(`ejected: ${reason}`));
  clerk.on('suspect', ({ reason }) => trouble.push(`suspect: ${reason}`));
  return { orders, trouble, requests: () => servers.flatMap(({ requests }) => requests) };
}

test("a request's own headersTimeout ejects no endpoint after the other", async () => {
  const { orders, trouble, requests } = await setUp(4);
  for (let round = 0; round < 2; round++) {
    const calls = Array.from({ length: 4 }, () =>
      clerkErrorOf(orders.json('/never', { headersTimeout: 30 })),
    );
    for (const error of await Promise.all(calls))
      expect(error).toMatchObject({
        code: 'DEADLINE_EXCEEDED',
        execution: 'unknown',
        cause: { code: 'UND_ERR_HEADERS_TIMEOUT' },
      });
  }
  expect(requests()).toHaveLength(8);
  expect(trouble).toEqual([]);
  expect(await orders.json('/')).toEqual({});
});

test('event streams that are quiet for longer than bodyTimeout eject no endpoint that answers 602 other calls meanwhile', async () => {
  const { orders, trouble } = await setUp(2);
  const streams = await Promise.all(
    Array.from({ length: 6 }, () => orders.request({ path: '/quiet', bodyTimeout: 200 })),
  );
  const ends = streams.map(({ body }) => clerkErrorOf(body.text()));
  for (let i = 0; i < 301; i++) await Promise.all([orders.json('/'), orders.json('/')]);
  for (const error of await Promise.all(ends))
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', cause: { code: 'UND_ERR_BODY_TIMEOUT' } });
  expect(trouble).toEqual([]);
  expect(await Promise.all([orders.json('/'), orders.json('/')])).toEqual([{}, {}]);
});
