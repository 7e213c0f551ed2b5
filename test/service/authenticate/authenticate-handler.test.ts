import { getRequestListener } from '@hono/node-server';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { expect, test, vi } from 'vitest';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemKeys } from '../../../src/runtime/system-keys.js';
import { callerOfRequest } from '../../../src/service/authenticate/authenticate-handler.js';
import { TicketIssuer } from '../../../src/tickets/ticket-issuer.js';
import {
  authenticated,
  clock,
  errors,
  http1Client,
  http2Client,
  listen,
  registry,
  serveHttp1,
  serveHttp2,
  ticket,
  tlsOptions,
  web,
} from './secured-service.js';

const replyCaller = (request: object, response: { end(body: string): unknown }): unknown =>
  response.end(JSON.stringify(callerOfRequest(request) ?? null));

function codeOf(body: string): string {
  return JSON.parse(body).error.code as string;
}

const refused = { status: 401, notExecuted: '1' };

test.each([
  ['HTTP/1.1', serveHttp1, http1Client],
  ['HTTP/2', serveHttp2, http2Client],
] as const)('over %s the handler learns who calls', async (_, serve, client) => {
  const request = client(await serve(authenticated(replyCaller).handler));
  const answer = await request({ 'clerk-ticket': await ticket() });
  expect(answer).toMatchObject({ status: 200, notExecuted: undefined });
  expect(JSON.parse(answer.body)).toEqual({
    principal: '/shop/web',
    rights: ['call', 'read'],
    expiresAt: Math.floor(clock.wallNow() / 1_000) * 1_000 + 300_000,
  });
});

test.each([
  ['HTTP/1.1', serveHttp1, http1Client],
  ['HTTP/2', serveHttp2, http2Client],
] as const)('over %s a ticket is verified once per connection', async (_, serve, client) => {
  const wrapped = authenticated(replyCaller);
  const port = await serve(wrapped.handler);
  const [first, second] = [client(port), client(port)];
  const headers = { 'clerk-ticket': await ticket() };
  for (const request of [first, first, first, second, second])
    expect((await request(headers)).status).toBe(200);
  expect(wrapped.verifications).toBe(2);
});

test('concurrent first requests of a connection share one verification', async () => {
  const wrapped = authenticated(replyCaller);
  const request = http2Client(await serveHttp2(wrapped.handler));
  const headers = { 'clerk-ticket': await ticket() };
  const answers = await Promise.all(Array.from({ length: 20 }, () => request(headers)));
  expect(answers.every(({ status }) => status === 200)).toBe(true);
  expect(wrapped.verifications).toBe(1);
});

test.each([
  ['HTTP/1.1', serveHttp1, http1Client],
  ['HTTP/2', serveHttp2, http2Client],
] as const)(
  'over %s a request without a ticket is refused on a proved connection',
  async (_, serve, client) => {
    const handler = vi.fn(replyCaller);
    const request = client(await serve(authenticated(handler).handler));
    expect((await request({ 'clerk-ticket': await ticket() })).status).toBe(200);
    const answer = await request({});
    expect(answer).toMatchObject(refused);
    expect(codeOf(answer.body)).toBe('TICKET_REFUSED');
    expect(handler).toHaveBeenCalledTimes(1);
  },
);

test('a stolen ticket is refused on a connection of another key, and without a key', async () => {
  const port = await serveHttp1(authenticated(replyCaller).handler);
  const headers = { 'clerk-ticket': await ticket() };
  expect((await http1Client(port)(headers)).status).toBe(200);
  const thief = http1Client(port, systemKeys.create('/shop/web'));
  expect(await thief(headers)).toMatchObject(refused);
  const own = await ticket({ principal: '/shop/thief', clientPin: systemKeys.create('/shop/thief').pin });
  expect(await thief({ 'clerk-ticket': own })).toMatchObject(refused);
  const requestWithoutKey = http1Client(port, null as never);
  expect(await requestWithoutKey(headers)).toMatchObject(refused);
});

test('a ticket is refused over a connection without TLS', async () => {
  const port = await listen(createHttpServer(authenticated(replyCaller).handler));
  const response = await fetch(`http://127.0.0.1:${String(port)}/`, {
    headers: { 'clerk-ticket': await ticket() },
  });
  expect(response.status).toBe(401);
  expect(codeOf(await response.text())).toBe('TICKET_REFUSED');
});

test('a ticket for another service, of another registry, or of unreadable text is refused', async () => {
  const request = http1Client(await serveHttp1(authenticated(replyCaller).handler));
  const rogue = new TicketIssuer(systemKeys.create('/registry'), {
    wallNow: () => clock.wallNow(),
    ...systemHashing,
  });
  const genuine = await ticket();
  for (const text of [
    await ticket({ service: '/shop/stock' }),
    await ticket({}, rogue),
    'x',
    `${genuine}x`,
    `${genuine}, ${genuine}`,
    `${genuine.slice(0, -8)}AAAAAAAA`,
  ])
    expect(await request({ 'clerk-ticket': text }), text).toMatchObject(refused);
  expect((await request({ 'clerk-ticket': genuine })).status).toBe(200);
});

test('a ticket without the right call is forbidden', async () => {
  const handler = vi.fn(replyCaller);
  const request = http1Client(await serveHttp1(authenticated(handler).handler));
  const answer = await request({ 'clerk-ticket': await ticket({ rights: ['read'] }) });
  expect(answer).toMatchObject({ status: 403, notExecuted: '1' });
  expect(codeOf(answer.body)).toBe('FORBIDDEN');
  expect(handler).not.toHaveBeenCalled();
});

test('a ticket ends on a connection where it was accepted, and a new one takes over', async () => {
  const wrapped = authenticated(replyCaller);
  const request = http1Client(await serveHttp1(wrapped.handler));
  const headers = { 'clerk-ticket': await ticket() };
  expect((await request(headers)).status).toBe(200);
  clock.advance(329_000);
  expect((await request(headers)).status).toBe(200);
  clock.advance(2_000);
  expect(await request(headers)).toMatchObject(refused);
  expect((await request({ 'clerk-ticket': await ticket() })).status).toBe(200);
});

test('the ninth ticket of a connection replaces the first one', async () => {
  const wrapped = authenticated(replyCaller);
  const request = http1Client(await serveHttp1(wrapped.handler));
  const tickets = await Promise.all(Array.from({ length: 9 }, () => ticket()));
  for (const text of tickets) await request({ 'clerk-ticket': text });
  expect(wrapped.verifications).toBe(9);
  for (const text of tickets.slice(1)) await request({ 'clerk-ticket': text });
  expect(wrapped.verifications).toBe(9);
  expect((await request({ 'clerk-ticket': tickets[0] as string })).status).toBe(200);
  expect(wrapped.verifications).toBe(10);
});

test('a request body arrives complete, whether the ticket is new or known', async () => {
  const handler = async (
    request: AsyncIterable<Buffer>,
    response: { end(body: string): unknown },
  ): Promise<void> => {
    let size = 0;
    for await (const chunk of request) size += chunk.length;
    response.end(String(size));
  };
  const request = http1Client(await serveHttp1(authenticated(handler).handler));
  const headers = { 'clerk-ticket': await ticket() };
  for (const size of [0, 1, 300_000])
    expect((await request(headers, 'x'.repeat(size))).body).toBe(String(size));
});

test('a connection stays usable after a refused request with a body', async () => {
  const request = http1Client(await serveHttp1(authenticated(replyCaller).handler));
  expect(await request({}, 'x'.repeat(300_000))).toMatchObject(refused);
  expect((await request({ 'clerk-ticket': await ticket() })).status).toBe(200);
});

test('a fetch-style handler learns who calls, from the request that it gets', async () => {
  const { handler } = authenticated((request: Request, env: { readonly incoming: object }) =>
    Response.json([callerOfRequest(request)?.principal, callerOfRequest(env.incoming)?.principal]),
  );
  const listener = getRequestListener(handler as never, { overrideGlobalObjects: false });
  const request = http1Client(await listen(createServer(tlsOptions, (...args) => void listener(...args))));
  const headers = { 'clerk-ticket': await ticket() };
  for (let i = 0; i < 2; i++)
    expect(await request(headers)).toMatchObject({ status: 200, body: '["/shop/web","/shop/web"]' });
  const answer = await request({});
  expect(answer).toMatchObject(refused);
  expect(codeOf(answer.body)).toBe('TICKET_REFUSED');
});

test('a fetch-style handler without the Node request is an error of the program', () => {
  const { handler } = authenticated(() => new Response('ok'));
  expect(() => handler(new Request('http://x/'))).toThrow(/\{ incoming \}/);
});

test('a request that was not authenticated has no caller', () => {
  expect(callerOfRequest({})).toBeUndefined();
});

test('further arguments and this are passed to the handler', async () => {
  const handler = vi.fn(function (this: unknown, _request: object, response: { end(): unknown }) {
    response.end();
    return this;
  });
  const wrapped = authenticated(handler);
  const self = {};
  const results: unknown[] = [];
  const request = http1Client(
    await serveHttp1(async (...args) => {
      results.push(await wrapped.handler.call(self, ...args, 'next'));
    }),
  );
  const headers = { 'clerk-ticket': await ticket() };
  await request(headers);
  await request(headers);
  expect(results).toEqual([self, self]);
  expect(handler.mock.calls.map((args) => (args as unknown[])[2])).toEqual(['next', 'next']);
});

test('the identity is opened with the first ticket, and again after a failure', async () => {
  let attempts = 0;
  const openIdentity = async (): Promise<unknown> => {
    if (++attempts === 1) throw new Error('disk failure');
    return { name: '/shop/orders', registryKeys: [registry.pin], current: async () => web, tls: () => ({}) };
  };
  const { handler } = authenticated(replyCaller, { identity: 'orders.identity' }, openIdentity);
  const request = http1Client(await serveHttp1(handler));
  const headers = { 'clerk-ticket': await ticket() };
  errors.length = 0;
  const answer = await request(headers);
  expect(answer).toMatchObject({ status: 503, notExecuted: '1' });
  expect(answer.body).not.toContain('disk failure');
  expect(errors).toEqual(['authenticate() cannot verify tickets: disk failure']);
  for (let i = 0; i < 2; i++) expect((await request(headers)).status).toBe(200);
  expect(attempts).toBe(2);
});

test.each<[string, object, RegExp]>([
  ['an unknown option', { registrykey: 'x' }, /unknown option 'registrykey'/],
  ['no registry key', { service: '/shop/orders' }, /needs the key of the registry/],
  ['no service', { registryKey: registry.pin }, /needs the name of the service/],
  ['an invalid registry key', { registryKey: 'sha256/x', service: '/x' }, /base64url/],
  ['an invalid service', { registryKey: registry.pin, service: 'orders' }, /orders/],
  ['no services', { registryKey: registry.pin, service: [] }, /at least one name/],
  ['an identity of another kind', { identity: 7 }, /needs an identity/],
])('%s is refused when the handler is wrapped', (_, options, message) => {
  expect(() => authenticated(replyCaller, options as never)).toThrow(message);
});
