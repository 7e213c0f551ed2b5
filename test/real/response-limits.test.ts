/** Limits of response bodies: their size when read whole, the ratio of decoding, and `totalTimeoutMs`. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { createClerk, isClerkError, type Clerk, type ClerkOptions } from 'binding-clerk';
import { afterEach, describe, expect, test } from 'vitest';

const kib = 1024;
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function startService(listener: RequestListener): Promise<string> {
  const server: Server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

async function clerkOf(listener: RequestListener, options: ClerkOptions = {}): Promise<Clerk> {
  const clerk = createClerk({ registry: { '/shop/orders': await startService(listener) }, ...options });
  closers.push(() => clerk.destroy());
  return clerk;
}

/** Sends bytes until the client closes the connection. `/length/N` sends exactly N bytes, `/chunked/N` in chunks. */
const sender: RequestListener = (request, response) => {
  const [, kind, size] = (request.url ?? '').split('/');
  response.on('error', () => undefined);
  if (kind === 'length') response.end(Buffer.alloc(Number(size), '7'));
  else if (kind === 'chunked') {
    response.write(Buffer.alloc(1, '7'));
    response.end(Buffer.alloc(Number(size) - 1, '7'));
  } else {
    const chunk = Buffer.alloc(64 * kib, '7');
    const send = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', send);
    send();
  }
};

type Read = (clerk: Clerk, path: string) => Promise<unknown>;
const url = 'http://orders.shop.clerk';

/** The types of Node 20 lack `bytes`. */
const fetchBody = async (clerk: Clerk, path: string) =>
  (await clerk.fetch(url + path)) as Response & { bytes(): Promise<Uint8Array> };

const reads: readonly (readonly [string, Read])[] = [
  ['binding.json', (clerk, path) => clerk.bind('/shop/orders').json(path)],
  ['binding.text', (clerk, path) => clerk.bind('/shop/orders').text(path)],
  ['binding.bytes', (clerk, path) => clerk.bind('/shop/orders').bytes(path)],
  ...(['json', 'text', 'bytes', 'arrayBuffer', 'blob'] as const).flatMap((method): [string, Read][] => [
    [
      `request().body.${method}`,
      async (clerk, path) => {
        const { body } = await clerk.bind('/shop/orders').request({ path });
        return body[method]();
      },
    ],
    [`fetch().${method}`, async (clerk, path) => (await fetchBody(clerk, path))[method]()],
    [
      `fetch().clone().${method}`,
      async (clerk, path) => (await clerk.fetch(url + path)).clone()[method as 'text'](),
    ],
  ]),
];

/** The code of an error, or of the cause of a `TypeError` as `fetch` rejects with. */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'ok';
  } catch (error) {
    const cause = isClerkError(error) ? error : (error as Error).cause;
    return isClerkError(cause) ? `${cause.code} ${cause.execution}` : String(error);
  }
}

describe.each(reads)('%s', (_, read) => {
  test('reads a body at the limit, and no larger one', async () => {
    const clerk = await clerkOf(sender, { maxResponseSize: 100 * kib });
    for (const kind of ['length', 'chunked']) {
      expect(await codeOf(read(clerk, `/${kind}/${String(100 * kib)}`))).toBe('ok');
      expect(await codeOf(read(clerk, `/${kind}/${String(100 * kib + 1)}`))).toBe('BODY_TOO_LARGE done');
    }
    expect(await codeOf(read(clerk, '/endless'))).toBe('BODY_TOO_LARGE done');
  });
});

test('a stream has no limit, and neither has a clerk with Infinity', async () => {
  const limited = await clerkOf(sender, { maxResponseSize: 10 });
  const { body } = await limited.bind('/shop/orders').request({ path: '/length/100000' });
  let size = 0;
  for await (const chunk of body) size += (chunk as Buffer).length;
  const response = await limited.fetch(`${url}/length/100000`);
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) size += chunk.length;
  expect(size).toBe(200_000);
  const unlimited = await clerkOf(sender, { maxResponseSize: Infinity });
  expect(await (await unlimited.fetch(`${url}/chunked/100000`)).text()).toHaveLength(100_000);
});

test('a response of fetch reads as without a limit', async () => {
  const clerk = await clerkOf((request, response) => {
    response.setHeader(
      'content-type',
      request.url === '/form' ? 'application/x-www-form-urlencoded' : 'text/plain',
    );
    response.write('');
    response.write(request.url === '/form' ? 'a=1' : '\ufeff{"a":"é"}');
    response.end();
  });
  const get = (path: string): Promise<Response> => clerk.fetch(url + path);
  expect(await (await get('/')).text()).toBe('{"a":"é"}');
  expect(await (await get('/')).json()).toEqual({ a: 'é' });
  expect((await (await get('/')).blob()).type).toBe('text/plain');
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- reads a whole body like the other methods
  expect(Object.fromEntries((await (await get('/form')).formData()) as never)).toEqual({ a: '1' });
  const response = await get('/');
  expect(response).toBeInstanceOf(Object.getPrototypeOf(Object.getPrototypeOf(response)).constructor);
  expect(response.bodyUsed).toBe(false);
  const copy = response.clone();
  await response.text();
  expect([response.bodyUsed, copy.bodyUsed]).toEqual([true, false]);
  await expect(response.text()).rejects.toThrow(TypeError);
  expect(await copy.text()).toBe('{"a":"é"}');
});

describe('decoding', () => {
  const encoded =
    (encoding: string, body: Buffer): RequestListener =>
    (_, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(body);

  test.each([
    ['gzip', gzipSync(Buffer.alloc(16 * 1024 * kib))],
    ['br', brotliCompressSync(Buffer.alloc(16 * 1024 * kib))],
  ])('a small body that decodes to a large one is refused: %s', async (encoding, body) => {
    const clerk = await clerkOf(encoded(encoding, body));
    const error: unknown = await clerk
      .fetch(url)
      .then((response) => response.text())
      .catch((reason: unknown) => (reason as Error).cause);
    expect(error).toMatchObject({ code: 'BODY_TOO_LARGE' });
    expect(String(error)).toContain('200 times as large');
  });

  test('the limit counts decoded bytes', async () => {
    const body = gzipSync(Buffer.from(Array.from({ length: 40_000 }, (_, i) => String(i)).join(',')));
    const text = await (await (await clerkOf(encoded('gzip', body))).fetch(url)).text();
    expect(text).toHaveLength(228_889);
    const clerk = await clerkOf(encoded('gzip', body), { maxResponseSize: 200_000 });
    expect(body.length).toBeLessThan(200_000);
    expect(await codeOf(clerk.fetch(url).then((response) => response.text()))).toBe('BODY_TOO_LARGE done');
  });

  test('a body of at most 1 MiB may have any ratio', async () => {
    const clerk = await clerkOf(encoded('br', brotliCompressSync(Buffer.alloc(1024 * kib))));
    expect((await (await clerk.fetch(url)).arrayBuffer()).byteLength).toBe(1024 * kib);
  });
});

describe('totalTimeoutMs', () => {
  /** Sends the head at once, then a byte every 20 ms, at most 5,000 of them. */
  const trickle: RequestListener = (_, response) => {
    response.writeHead(200).flushHeaders();
    const timer = setInterval(() => response.write('x'), 20);
    response.on('close', () => clearInterval(timer));
  };
  const read = async (response: { readonly body: { text(): Promise<string> } }): Promise<string> =>
    response.body.text();

  test('of a binding, a request and fetch ends a body in time', async () => {
    const clerk = await clerkOf(trickle);
    const bound = clerk.bind('/shop/orders', { totalTimeoutMs: 1_000 });
    const other = clerk.bind('/shop/orders');
    const startedAt = performance.now();
    expect(await codeOf(bound.request({ path: '/' }).then(read))).toMatch(/^DEADLINE_EXCEEDED/);
    expect(await codeOf(other.request({ path: '/', totalTimeoutMs: 1_000 }).then(read))).toMatch(
      /^DEADLINE_EXCEEDED/,
    );
    const fetched = clerk.fetch(url, { totalTimeoutMs: 1_000 });
    await expect(fetched.then((response) => response.text())).rejects.toThrow();
    expect(await codeOf(bound.text('/'))).toMatch(/^DEADLINE_EXCEEDED/);
    expect(performance.now() - startedAt).toBeLessThan(25_000);
    expect(clerk.bind('/shop/orders').explain().candidates).toHaveLength(1);
  });

  test('a body that ends in time is read whole, and the clerk closes at once', async () => {
    const clerk = await clerkOf((_, response) => {
      response.write('a');
      setTimeout(() => response.end('b'), 50);
    });
    const { body } = await clerk.bind('/shop/orders').request({ path: '/', totalTimeoutMs: 20_000 });
    expect(await body.text()).toBe('ab');
    await clerk.close();
  });

  test('a totalTimeoutMs of 0 is rejected', async () => {
    const clerk = await clerkOf(sender);
    expect(() => clerk.bind('/shop/orders', { totalTimeoutMs: 0 })).toThrow(
      'totalTimeoutMs must be a number of ms',
    );
    await expect(clerk.bind('/shop/orders').request({ path: '/', totalTimeoutMs: -1 })).rejects.toThrow(
      'totalTimeoutMs must be a number of ms',
    );
    await expect(clerk.fetch('http://127.0.0.1:1', { totalTimeoutMs: 5 })).rejects.toMatchObject({
      cause: { code: 'CONFIG_INVALID' },
    });
    for (const maxResponseSize of [0, -1, 1.5, NaN, '1'])
      expect(() => createClerk({ registry: {}, maxResponseSize: maxResponseSize as number })).toThrow(
        'maxResponseSize must be an integer of bytes',
      );
  });
});
