/** `binding.fetch` and `binding.dispatcher`: for libraries that take a fetch, a dispatcher or a base URL. */
import * as undici from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createClerk, isClerkError, type Binding, type ClerkError } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { bodyOf, unusedAddress, webServer } from './web-server.js';

const origin = 'http://orders.shop.clerk';

function echo(name: string) {
  return webServer(
    (request, response) =>
      void bodyOf(request).then((body) =>
        response.end(JSON.stringify({ name, target: request.url, body: body.toString() })),
      ),
  );
}

async function causeOf(promise: Promise<unknown>): Promise<ClerkError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(TypeError);
  const { cause } = error as TypeError;
  if (!isClerkError(cause)) throw new Error('the cause must be a ClerkError', { cause: error });
  return cause;
}

/** How a library calls a service through its binding; both resolve to the JSON of the body. */
const callers = {
  fetch: async ({ fetch }: Binding): Promise<unknown> => (await fetch('/')).json(),
  dispatcher: async ({ dispatcher }: Binding): Promise<unknown> =>
    (await undici.request(origin, { dispatcher })).body.json(),
};

/** An SDK as they are written: keeps the function, and adds paths to a base URL. */
class OrdersSdk {
  readonly #fetch: typeof fetch;
  readonly #baseUrl: string;

  constructor(options: { readonly baseUrl: string; readonly fetch: typeof fetch }) {
    this.#fetch = options.fetch;
    this.#baseUrl = options.baseUrl;
  }

  async order(id: number): Promise<unknown> {
    const response = await this.#fetch(`${this.#baseUrl}/orders/${id}`, {
      method: 'POST',
      body: 'pizza',
      signal: AbortSignal.timeout(5_000),
    });
    return response.json();
  }
}

describe('an SDK that takes a fetch', () => {
  test('works with a fetch taken from its binding', async () => {
    const server = await echo('a');
    const { orders } = testClerk([await unusedAddress(), server.address]);
    const { fetch } = orders;
    const sdk = new OrdersSdk({ baseUrl: origin, fetch });
    expect(await sdk.order(7)).toEqual({ name: 'a', target: '/orders/7', body: 'pizza' });
    expect(orders.fetch).toBe(fetch);
    expect(server.hosts).toEqual(['orders.shop.clerk']);
  });

  test('gets the version, the policy and the time of its binding', async () => {
    const [first, second] = await Promise.all([echo('v1'), echo('v2')]);
    const { clerk } = testClerk([
      { address: first.address, version: '1.0.0' },
      { address: second.address, version: '2.0.0' },
    ]);
    const orders = clerk.bind('/shop/orders', { version: '^2.0' });
    for (let i = 0; i < 4; i++) expect(await (await orders.fetch('/')).json()).toMatchObject({ name: 'v2' });
    const slow = await webServer(() => undefined);
    const { orders: hurried } = testClerk([slow.address], {}, { timeoutMs: 60 });
    expect(await causeOf(hurried.fetch('/'))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const options = { timeoutMs: 40, kind: 'safe' } as const;
    expect(await causeOf(orders.fetch('/', { ...options, affinity: 7 as never }))).toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test.each([
    ['a path', '/orders/7?full=1'],
    ['a URL as text', `${origin}/orders/7?full=1`],
    ['a URL', new URL(`${origin}/orders/7?full=1`)],
    ['a Request', new Request(`${origin}/orders/7?full=1`)],
    ['a Request of undici', new undici.Request(`${origin}/orders/7?full=1`) as unknown as Request],
  ])('passes %s', async (_form, input) => {
    const server = await echo('a');
    const { orders } = testClerk([server.address]);
    const response = await orders.fetch(input);
    expect(await response.json()).toMatchObject({ target: '/orders/7?full=1' });
    expect(response.url).toBe(`${origin}/orders/7?full=1`);
  });

  test.each([
    ['another name', 'http://bills.shop.clerk/7', 'NAME_MISMATCH', 'use the binding of /shop/bills'],
    ['another host', 'http://127.0.0.1:59999/7', 'CONFIG_INVALID', 'use clerk.fetch()'],
    ['an address after two slashes', '//127.0.0.1:59999/7', 'CONFIG_INVALID', 'use clerk.fetch()'],
    ['a host that stands for none', 'http://Orders_.shop.clerk:81/7', 'NAME_INVALID', 'must not have a port'],
  ])('is refused %s, and nothing is sent', async (_host, url, code, message) => {
    const server = await echo('a');
    const { orders } = testClerk([server.address]);
    const error = await causeOf(orders.fetch(url, { method: 'POST', body: 'secret' }));
    expect(error).toMatchObject({ code, execution: 'none' });
    expect(error.message).toContain(message);
    expect(server.requests).toEqual([]);
  });

  test('an https URL requires an endpoint with TLS', async () => {
    const server = await echo('a');
    const { orders } = testClerk([server.address]);
    expect(await causeOf(orders.fetch('https://orders.shop.clerk/'))).toMatchObject({ code: 'NO_ENDPOINT' });
  });

  test('follows a redirect within the service, to another name, and to another host', async () => {
    const bills = await echo('bills');
    const orders = await webServer((request, response) => {
      const location = {
        '/own': '/here',
        '/name': 'http://bills.shop.clerk/1',
        '/host': `${bills.address}/2`,
      }[String(request.url)];
      if (location === undefined) response.end(JSON.stringify({ target: request.url }));
      else response.writeHead(302, { location }).end();
    });
    const registry = { '/shop/orders': orders.address, '/shop/bills': bills.address };
    for (const redirects of ['all', 'names'] as const) {
      const clerk = createClerk({ registry, redirects });
      onTestFinished(() => clerk.destroy());
      const { fetch } = clerk.bind('/shop/orders');
      expect(await (await fetch('/own')).json()).toEqual({ target: '/here' });
      expect(await (await fetch('/name')).json()).toMatchObject({ name: 'bills', target: '/1' });
      if (redirects === 'all') expect(await (await fetch('/host')).json()).toMatchObject({ target: '/2' });
      else expect(await causeOf(fetch('/host'))).toMatchObject({ code: 'FORBIDDEN' });
    }
    expect(bills.hosts.filter((host) => host === 'bills.shop.clerk')).toHaveLength(2);
  });

  test('a service in a directory, which has no host, is called by path', async () => {
    const server = await echo('a');
    const clerk = createClerk({ registry: { '/#d7/orders': server.address } });
    onTestFinished(() => clerk.destroy());
    const response = await clerk.bind('/#d7/orders').fetch('/orders/7');
    expect(await response.json()).toMatchObject({ target: '/orders/7' });
  });
});

describe('a library that takes a dispatcher', () => {
  test('calls the service through its binding, with and without an origin', async () => {
    const [first, second] = await Promise.all([echo('v1'), echo('v2')]);
    const { clerk } = testClerk([
      { address: first.address, version: '1.0.0' },
      { address: second.address, version: '2.0.0' },
    ]);
    const { dispatcher } = clerk.bind('/shop/orders', { version: '2' });
    const withOrigin = await undici.request(`${origin}/1`, { dispatcher });
    expect(await withOrigin.body.json()).toMatchObject({ name: 'v2', target: '/1' });
    const without = await dispatcher.request({ path: '/2', method: 'GET' });
    expect(await without.body.json()).toMatchObject({ name: 'v2', target: '/2' });
    const fetched = await undici.fetch(`${origin}/3`, { dispatcher });
    expect(await fetched.json()).toMatchObject({ name: 'v2', target: '/3' });
  });

  test('is refused other names and hosts', async () => {
    const server = await echo('a');
    const { orders } = testClerk([server.address]);
    const { dispatcher } = orders;
    await expect(undici.request('http://bills.shop.clerk/', { dispatcher })).rejects.toMatchObject({
      code: 'NAME_MISMATCH',
    });
    await expect(undici.request(server.address, { dispatcher })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(server.requests).toEqual([]);
  });

  test('may close its dispatcher, and the clerk stays open', async () => {
    const server = await echo('a');
    const { clerk, orders } = testClerk([server.address]);
    await orders.dispatcher.close();
    await orders.dispatcher.destroy();
    await new Promise<void>((resolve) => orders.dispatcher.close(resolve));
    expect(await orders.text('/')).toContain('"a"');
    await clerk.close();
    await expect(undici.request(origin, { dispatcher: orders.dispatcher })).rejects.toMatchObject({
      code: 'CLERK_CLOSED',
    });
  });
});

describe.each(['fetch', 'dispatcher'] as const)('%s of a binding', (form) => {
  const call = callers[form];

  test('calls the endpoint that the policy of the binding picks', async () => {
    const [first, second] = await Promise.all([echo('first'), echo('second')]);
    const addresses = [first.address, second.address];
    const { orders } = testClerk(addresses, {}, { policy: (candidates) => candidates[1] });
    for (let i = 0; i < 4; i++) expect(await call(orders)).toMatchObject({ name: 'second' });
    expect(first.requests).toEqual([]);
  });

  test('hedges as the binding does', async () => {
    const slow = await webServer(() => undefined);
    const fast = await echo('fast');
    const { orders, outcomes } = testClerk(
      [slow.address, fast.address],
      {},
      { hedge: { afterMs: 30, budgetRatio: 1 } },
    );
    expect(await call(orders)).toMatchObject({ name: 'fast' });
    expect(outcomes.map(({ pickReason }) => pickReason)).toContain('hedge');
  });

  test('ends by the deadline of the binding', async () => {
    const silent = await webServer(() => undefined);
    const { orders } = testClerk([silent.address], {}, { timeoutMs: 60 });
    const error = await call(orders).then(
      () => undefined,
      (thrown: unknown) => (form === 'fetch' ? (thrown as TypeError).cause : thrown),
    );
    expect(error).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining('exceeded its deadline of 60 ms') as string,
    });
  });
});
