/** The audit log of real servers: every kind of change and refusal, over real connections. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Agent, request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import type { AuditLine } from '../../src/protocol/audit-messages.js';
import { paths } from '../../src/protocol/paths.js';
import { rotationStatement } from '../../src/protocol/rotation-statement.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { startServer, type Server } from '../../src/server/index.js';
import { securedRegistry, type SecuredClient } from './secured-registry.js';
import { temporaryPath } from './temporary-path.js';
import { nodeArguments } from '../support/compiled-programs.js';

const address = 'http://127.0.0.1:3001';

function auditText(data: string): string {
  const folder = join(data, 'audit');
  return readdirSync(folder)
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8'))
    .join('');
}

function auditLines(data: string): readonly AuditLine[] {
  return auditText(data)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditLine);
}

const post = async (server: Pick<Server, 'url'>, path: string, body: object, headers = {}) => {
  const response = await request(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.statusCode, json: (await response.body.json()) as any };
};

test('each kind of change of a secured registry is recorded once, before its response', async () => {
  const { data, operator, enrol, client, initialized } = await securedRegistry();
  const key = operator.credentials?.pin;
  const change = async (path: string, body: unknown, by: SecuredClient = operator): Promise<any> => {
    const before = auditLines(data).length;
    const { status, json, text } = await by.post(path, body);
    expect([path, status, text]).toEqual([path, 200, text]);
    const added = auditLines(data).slice(before);
    expect([path, added.length]).toEqual([path, 1]);
    const { seq: _, at, ...line } = added[0] as AuditLine;
    expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
    return { json, line };
  };
  const common = { kind: 'change', result: 'ok', principal: '/operator', key, from: '127.0.0.1' };
  const write = { ...common, right: 'write', by: expect.stringMatching(/^\/: \/operator on \*\*/) };
  const admin = { ...write, right: 'admin' };
  const cases: readonly (readonly [string, unknown, object])[] = [
    [
      paths.define,
      { name: '/shop/orders', policy: 'random', launch: { manifest: 'orders', params: { p: 'no secret' } } },
      {
        ...write,
        operation: 'define',
        names: ['/shop/orders'],
        details: { policy: 'random', launch: 'orders' },
      },
    ],
    [
      paths.link,
      { name: '/shop/link', target: '/shop/orders' },
      { ...write, operation: 'link', names: ['/shop/link'], details: { target: '/shop/orders' } },
    ],
    [
      paths.directory,
      { name: '/shop/folder' },
      {
        ...write,
        operation: 'directory',
        names: ['/shop/folder'],
        details: { id: expect.stringMatching(/^#/) },
      },
    ],
    [
      paths.move,
      { from: '/shop/folder', to: '/shop/files' },
      { ...write, operation: 'move', names: ['/shop/folder', '/shop/files'] },
    ],
    [
      paths.remove,
      { name: '/shop/link', force: true },
      { ...write, operation: 'remove', names: ['/shop/link'], details: { force: true } },
    ],
    [
      paths.register,
      { name: '/shop/orders', id: 'a', addresses: [address] },
      {
        ...common,
        operation: 'register',
        right: 'advertise',
        by: expect.stringContaining('/operator'),
        names: ['/shop/orders'],
        details: { id: 'a', addresses: [address], epoch: 1 },
      },
    ],
    [
      paths.groups,
      { name: '/shop/team', members: ['/shop/web'] },
      { ...write, operation: 'group', names: ['/shop/team'], details: { members: ['/shop/web'] } },
    ],
    [
      paths.access,
      { change: 'allow', principal: '/shop/team', path: '/shop/**', rights: ['read', 'write'] },
      {
        ...admin,
        operation: 'acl',
        names: ['/shop/**'],
        details: { change: 'allow', principal: '/shop/team', rights: ['read', 'write'] },
      },
    ],
    [
      paths.import,
      [...Array(20).keys()].map((i) => JSON.stringify({ kind: 'service', name: `/in/n${i}` })).join('\n'),
      {
        ...write,
        operation: 'import',
        names: [...Array(16).keys()].map((i) => `/in/n${i}`),
        nameCount: 20,
        details: { entries: 20 },
      },
    ],
  ];
  for (const [path, body, expected] of cases) {
    const { line, json } = await change(path, body);
    expect(line).toEqual({ ...expected, revision: json.revision });
  }
  const { json: issued, line: token } = await change(paths.tokens, { principal: '/shop/web' });
  expect(token).toEqual({
    ...admin,
    operation: 'token',
    names: ['/shop/web'],
    details: { expiresAt: issued.expiresAt },
  });

  const web = client(systemKeys.create('/shop/web'));
  const own = { kind: 'change', result: 'ok', from: '127.0.0.1', principal: '/shop/web' };
  const enrolment = { name: '/shop/web', token: issued.token };
  expect((await change(paths.enroll, enrolment, web)).line).toEqual({
    ...own,
    operation: 'enroll',
    by: 'token',
    names: ['/shop/web'],
    key: web.credentials?.pin,
    details: { key: web.credentials?.pin },
  });
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
  expect((await change(paths.enroll, { name: '/shop/web', rotate }, web)).line).toEqual({
    ...own,
    operation: 'enroll',
    by: 'former key',
    names: ['/shop/web'],
    key: web.credentials?.pin,
    details: { key: next.pin },
  });
  // The right comes from a group.
  const byGroup = await change(paths.define, { name: '/shop/cart' }, client(next));
  expect(byGroup.line).toMatchObject({
    ...own,
    key: next.pin,
    right: 'write',
    by: '/shop: /shop/team on ** through /shop/team',
  });
  const orders = await enrol('/shop/pay');
  const { json: registered } = await change(
    paths.register,
    { name: '/shop/pay', id: 'p', addresses: [address] },
    orders,
  );
  const { epoch, secret } = registered;
  const before = auditLines(data).length;
  const renewal = { renewals: [{ name: '/shop/pay', id: 'p', epoch, secret }] };
  expect((await orders.post(paths.renew, renewal)).status).toBe(200);
  expect(auditLines(data)).toHaveLength(before);
  const withdrawn = await change(
    paths.withdraw,
    { name: '/shop/pay', id: 'p', epoch, secret, now: true },
    orders,
  );
  expect(withdrawn.line).toMatchObject({
    operation: 'withdraw',
    by: 'own name',
    details: { id: 'p', epoch },
  });
  const revoked = await change(paths.revoke, { principal: '/shop/web' });
  expect(revoked.line).toMatchObject({
    ...admin,
    operation: 'revoke',
    names: ['/shop/web'],
    details: { revoked: expect.arrayContaining([next.pin]) },
  });
});

test('each kind of refusal of a secured registry is recorded', async () => {
  const { server, data, operator, client, enrol, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  await operator.post(paths.define, { name: '/pay/secret' });
  await allow('/shop/web', '/shop/**', ['read']);
  const stranger = client(systemKeys.create('/shop/web'));
  const own = { principal: '/shop/web', key: web.credentials?.pin, from: '127.0.0.1' };
  const unknown = { key: stranger.credentials?.pin, from: '127.0.0.1' };
  const cases: readonly (readonly [() => Promise<{ readonly status: number }>, number, object])[] = [
    [
      () => client().get('/v1/resolve?name=/pay/secret'),
      401,
      { operation: 'resolve', names: ['/pay/secret'], result: 'IDENTITY_INVALID', from: '127.0.0.1' },
    ],
    [
      () => stranger.post(paths.define, { name: '/pay/x' }),
      401,
      { ...unknown, operation: 'define', right: 'write', names: [], result: 'IDENTITY_INVALID' },
    ],
    [
      () => stranger.post(paths.enroll, { name: '/shop/web', token: 'clerk_token_wrong' }),
      401,
      { ...unknown, operation: 'enroll', names: ['/shop/web'], result: 'TICKET_REFUSED' },
    ],
    [
      () => web.get('/v1/resolve?name=/pay/secret'),
      404,
      { ...own, operation: 'resolve', names: ['/pay/secret'], result: 'NAME_NOT_FOUND' },
    ],
    [
      () => web.post(paths.tickets, { service: '/pay/secret' }),
      404,
      { ...own, operation: 'tickets', names: ['/pay/secret'], result: 'NAME_NOT_FOUND' },
    ],
    [
      () => web.post(paths.define, { name: '/pay/y' }),
      403,
      { ...own, operation: 'define', right: 'write', names: ['/pay/y'], result: 'FORBIDDEN' },
    ],
    [
      () => web.post(paths.register, { name: '/pay/secret', id: 'a', addresses: [address] }),
      403,
      {
        ...own,
        operation: 'register',
        right: 'advertise',
        names: ['/pay/secret'],
        details: { id: 'a', addresses: [address] },
        result: 'FORBIDDEN',
      },
    ],
    [
      () => web.post(paths.import, JSON.stringify({ kind: 'service', name: '/pay/z' })),
      403,
      { ...own, operation: 'import', right: 'write', names: ['/pay/z'], result: 'FORBIDDEN' },
    ],
    [
      () =>
        web.post(paths.access, { change: 'allow', principal: '/shop/web', path: '/**', rights: ['admin'] }),
      403,
      {
        ...own,
        operation: 'acl',
        right: 'admin',
        names: ['/**'],
        details: { change: 'allow', principal: '/shop/web', rights: ['admin'] },
        result: 'FORBIDDEN',
      },
    ],
    [() => web.get(paths.audit), 403, { ...own, operation: 'audit', names: [], result: 'FORBIDDEN' }],
  ];
  for (const [send, status, expected] of cases) {
    const before = auditLines(data).length;
    expect((await send()).status).toBe(status);
    await expect.poll(() => auditLines(data).length).toBe(before + 1);
    const { seq: _, at: __, ...line } = auditLines(data).at(-1) as AuditLine;
    expect(line).toEqual({ kind: 'refusal', ...expected });
  }
  // Absent names and invalid requests are not refusals, and a browser's request for another site is one.
  const before = auditLines(data).length;
  expect((await web.get('/v1/resolve?name=/shop/absent')).status).toBe(404);
  expect((await web.post(paths.define, { name: 'no name' })).status).toBe(400);
  expect((await web.get('/unknown')).status).toBe(404);
  expect(auditLines(data)).toHaveLength(before);
  const cross = await request(`${server.url}/healthz`, {
    dispatcher: new Agent({ connect: { rejectUnauthorized: false } }),
    headers: { origin: 'https://evil.example' },
  });
  expect(cross.statusCode).toBe(403);
  await cross.body.dump();
  await expect.poll(() => auditLines(data).at(-1)?.operation).toBe('healthz');
  expect(auditLines(data).at(-1)).toMatchObject({ kind: 'refusal', result: 'FORBIDDEN' });
});

test('a client that is refused a thousand times causes ten lines and one count', async () => {
  const { server, data, enrol } = await securedRegistry();
  const web = await enrol('/shop/web');
  for (let i = 0; i < 20; i++)
    await Promise.all([...Array(50).keys()].map(() => web.get('/v1/resolve?name=/pay/x')));
  await server.close();
  const lines = auditLines(data).filter(({ result }) => result === 'NAME_NOT_FOUND');
  expect(lines.map(({ kind }) => kind)).toEqual([...Array<string>(10).fill('refusal'), 'refusals']);
  expect(lines.at(-1)).toMatchObject({ principal: '/shop/web', count: 990 });
});

test('the tickets of a key for a service are recorded once an hour, with their number', async () => {
  const { server, data, enrol, operator, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  await operator.post(paths.define, { name: '/shop/orders' });
  await operator.post(paths.link, { name: '/shop/alias', target: '/shop/orders' });
  await allow('/shop/web', '/shop/**', ['call']);
  for (const service of ['/shop/orders', '/shop/alias', '/shop/orders'])
    expect((await web.post(paths.tickets, { service })).status).toBe(200);
  await server.close();
  const lines = auditLines(data).filter(({ operation }) => operation === 'ticket');
  const common = { operation: 'ticket', names: ['/shop/orders'], principal: '/shop/web' };
  expect(lines).toMatchObject([
    {
      ...{ ...common, kind: 'ticket', key: web.credentials?.pin, from: '127.0.0.1', result: 'ok' },
      ...{ right: 'call', by: '/shop: /shop/web on **' },
    },
    { ...common, kind: 'tickets', key: web.credentials?.pin, count: 2 },
  ]);
});

test('no secret of a scenario is in the audit log', async () => {
  const { server, data, initialized, operator, client } = await securedRegistry();
  const secrets: string[] = [readFileSync(initialized.operator, 'utf8')];
  const token = (await operator.post(paths.tokens, { principal: '/shop/web' })).json.token as string;
  const unused = (await operator.post(paths.tokens, { principal: '/shop/pay' })).json.token as string;
  const web = client(systemKeys.create('/shop/web'));
  const { key = '', cert = '' } = web.credentials ?? {};
  await web.post(paths.enroll, { name: '/shop/other', token: unused });
  await web.post(paths.enroll, { name: '/shop/web', token });
  await web.post(paths.enroll, { name: '/shop/web', token });
  await web.post(paths.enroll, { name: '/shop/web', instance: 'i', epoch: 1, ticket: 'launch-ticket-1234' });
  const registration = { name: '/shop/web', id: 'a', addresses: [address] };
  const { epoch, secret } = (await web.post(paths.register, registration)).json;
  await web.post(paths.register, { ...registration, epoch, secret: 'wrong-secret-1234' });
  await web.post(paths.register, { ...registration, ticket: 'launch-ticket-5678' });
  await operator.post(paths.access, {
    ...{ change: 'allow', principal: '/shop/web', path: '/shop/web', rights: ['call'] },
  });
  const { ticket } = (await web.post(paths.tickets, { service: '/shop/web' })).json;
  const params = { password: 'launch-param-1234' };
  await operator.post(paths.define, { name: '/shop/web', launch: { manifest: 'm', params } });
  await web.post(paths.define, { name: '/pay/x', launch: { manifest: 'm', params } });
  await web.post(paths.withdraw, { name: '/shop/web', id: 'a', epoch, secret });
  await server.close();
  secrets.push(token, unused, secret, ticket, cert, 'launch-ticket', 'wrong-secret', 'launch-param');
  for (const pem of [key, JSON.parse(secrets[0] as string).key as string])
    secrets.push(pem, ...pem.split('\n').filter((line) => line.length > 16 && !line.startsWith('-----')));
  secrets.push(
    ...(readFileSync(join(data, 'registry.identity'), 'utf8').match(/[A-Za-z0-9+/]{40,}={0,2}/g) ?? []),
  );
  const text = auditText(data);
  expect(secrets.length).toBeGreaterThan(12);
  for (const each of secrets) expect([each, text.includes(each)]).toEqual([each, false]);
  expect(text).toContain('"operation":"register"');
});

test('changes that the registry makes itself are recorded', async () => {
  const data = temporaryPath('registry');
  await using server = await startServer({ port: 0, data, audit: true });
  await post(server, paths.register, { name: '/shop/a', id: 'x', addresses: [address], leaseMs: 1_000 });
  await expect
    .poll(() => auditLines(data).at(-1), { timeout: 20_000 })
    .toMatchObject({
      kind: 'change',
      operation: 'lease-end',
      principal: 'registry',
      names: ['/shop/a'],
      result: 'ok',
      details: { id: ['x'] },
    });
  await post(server, paths.define, { name: '/shop/b', guaranteedMs: 1_000 });
  await request(`${server.url}/v1/resolve?name=/shop/b`).then(({ body }) => body.dump());
  await post(server, paths.remove, { name: '/shop/b', whenExpired: true });
  await expect
    .poll(() => auditLines(data).at(-1), { timeout: 20_000 })
    .toMatchObject({ operation: 'apply-scheduled', names: ['/shop/b'], principal: 'registry' });
});

test('an open registry records only on request, with the address as principal; a secured one unless switched off', async () => {
  const data = temporaryPath('registry');
  const open = await startServer({ port: 0, data });
  await post(open, paths.define, { name: '/a' });
  expect((await request(`${open.url}${paths.audit}`)).statusCode).toBe(403);
  await open.close();
  expect(existsSync(join(data, 'audit'))).toBe(false);

  const audited = await startServer({ port: 0, data, audit: true });
  await post(audited, paths.define, { name: '/b' });
  await post(audited, paths.define, { name: '/c' }, { host: 'rebound.example' });
  await audited.close();
  expect(auditLines(data).map(({ kind }) => kind)).toEqual(['start', 'change', 'refusal', 'stop']);
  expect(auditLines(data)[1]).toMatchObject({ principal: 'address:loopback', from: '127.0.0.1' });
  expect(auditLines(data)[1]?.right).toBeUndefined();
  expect(auditLines(data)[2]).toMatchObject({ operation: 'define', names: [], result: 'FORBIDDEN' });
  expect(statSync(join(data, 'audit')).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(join(data, 'audit')))
    expect(statSync(join(data, 'audit', name)).mode & 0o777).toBe(0o600);

  const { data: silent, operator } = await securedRegistry({ audit: false });
  await operator.post(paths.define, { name: '/a' });
  expect(auditLines(silent).map(({ kind, operation }) => operation ?? kind)).toEqual([
    'start',
    'create-operator',
    'stop',
  ]);
});

test('while the log cannot be written, changes are refused, and renewals and lookups continue', async () => {
  const data = temporaryPath('registry');
  await using server = await startServer({ port: 0, data, audit: true, maxAuditFileBytes: 65_536 });
  const registration = { name: '/shop/a', id: 'x', addresses: [address], leaseMs: 600_000 };
  const { epoch, secret } = (await post(server, paths.register, registration)).json;
  // A file in the place of the folder: the next file of the log cannot be created.
  const folder = join(data, 'audit');
  rmSync(folder, { recursive: true });
  writeFileSync(folder, '');
  const long = `/${'n'.repeat(60)}/${'n'.repeat(60)}/${'n'.repeat(60)}`;
  let last = { status: 200, json: undefined as any };
  for (let i = 0; i < 300 && last.status === 200; i++)
    last = await post(server, paths.link, { name: `${long}/x${i}`, target: long });
  expect([last.status, last.json.error.code]).toEqual([503, 'REGISTRY_UNREACHABLE']);
  expect(last.json.error.message).toContain('audit log');
  const define = await post(server, paths.define, { name: '/never' });
  expect(define.status).toBe(503);
  const health = await request(`${server.url}/healthz`);
  expect(health.statusCode).toBe(503);
  expect(((await health.body.json()) as any).problems).toMatchObject([{ part: 'audit' }]);
  const renewal = { renewals: [{ name: '/shop/a', id: 'x', epoch, secret }] };
  expect((await post(server, paths.renew, renewal)).json.results).toEqual(['renewed']);
  const found = await request(`${server.url}/v1/resolve?name=/shop/a`);
  expect(found.statusCode).toBe(200);
  expect((await request(`${server.url}/v1/resolve?name=/never`)).statusCode).toBe(404);
  rmSync(folder);
  mkdirSync(folder, { mode: 0o700 });
  await expect
    .poll(async () => (await post(server, paths.define, { name: '/again' })).status, { timeout: 20_000 })
    .toBe(200);
  const recorded = auditLines(data).map(({ kind, names }) => `${kind} ${names?.[0] ?? ''}`);
  expect(recorded).toContain('change /again');
  expect(recorded).toContain('failure /never');
  expect(recorded).not.toContain('change /never');
});

test('the log is read page by page, filtered, with the right admin', async () => {
  const { operator, enrol, allow } = await securedRegistry();
  const web = await enrol('/shop/web');
  await allow('/shop/web', '/shop/**', ['write', 'admin']);
  for (let i = 0; i < 5; i++) await web.post(paths.define, { name: `/shop/n${i}` });
  await operator.post(paths.define, { name: '/pay/x' });
  await operator.post(paths.move, { from: '/pay/x', to: '/shop/x' });
  const { json } = await operator.get(`${paths.audit}?principal=/shop/web&limit=2`);
  expect(json.lines).toHaveLength(2);
  const rest = await operator.get(
    `${paths.audit}?principal=/shop/web&after=${encodeURIComponent(json.next as string)}`,
  );
  expect(rest.json.lines.map(({ names }: AuditLine) => names?.[0])).toEqual(
    [1, 2, 3, 4].map((i) => `/shop/n${i}`),
  );
  expect(rest.json.more).toBe(false);
  expect((await web.get(paths.audit)).json.error.code).toBe('FORBIDDEN');
  expect((await web.get(`${paths.audit}?name=/pay`)).json.error.code).toBe('FORBIDDEN');
  const own = (await web.get(`${paths.audit}?name=/shop`)).json.lines as AuditLine[];
  expect(own.map(({ names }) => names?.[0])).toEqual(
    expect.arrayContaining(['/shop/web', '/shop/n0', '/shop/n4']),
  );
  expect(JSON.stringify(own)).not.toContain('/pay');
  expect((await operator.get(`${paths.audit}?since=2999-01-01T00:00:00Z`)).json.lines).toEqual([]);
  for (const query of ['since=yesterday', 'limit=0', 'limit=1001', 'waitMs=20001', 'after=x', 'nonsense=1'])
    expect([query, (await operator.get(`${paths.audit}?${query}`)).json.error?.code]).toEqual([
      query,
      'CONFIG_INVALID',
    ]);
});

test('a waiting reader gets a line as soon as it is written, and an end when the server closes', async () => {
  const { server, operator, enrol } = await securedRegistry();
  const { json } = await operator.get(paths.audit);
  const wait = (after: string): Promise<any> =>
    operator.get(`${paths.audit}?waitMs=20000&after=${encodeURIComponent(after)}`);
  const waiting = wait(json.next as string);
  await enrol('/shop/web');
  const page = (await waiting).json;
  expect(page.lines[0]).toMatchObject({ operation: 'token' });
  const last = (await operator.get(`${paths.audit}?after=${encodeURIComponent(page.next as string)}`)).json;
  const ending = wait(last.next as string);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await server.close();
  expect((await ending).json.lines).toEqual([]);
});

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

async function spawnServer(data: string) {
  const child = spawn(
    process.execPath,
    [...nodeArguments(main), 'serve', '--port', '0', '--data', data, '--audit'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const [first] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: String(first).trim(), child };
}

test('after SIGKILL, every acknowledged change is in the log, and a gap follows', async () => {
  const data = temporaryPath('registry');
  const first = await spawnServer(data);
  const acknowledged: string[] = [];
  const writers = [...Array(8).keys()].map(async (writer) => {
    for (let i = 0; ; i++) {
      const name = `/w${writer}/n${i}`;
      const { status } = await post(first, paths.define, { name });
      if (status === 200) acknowledged.push(name);
    }
  });
  await expect.poll(() => acknowledged.length, { timeout: 20_000 }).toBeGreaterThan(200);
  first.child.kill('SIGKILL');
  await Promise.allSettled(writers);
  const second = await spawnServer(data);
  expect((await post(second, paths.define, { name: '/after' })).status).toBe(200);
  const lines = auditLines(data);
  const recorded = new Set(lines.map(({ names }) => names?.[0]));
  expect(acknowledged.filter((name) => !recorded.has(name))).toEqual([]);
  const gap = lines.findIndex(({ kind }) => kind === 'gap');
  expect(lines.slice(gap).map(({ kind, names }) => names?.[0] ?? kind)).toEqual(['gap', 'start', '/after']);
  expect(lines[gap]?.missingFrom).toBe((lines[gap - 1]?.seq ?? 0) + 1);
});

test('the options of the log are checked, and set the size and the number of its files', async () => {
  const data = temporaryPath('registry');
  for (const [options, problem] of [
    [{ audit: true }, 'needs the option data'],
    [{ data, audit: 'yes' }, 'must be true or false'],
    [{ data, maxAuditFileBytes: 65_535 }, 'from 65,536'],
    [{ data, maxAuditFileBytes: 2 ** 31 }, 'from 65,536'],
    [{ data, maxAuditFiles: 1 }, 'from 2'],
    [{ data, maxAuditFiles: 2.5 }, 'from 2'],
  ] as const)
    await expect(startServer({ port: 0, ...(options as object) })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(problem),
    });
  await using server = await startServer({
    ...{ port: 0, data, audit: true, maxAuditFileBytes: 65_536, maxAuditFiles: 2 },
  });
  const lines = [...Array(16).keys()].map((i) =>
    JSON.stringify({ kind: 'service', name: `/${'n'.repeat(60)}/${i}` }),
  );
  const imports = [...Array(150).keys()].map(() =>
    request(server.url + paths.import, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.join('\n'),
    }).then(({ body }) => body.dump()),
  );
  await Promise.all(imports);
  const sizes = readdirSync(join(data, 'audit')).map((name) => statSync(join(data, 'audit', name)).size);
  expect(sizes).toHaveLength(2);
  for (const size of sizes) expect(size).toBeLessThanOrEqual(65_536);
  expect(auditLines(data)[0]?.kind).toBe('change');
});
