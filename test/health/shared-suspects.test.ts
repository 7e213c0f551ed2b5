/** A real registry, real services and clerks of which some cannot reach one of them. */
import { createServer } from 'node:http';
import { createClerk, type Clerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { expect, onTestFinished, test, vi } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { defaultTransport } from '../../src/transport/default-transport.js';

const name = '/shop/orders';

async function world() {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  const heard: string[] = [];
  for (const id of ['a', 'b']) {
    const http = createServer((_request, response) => response.end(JSON.stringify(id)));
    http.listen(0, '127.0.0.1');
    const ad = await advertise({
      name,
      id,
      address: http,
      registry: server.url,
      drainOnSignal: false,
      leaseMs: 3_000,
    });
    for (const event of ['suspected', 'cleared'] as const) ad.on(event, () => heard.push(`${id} ${event}`));
    onTestFinished(async () => {
      await ad.close();
      http.closeAllConnections();
      http.close();
    });
  }
  return { server, heard };
}

/** A clerk that calls all the time; to it the endpoint `b` may lead nowhere. */
function calling(registry: string, isCut: boolean): { readonly clerk: Clerk; readonly marked: string[] } {
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
  const marked: string[] = [];
  clerk.on('suspect', ({ endpoint, reason }) => {
    if (reason === 'registry') marked.push(endpoint);
  });
  const orders = clerk.bind(name, { policy: 'round-robin' });
  const timer = setInterval(() => void orders.json('/').catch(() => {}), 25);
  onTestFinished(async () => {
    clearInterval(timer);
    await clerk.destroy();
  });
  return { clerk, marked };
}

const states = async (clerk: Clerk): Promise<string> =>
  (await clerk.resolve(name)).endpoints.map(({ id, state }) => `${id} ${state}`).join();

test('one of two that cannot reach an endpoint marks nobody; two of three mark it for all, and it hears of it', async () => {
  const { server, heard } = await world();
  const cut = calling(server.url, true);
  const whole = calling(server.url, false);
  const metrics = async (line: string) => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(new RegExp(`^${line} ([0-9]+)$`, 'm').exec(text)?.[1]);
  };
  // Both have spoken, and the time to be heard is over.
  await vi.waitFor(
    async () => expect(await metrics('clerk_opinions_total')).toBeGreaterThanOrEqual(3),
    9_000,
  );
  expect(await states(whole.clerk)).toBe('a up,b up');
  expect(await metrics('clerk_marks_total')).toBe(0);

  const third = calling(server.url, true);
  for (const { clerk } of [cut, whole, third])
    await vi.waitFor(async () => expect(await states(clerk)).toBe('a up,b suspect'), 9_000);
  expect(whole.marked).toContain('b');
  expect(whole.clerk.bind(name).explain().leftOut).toMatchObject([
    { endpoint: { id: 'b' }, why: expect.stringContaining('suspect') as string },
  ]);
  await vi.waitFor(() => expect(heard[0]).toBe('b suspected'), 4_000);
  expect(heard.filter((word) => word.startsWith('a'))).toEqual([]);
}, 30_000);

test('the only one who calls it is believed alone', async () => {
  const { server } = await world();
  const { clerk } = calling(server.url, true);
  await vi.waitFor(async () => expect(await states(clerk)).toBe('a up,b suspect'), 9_000);
}, 20_000);
