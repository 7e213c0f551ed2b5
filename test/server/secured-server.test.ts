/** A registry with keys and rights, over real TLS connections. */
import { rmSync, statSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, test } from 'vitest';
import { paths } from '../../src/protocol/paths.js';
import { rotationStatement } from '../../src/protocol/rotation-statement.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { identityRoutes } from '../../src/server/http/identity-routes.js';
import { initializeRegistry, startServer } from '../../src/server/index.js';
import { TicketVerifier } from '../../src/tickets/ticket-verifier.js';
import { identityIn, securedRegistry, type SecuredClient } from './secured-registry.js';
import { temporaryPath } from './temporary-path.js';

const address = 'http://127.0.0.1:3001';

test('the first operator has all rights; its identity file and the registry key are private', async () => {
  const { server, data, initialized, operator } = await securedRegistry();
  expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:/);
  expect(identityIn(initialized.operator)).toMatchObject({
    name: '/operator',
    registryKey: [initialized.registryKey],
  });
  for (const file of [initialized.operator, `${data}/registry.identity`])
    expect(statSync(file).mode & 0o777).toBe(0o600);
  expect((await operator.post('/v1/define', { name: '/shop/orders' })).status).toBe(200);
  expect((await operator.get('/v1/resolve?name=/shop/orders')).json.canonical).toBe('/shop/orders');
  expect((await operator.get('/v1/identities')).json.identities).toMatchObject([
    { principal: '/operator', key: operator.credentials?.pin, by: 'init' },
  ]);
});

test('a client without an enrolled key gets the same 401 at every path, except /healthz and /v1/enroll', async () => {
  const { client } = await securedRegistry();
  const strangers = [client(), client(systemKeys.create('/operator'))];
  const bodies = new Set<string>();
  for (const stranger of strangers)
    for (const path of [...Object.values(paths), '/', '/v1/unknown', '/v1/resolve?name=/operator']) {
      if (path === paths.health || path === paths.enroll) continue;
      for (const response of [await stranger.get(path), await stranger.post(path, {})]) {
        expect([path, response.status, response.json.error.code]).toEqual([path, 401, 'IDENTITY_INVALID']);
        bodies.add(response.text);
      }
    }
  expect(bodies.size).toBe(1);
  expect((await client().get('/healthz')).status).toBe(200);
  expect((await client().post('/v1/enroll', { name: '/a', token: 'x' })).json.error.code).toBe(
    'IDENTITY_INVALID',
  );
});

test('the server refuses TLS 1.2 and plain HTTP, and proves the printed key', async () => {
  const { server, initialized, client } = await securedRegistry();
  const { port } = server;
  const presented = await new Promise<Buffer>((resolve, reject) => {
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.raw as Buffer);
      socket.destroy();
    }).on('error', reject);
  });
  expect(systemKeys.pinOf(presented)).toBe(initialized.registryKey);
  const old = await new Promise<unknown>((resolve) => {
    connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: 'TLSv1.2' }, () =>
      resolve('connected'),
    ).on('error', resolve);
  });
  expect(old).toBeInstanceOf(Error);
  const plain = await new Promise<string>((resolve) => {
    let text = '';
    const socket = connectTcp(port, '127.0.0.1', () =>
      socket.write('GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n'),
    );
    socket.on('data', (bytes) => (text += String(bytes)));
    socket.on('error', () => undefined).on('close', () => resolve(text));
  });
  expect(plain).not.toContain('HTTP/1.1 200');
  expect((await client().get('/healthz')).status).toBe(200);
});

test('a token enrols one key, once, for one principal', async () => {
  const { operator, client, initialized } = await securedRegistry();
  const { token } = (await operator.post('/v1/tokens', { principal: '/shop/web' })).json;
  const other = client(systemKeys.create('/shop/web'));
  const refusals = [
    await other.post('/v1/enroll', { name: '/shop/other', token }),
    await other.post('/v1/enroll', { name: '/shop/web', token: `clerk_token_${'A'.repeat(43)}` }),
    await other.post('/v1/enroll', { name: '/shop/web', token: 'no token' }),
  ];
  const web = client(systemKeys.create('/shop/web'));
  const enrolled = await web.post('/v1/enroll', { name: '/shop/web', token });
  expect(enrolled.json).toEqual({
    name: '/shop/web',
    key: web.credentials?.pin,
    registryKeys: [initialized.registryKey],
  });
  refusals.push(await other.post('/v1/enroll', { name: '/shop/web', token }));
  for (const { status, text } of refusals) expect([status, text]).toEqual([401, refusals[0]?.text]);
  expect(refusals[0]?.json.error.code).toBe('TICKET_REFUSED');
  expect((await web.get('/v1/status')).status).toBe(200);
  expect((await other.get('/v1/status')).status).toBe(401);
});

/** Everything of a response that a client can compare. */
function visible({ status, text, headers }: Awaited<ReturnType<SecuredClient['get']>>): unknown {
  const { date: _, ...rest } = headers;
  return { status, text, headers: rest };
}

test('a name without rights looks like an absent name', async () => {
  const { operator, enrol } = await securedRegistry();
  const web = await enrol('/shop/web');
  // A missed renewal would change the revision, which all responses state.
  for (const name of ['/pay/secret', '/pay/orders/hidden'])
    await operator.post('/v1/register', { name, id: 'a', addresses: [address], leaseMs: 600_000 });
  await operator.post('/v1/link', { name: '/pay/hidden', target: '/pay/secret' });
  await operator.post('/v1/link', { name: '/pay/cycled', target: '/pay/cycle2' });
  await operator.post('/v1/link', { name: '/pay/cycle2', target: '/pay/cycled' });
  const ask = async (name: string) =>
    Promise.all([
      web.get(`/v1/resolve?name=${name}`).then(visible),
      web.get(`/v1/resolve?name=${name.replaceAll('/', '%2F')}`).then(visible),
      web.post('/v1/tickets', { service: name }).then(visible),
      web.get(`/v1/list?glob=${name}`).then(visible),
      web.get(`/v1/search?glob=${name}`).then(visible),
      web.post('/v1/define', { name }).then(visible),
      web.post('/v1/define', { name: `${name}/below` }).then(visible),
      web.post('/v1/link', { name: `${name}/below`, target: '/shop/web' }).then(visible),
      web.post('/v1/move', { from: name, to: '/shop/web/moved' }).then(visible),
      web.post('/v1/remove', { name, recursive: true }).then(visible),
      web.post('/v1/register', { name, id: 'b', addresses: [address] }).then(visible),
      web.post('/v1/register', { name: `${name}/below`, id: 'b', addresses: [address] }).then(visible),
      web.post('/v1/launch', { name }).then(visible),
      web.post('/v1/withdraw', { name, id: 'a', epoch: 1 }).then(visible),
      web.post('/v1/renew', { renewals: [{ name, id: 'a', epoch: 1 }] }).then(visible),
      web
        .post('/v1/report', { clerk: 'c', reports: [{ name, id: 'a', epoch: 1, verdict: 'unreachable' }] })
        .then(visible),
      web.post('/v1/identities/revoke', { principal: name }).then(visible),
    ]);
  const named = (text: unknown, name: string): string => JSON.stringify(text).replaceAll(name, '/pay/absent');
  const absent = JSON.stringify(await ask('/pay/absent'));
  for (const name of ['/pay/secret', '/pay/hidden', '/pay/orders', '/pay/cycled'])
    expect(named(await ask(name), name)).toBe(absent);
  expect(JSON.parse(absent)[0]).toMatchObject({ status: 404 });
  expect((await web.get(`/v1/whois?address=${address}`)).json.owners).toEqual([]);
});

test('a link to a name without rights looks like a link to an absent name', async () => {
  const { operator, enrol, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  await operator.post('/v1/define', { name: '/pay/secret' });
  await allow('/shop/web', '/shop/**', ['read', 'write']);
  await web.post('/v1/link', { name: '/shop/hidden', target: '/pay/secret' });
  await web.post('/v1/link', { name: '/shop/absent', target: '/pay/absent' });
  const bodies = await Promise.all(
    ['hidden', 'absent'].map(async (end) => (await web.get(`/v1/resolve?name=/shop/${end}`)).text),
  );
  expect(bodies[0]?.replace('hidden', 'absent')).toBe(bodies[1]);
  expect(bodies[1]).toContain('/shop/absent does not exist');
});

test('totals over all names are shown only with the right read on the root', async () => {
  const { operator, enrol, allow, client } = await securedRegistry();
  const web = await enrol('/shop/web');
  await operator.post('/v1/define', { name: '/pay/secret' });
  await allow('/shop/web', '/shop/**', ['read', 'write', 'admin']);
  const totals = ['services', 'endpoints', 'links', 'watches'];
  const shown = async (by: SecuredClient, path: string) => {
    const { status, json } = await by.get(path);
    return [status, totals.filter((total) => total in json)];
  };
  for (const path of ['/v1/status', '/healthz']) {
    expect(await shown(web, path)).toEqual([200, []]);
    expect(await shown(operator, path)).toEqual([200, totals]);
  }
  expect((await web.get('/healthz')).json).toMatchObject({ degraded: false, version: expect.any(String) });
  expect((await client().get('/healthz')).json).toEqual({ degraded: false });
  const { status, json } = await web.get('/metrics');
  expect([status, json.error.message]).toEqual([
    403,
    expect.stringContaining('must have the right read on /'),
  ]);
  expect((await operator.get('/metrics')).text).toContain('clerk_services 1\n');
  const scraper = await enrol('/ops/prometheus');
  await allow('/ops/prometheus', '/**', ['read']);
  expect((await scraper.get('/metrics')).status).toBe(200);
  expect(await shown(scraper, '/v1/status')).toEqual([200, totals]);
});

test('the right test shows that a name exists, and nothing more', async () => {
  const { operator, enrol, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  await allow('/shop/web', '/pay/**', ['test']);
  await operator.post('/v1/define', { name: '/pay/ledger' });
  expect((await web.get('/v1/resolve?name=/pay/ledger')).json.error.code).toBe('FORBIDDEN');
  expect((await web.get('/v1/resolve?name=/pay/absent')).json.error.code).toBe('NAME_NOT_FOUND');
  expect((await web.get('/v1/list?glob=/**')).json.entries).toEqual([]);
});

/** A change, and the smallest rights with which it succeeds. */
const changes: readonly (readonly [string, Record<string, unknown>, 'write' | 'advertise'])[] = [
  [paths.define, { name: '/own/orders' }, 'write'],
  [paths.link, { name: '/own/link', target: '/own/orders' }, 'write'],
  [paths.directory, { name: '/own/folder' }, 'write'],
  [paths.groups, { name: '/own/team', members: ['/shop/web'] }, 'write'],
  [paths.define, { name: '/own/orders', policy: 'random', whenExpired: true }, 'write'],
  [paths.cancel, { name: '/own/orders' }, 'write'],
  [paths.move, { from: '/own/folder', to: '/own/files' }, 'write'],
  [paths.remove, { name: '/own/files', force: true }, 'write'],
  [paths.register, { name: '/own/orders', id: 'a', addresses: [address] }, 'advertise'],
];

test('each change needs its right, and no other right replaces it', async () => {
  const { operator, enrol, allow } = await securedRegistry();
  const clients = {
    none: await enrol('/a/none'),
    write: await enrol('/a/write'),
    advertise: await enrol('/a/advertise'),
  };
  await allow('/a/none', '/own/**', ['read', 'test', 'call', 'launch']);
  await allow('/a/write', '/own/**', ['write']);
  await allow('/a/advertise', '/own/**', ['advertise']);
  for (const [path, body, right] of changes)
    for (const [given, client] of Object.entries(clients)) {
      if (given === right) continue;
      const { status, json } = await client.post(path, body);
      expect([path, given, status, json.error?.code]).toEqual([path, given, 403, 'FORBIDDEN']);
    }
  for (const [path, body, right] of changes) {
    expect([path, (await clients[right].post(path, body)).status]).toEqual([path, 200]);
    // From now on clients rely on the service, so its next change is scheduled.
    await operator.get('/v1/resolve?name=/own/orders');
  }
  const admin = [
    [paths.tokens, { principal: '/own/orders' }],
    [paths.revoke, { principal: '/a/none' }],
    [paths.access, { change: 'allow', principal: '/a/write', path: '/own/**', rights: ['admin'] }],
  ] as const;
  for (const [path, body] of admin)
    for (const client of Object.values(clients))
      expect((await client.post(path, body)).json.error?.code).toBe('FORBIDDEN');
  const { json } = await clients.write.get('/v1/acl/explain?principal=/a/none&path=/own/x&right=read');
  expect(json.error.code).toBe('FORBIDDEN');
});

test('a request about keys, groups or rights with an unknown query key is refused', async () => {
  const { operator } = await securedRegistry();
  for (const { method, path } of [...identityRoutes, { method: 'POST', path: paths.enroll }]) {
    const target = `${path}?no-such-key=1`;
    const { status, text } = await (method === 'GET' ? operator.get(target) : operator.post(target, {}));
    expect([path, status, text]).toEqual([path, 400, expect.stringContaining("unknown key 'no-such-key'")]);
  }
});

test('a removal leaves hidden names, and a move that could hide or take them is refused', async () => {
  const { operator, enrol, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  for (const name of ['/own/orders', '/own/hidden']) await operator.post('/v1/define', { name });
  for (const name of ['/own', '/own/orders', '/moved', '/moved/*']) await allow('/shop/web', name, ['write']);
  const moved = await web.post(paths.move, { from: '/own', to: '/moved' });
  expect([moved.status, moved.json.error.message]).toEqual([
    403,
    expect.stringContaining('must have the right test on /own/**'),
  ]);
  const remove = () => web.post(paths.remove, { name: '/own', recursive: true, force: true });
  expect((await remove()).status).toBe(200);
  expect((await operator.get('/v1/resolve?name=/own/orders')).status).toBe(404);
  expect((await operator.get('/v1/resolve?name=/own/hidden')).status).toBe(200);
  expect((await remove()).json.error).toMatchObject({ code: 'NAME_NOT_FOUND' });
});

test('a change of an absent name proposes the name that was meant, and never a hidden one', async () => {
  const { operator, enrol, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  for (const name of ['/own/orders', '/own/hidden']) await operator.post('/v1/define', { name });
  for (const end of ['ordres', 'hiden', 'moved']) await allow('/shop/web', `/own/${end}`, ['write']);
  await allow('/shop/web', '/own/orders', ['read']);
  const messages = async (name: string): Promise<unknown[]> => [
    (await web.post(paths.remove, { name })).json.error.message,
    (await web.post(paths.move, { from: name, to: '/own/moved' })).json.error.message,
  ];
  expect(await messages('/own/ordres')).toEqual(
    Array(2).fill('/own/ordres does not exist; did you mean /own/orders?'),
  );
  for (const text of await messages('/own/hiden')) expect(text).toBe('/own/hiden does not exist');
});

test('every principal may advertise and read its own name', async () => {
  const { enrol } = await securedRegistry();
  const orders = await enrol('/shop/orders');
  const body = { name: '/shop/orders', id: 'a', addresses: [address] };
  const { epoch, secret } = (await orders.post('/v1/register', body)).json;
  expect((await orders.get('/v1/resolve?name=/shop/orders')).json.endpoints).toMatchObject([
    { id: 'a', key: orders.credentials?.pin },
  ]);
  const renewals = [{ name: '/shop/orders', id: 'a', epoch, secret }];
  expect((await orders.post('/v1/renew', { renewals })).json.results).toEqual(['renewed']);
  const web = await enrol('/shop/web');
  expect((await web.post('/v1/register', { ...body, id: 'b' })).json.error.code).toBe('FORBIDDEN');
});

test('lists, searches and exports leave out hidden names, and no page position shows one', async () => {
  const { operator, enrol, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  const lines: string[] = [];
  // More names than the server reads for one page.
  for (let i = 0; i < 21_000; i++)
    lines.push(JSON.stringify({ kind: 'service', name: `/pay/hidden-${String(i).padStart(6, '0')}` }));
  for (const name of ['/pay/a', '/pay/z']) lines.push(JSON.stringify({ kind: 'service', name }));
  // One import may change at most 2,000 names.
  for (let i = 0; i < lines.length; i += 2_000) {
    const { status } = await operator.post('/v1/import', lines.slice(i, i + 2_000).join('\n'));
    expect(status).toBe(200);
  }
  for (const name of ['/pay/a', '/pay/z']) await allow('/shop/web', name, ['read']);
  const names: string[] = [];
  const positions: string[] = [];
  for (let after = ''; ;) {
    const { json, text } = await web.get(
      `/v1/list?glob=/pay/*${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`,
    );
    expect(text).not.toContain('hidden');
    names.push(...json.entries.map(({ name }: { name: string }) => name));
    if (json.next === null) break;
    expect(json.next > after).toBe(true);
    positions.push((after = json.next as string));
  }
  expect(names).toEqual(['/pay/a', '/pay/z']);
  expect(positions.length).toBeGreaterThan(0);
  expect((await web.get('/v1/list?glob=/**&after=/pay/a/!000000000999')).json.error.code).toBe(
    'CONFIG_INVALID',
  );
  expect((await web.get('/v1/export')).text).not.toContain('hidden');
  expect((await web.get('/v1/export')).text).toContain('/pay/z');
  expect((await web.get('/v1/search?glob=/**')).text).not.toContain('hidden');
});

test('a watch shows what the caller may read, and follows changes of rights', async () => {
  const { operator, enrol, allow } = await securedRegistry({ heartbeatMs: 100 });
  const web = await enrol('/shop/web');
  for (const name of ['/pay/ledger', '/shop/orders']) await operator.post('/v1/define', { name });
  await allow('/shop/web', '/shop/*', ['read']);
  await operator.post('/v1/link', { name: '/shop/link', target: '/pay/ledger' });
  const isCurrent = (events: readonly any[], count: number): boolean =>
    events.filter(({ type }) => type === 'current').length >= count;
  const putNames = (events: readonly any[]): string[] =>
    events.flatMap(({ type, name }) => (type === 'put' ? [name as string] : [])).toSorted();

  const first = await web.watch(['/**', '/pay/ledger', '/shop/link'], (events) => isCurrent(events, 1));
  expect(putNames(first)).toEqual(['/shop/orders']);

  let isAllowed = false;
  const second = await web.watch(['/pay/ledger', '/shop/link'], (events) => {
    if (isCurrent(events, 1) && !isAllowed) {
      isAllowed = true;
      void allow('/shop/web', '/pay/*', ['read']);
    }
    return isCurrent(events, 2);
  });
  expect(second.map(({ type }) => type)).toContain('resync');
  expect(putNames(second)).toEqual(['/pay/ledger', '/shop/link']);
});

test('an exact watch of a link to a hidden name shows nothing of its changes', async () => {
  const { operator, enrol, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  await allow('/shop/web', '/shop/**', ['read', 'write']);
  await web.post('/v1/link', { name: '/shop/link', target: '/pay/ledger' });
  let changed: Promise<void> | undefined;
  const events = await web.watch(['/shop/link', '/shop/last'], (seen) => {
    if (changed === undefined && seen.some(({ type }) => type === 'current')) {
      changed = (async () => {
        await operator.post('/v1/define', { name: '/pay/ledger', policy: 'random' });
        await operator.post('/v1/remove', { name: '/pay/ledger', force: true });
        await operator.post('/v1/define', { name: '/shop/last' });
      })();
    }
    return seen.some(({ name }) => name === '/shop/last');
  });
  await changed;
  expect(events.filter(({ name }) => name === '/shop/link')).toEqual([]);
});

test('a revoked key ends requests on open connections, and its watches', async () => {
  const { operator, enrol } = await securedRegistry({ heartbeatMs: 100 });
  const web = await enrol('/shop/web');
  expect((await web.get('/v1/status')).status).toBe(200);
  let isRevoked = false;
  // The promise settles when the server ends the stream.
  await web.watch(['/**'], () => {
    if (!isRevoked) {
      isRevoked = true;
      void operator.post('/v1/identities/revoke', { principal: '/shop/web' });
    }
    return false;
  });
  expect((await web.get('/v1/status')).json.error.code).toBe('IDENTITY_INVALID');
});

test('a ticket is valid for the key of the connection, and lists the keys of the instances', async () => {
  const { enrol, allow, initialized } = await securedRegistry();
  const orders = await enrol('/shop/orders');
  const web = await enrol('/shop/web');
  await orders.post('/v1/register', { name: '/shop/orders', id: 'a', addresses: [address] });
  await allow('/shop/web', '/shop/orders', ['read']);
  expect((await web.post('/v1/tickets', { service: '/shop/orders' })).json.error.code).toBe('FORBIDDEN');
  await allow('/shop/web', '/shop/orders', ['call']);
  const { json } = await web.post('/v1/tickets', { service: '/shop/orders' });
  expect(json).toMatchObject({
    service: '/shop/orders',
    instances: [{ id: 'a', epoch: 1, key: orders.credentials?.pin }],
  });
  expect(systemKeys.pinOf(Buffer.from(json.instances[0].cert, 'base64'))).toBe(orders.credentials?.pin);
  expect(json.expiresInMs).toBeGreaterThan(290_000);
  const verifier = new TicketVerifier(() => [initialized.registryKey], systemKeys, systemClock);
  const expected = {
    clientPin: web.credentials?.pin,
    isOwnService: (name: string) => name === '/shop/orders',
  };
  expect(await verifier.verify(json.ticket, expected)).toMatchObject({
    principal: '/shop/web',
    rights: ['read', 'test', 'call'],
  });
  await expect(
    verifier.verify(json.ticket, { ...expected, clientPin: orders.credentials?.pin }),
  ).rejects.toMatchObject({ code: 'TICKET_REFUSED' });
});

test('a key is replaced by the key that it presents', async () => {
  const { enrol, client, initialized } = await securedRegistry();
  const web = await enrol('/shop/web');
  const next = systemKeys.create('/shop/web');
  const statement = rotationStatement({
    principal: '/shop/web',
    from: web.credentials?.pin as string,
    to: next.pin,
    registry: initialized.registryKey,
  });
  const rotate = {
    spki: Buffer.from(next.spki).toString('base64url'),
    proof: systemKeys.sign(next, statement),
  };
  const stranger = client(systemKeys.create('/shop/web'));
  expect((await stranger.post('/v1/enroll', { name: '/shop/web', rotate })).status).toBe(401);
  const rotated = await web.post('/v1/enroll', { name: '/shop/web', rotate });
  expect(rotated.json).toMatchObject({ key: next.pin, registryKeys: [initialized.registryKey] });
  expect((await client(next).get('/v1/status')).status).toBe(200);
  expect((await web.get('/v1/status')).status).toBe(200);
});

test('an initialized folder is not initialized again, and does not start without its key', async () => {
  const data = temporaryPath('registry');
  await initializeRegistry(data);
  await expect(initializeRegistry(data)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  rmSync(`${data}/registry.identity`);
  await expect(startServer({ port: 0, data })).rejects.toMatchObject({
    code: 'IDENTITY_INVALID',
    message: expect.stringContaining('registry.identity'),
  });
});

test('names of an open registry stay when its folder is initialized', async () => {
  const data = temporaryPath('registry');
  const open = await startServer({ port: 0, data });
  await fetch(`${open.url}/v1/define`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"name":"/shop/orders"}',
  });
  await open.close();
  await initializeRegistry(data);
  await using server = await startServer({ port: 0, data });
  expect(server.url).toMatch(/^https:/);
});

test('the document of a secured server has the operations about keys and rights', async () => {
  const { operator } = await securedRegistry();
  const { json } = await operator.get(paths.openapi);
  expect(Object.keys(json.paths).toSorted()).toEqual([...new Set(Object.values(paths))].toSorted());
});

test('an open server has no routes for keys, and says how to secure it', async () => {
  await using server = await startServer({ port: 0 });
  for (const path of [paths.enroll, paths.tickets, paths.tokens, paths.identities, paths.access]) {
    const response = await fetch(server.url + path);
    const { error } = (await response.json()) as { readonly error: { readonly code: string } };
    expect([path, response.status, error.code]).toEqual([path, 403, 'FORBIDDEN']);
    expect(error).toMatchObject({
      message: expect.stringContaining('secure the registry with clerk init'),
    });
    expect(response.headers.get('clerk-insecure')).toBeNull();
  }
});

test('a server without authentication listens at another address only with the option insecure, and states it', async () => {
  await expect(startServer({ port: 0, host: '0.0.0.0' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('--insecure'),
  });
  await using server = await startServer({ port: 0, host: '0.0.0.0', insecure: true });
  for (const path of ['/v1/status', '/v1/resolve?name=/absent', '/healthz', '/unknown'])
    expect((await fetch(server.url + path)).headers.get('clerk-insecure')).toBe('1');
});

test('a watch of a former key ends with the key, and a watch of the new key misses nothing', async () => {
  let shiftMs = 0;
  const { operator, enrol, allow, client, initialized } = await securedRegistry({
    ...{ heartbeatMs: 50, runtime: { wallNow: () => Date.now() + shiftMs } },
  });
  const web = await enrol('/shop/web');
  await allow('/shop/web', '/shop/**', ['read']);
  await operator.post('/v1/define', { name: '/shop/orders' });
  const { pin: from } = web.credentials as { pin: string };
  const next = systemKeys.create('/shop/web');
  const statement = rotationStatement({
    ...{ principal: '/shop/web', from, to: next.pin, registry: initialized.registryKey },
  });
  const rotate = {
    spki: Buffer.from(next.spki).toString('base64url'),
    proof: systemKeys.sign(next, statement),
  };
  const isCurrent = (seen: readonly any[]): boolean => seen.some(({ globs }) => globs !== undefined);
  let isOpen: (() => void) | undefined;
  const opened = new Promise<void>((resolve) => (isOpen = resolve));
  const former = web.watch(['/shop/*'], (seen) => {
    if (isCurrent(seen)) isOpen?.();
    return false;
  });
  await opened;
  expect((await web.post('/v1/enroll', { name: '/shop/web', rotate })).status).toBe(200);
  // Until the end of the former key, both connections see each change.
  await operator.post('/v1/define', { name: '/shop/during' });
  shiftMs = 331_000;
  const seen = await former;
  expect(seen.some(({ name }) => name === '/shop/during')).toBe(true);
  expect((await web.get('/v1/status')).status).toBe(401);
  await operator.post('/v1/define', { name: '/shop/after' });
  const events = await client(next).watch(['/shop/*'], isCurrent);
  expect(events.flatMap(({ name }) => (name === undefined ? [] : [name])).sort()).toEqual([
    '/shop/after',
    '/shop/during',
    '/shop/orders',
  ]);
});
