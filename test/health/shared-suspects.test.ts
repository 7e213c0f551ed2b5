/** A real registry, real services, and clerks of which some cannot reach one endpoint. */
import { createServer } from 'node:http';
import { createClerk, type Clerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { defaultTransport } from '../../src/transport/default-transport.js';

const name = '/shop/orders';

async function setup() {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  const notified: string[] = [];
  for (const id of ['a', 'b']) {
    const http = createServer(({ method, url }, response) => {
      const answer = (): void => void response.end(JSON.stringify(id));
      if (method === 'OPTIONS') setTimeout(answer, 600);
      else if (url === '/slow') setTimeout(answer, 3_000);
      else if (url === '/broken') response.writeHead(500).end();
      else answer();
    });
    http.listen(0, '127.0.0.1');
    const ad = await advertise({
      name,
      id,
      address: http,
      registry: server.url,
      drainOnSignal: false,
      leaseMs: 3_000,
    });
    for (const event of ['suspected', 'cleared'] as const)
      ad.on(event, () => notified.push(`${id} ${event}`));
    onTestFinished(async () => {
      await ad.close();
      http.closeAllConnections();
      http.close();
    });
  }
  return { server, notified };
}

/** A clerk that calls continuously; `isCut` makes endpoint `b` unreachable for it. */
function callContinuously(
  registry: string,
  isCut: boolean,
): { readonly clerk: Clerk; readonly suspects: string[] } {
  const nowhere = [parseAddress('http://127.0.0.1:1')];
  const clerk = createClerk({
    registry,
    runtime: {
      transport: (options, clock) => {
        const inner = defaultTransport(options, clock);
        return {
          open: (endpoint, addresses, authority) =>
            inner.open(endpoint, isCut && endpoint.id === 'b' ? nowhere : addresses, authority),
        };
      },
    },
  });
  const suspects: string[] = [];
  clerk.on('suspect', ({ endpoint, reason }) => {
    if (reason === 'registry') suspects.push(endpoint);
  });
  const orders = clerk.bind(name, { policy: 'round-robin' });
  const timer = setInterval(() => void orders.json('/').catch(() => {}), 25);
  onTestFinished(async () => {
    clearInterval(timer);
    await clerk.destroy();
  });
  return { clerk, suspects };
}

async function metricOf(registry: string, line: string): Promise<number> {
  const text = await (await fetch(`${registry}/metrics`)).text();
  return Number(new RegExp(`^${line} ([0-9]+)$`, 'm').exec(text)?.[1]);
}

const states = async (clerk: Clerk): Promise<string> =>
  (await clerk.resolve(name)).endpoints.map(({ id, state }) => `${id} ${state}`).join();

test('an endpoint that serves calls is not suspect; without calls, the reports of the others suffice, and it is notified', async () => {
  const { server, notified } = await setup();
  const cut = callContinuously(server.url, true);
  const uncut = callContinuously(server.url, false);
  const other = callContinuously(server.url, true);
  const metrics = (line: string): Promise<number> => metricOf(server.url, line);
  // All have reported, and the review period is over.
  await vi.waitFor(
    async () => expect(await metrics('clerk_endpoint_reports_total')).toBeGreaterThanOrEqual(4),
    9_000,
  );
  expect(await states(uncut.clerk)).toBe('a up,b up');
  expect(await metrics('clerk_suspect_transitions_total')).toBe(0);

  const idle = createClerk({ registry: server.url });
  onTestFinished(() => idle.destroy());
  await uncut.clerk.destroy();
  for (const clerk of [cut.clerk, other.clerk, idle])
    await vi.waitFor(async () => expect(await states(clerk)).toBe('a up,b suspect'), 30_000);
  await idle.bind(name).ready();
  expect(idle.bind(name).explain().leftOut).toMatchObject([
    { endpoint: { id: 'b' }, reason: expect.stringContaining('suspect') as string },
  ]);
  await vi.waitFor(() => expect(notified[0]).toBe('b suspected'), 4_000);
  expect(notified.filter((event) => event.startsWith('a'))).toEqual([]);
}, 120_000);

test('the report of the only calling clerk suffices', async () => {
  const { server } = await setup();
  const { clerk } = callContinuously(server.url, true);
  await vi.waitFor(async () => expect(await states(clerk)).toBe('a up,b suspect'), 9_000);
}, 20_000);

test('clerks report no endpoint because of a slow or a failing route', async () => {
  const { server, notified } = await setup();
  const clerks = [0, 1, 2].map(() => createClerk({ registry: server.url }));
  onTestFinished(async () => {
    for (const clerk of clerks) await clerk.destroy();
  });
  // No endpoint answers a call for 3 s, or a probe for 0.6 s.
  for (const path of ['/slow', '/broken']) {
    const calls = clerks.flatMap((clerk) => {
      const orders = clerk.bind(name, { policy: 'round-robin' });
      return Array.from({ length: 4 }, () => orders.request({ path }));
    });
    const statuses = (await Promise.all(calls)).map(({ statusCode }) => statusCode);
    expect(new Set(statuses)).toEqual(new Set([path === '/slow' ? 200 : 500]));
  }
  expect(await metricOf(server.url, 'clerk_endpoint_reports_total')).toBe(0);
  for (const clerk of clerks) expect(await states(clerk)).toBe('a up,b up');
  expect(notified).toEqual([]);
}, 20_000);
