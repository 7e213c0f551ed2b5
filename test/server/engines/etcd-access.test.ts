/** What a server says about a wrong URL of etcd, and users, tokens and TLS of etcd. */
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { emptyLog } from '../../../src/server/shared-log.js';
import { authority } from '../../real/certificates.js';
import { EtcdCluster, etcdProgram } from './etcd-cluster.js';
import { OpenLogs } from './log-at.js';

const leftOut = 'leftOut' in etcdProgram ? etcdProgram.leftOut : undefined;
const logs = new OpenLogs();
const text = (value: string): string => Buffer.from(value).toString('base64');
afterEach(() => logs.close());

/** An HTTP server that answers each request with one text. */
async function fakeEtcd(status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(body)).listen(
    0,
    '127.0.0.1',
  );
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `127.0.0.1:${String((server.address() as { port: number }).port)}`;
}

test.each([
  [200, '{"etcdserver":"2.3.8","etcdcluster":"2.3.0"}', 'must be etcd 3.3 or a later 3.x; got 2.3'],
  [200, '{"etcdserver":"3.2.32","etcdcluster":"3.2.0"}', 'must be etcd 3.3 or a later 3.x; got 3.2'],
  [200, '{"etcdserver":"4.0.0","etcdcluster":"4.0.0"}', 'must be etcd 3.3 or a later 3.x; got 4.0'],
  [200, '<h1>It works!</h1>', 'does not respond to GET /version like etcd'],
  [404, 'not found', 'has no JSON gateway'],
])('a server that answers GET /version with %i %s is refused', async (status, body, message) => {
  const log = logs.connect(`etcd://${await fakeEtcd(status, body)}/x`);
  await expect(log.open()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(message),
  });
});

test('etcd 3.3 is addressed at /v3beta', async () => {
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    response.end(request.url === '/version' ? '{"etcdserver":"3.3.27"}' : '{"succeeded":true}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  await logs.open(`etcd://127.0.0.1:${String((server.address() as { port: number }).port)}/x`);
  expect(paths.slice(0, 2)).toEqual(['/version', '/v3beta/kv/txn']);
});

test('without a member that answers, the error names all of them within 5 s', async () => {
  const startedAt = performance.now();
  const log = logs.connect('etcd://127.0.0.1:1,localhost:2/x');
  await expect(log.open()).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    execution: 'none',
    message: expect.stringMatching(
      /etcd:\/\/127\.0\.0\.1:1,localhost:2\/x did not respond: http:\/\/127\.0\.0\.1:1: .*http:\/\/localhost:2: /,
    ),
  });
  expect(performance.now() - startedAt).toBeLessThan(25_000);
});

describe('a place that is in use', () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    if (leftOut === undefined) cluster = await EtcdCluster.start();
  }, 60_000);
  afterAll(() => cluster?.close());

  test('a prefix with keys of another program is refused, and its keys stay', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    await cluster.post('/kv/put', { key: text('/other/key'), value: text('1') });
    await expect(logs.open(`etcd://${cluster.hosts}/other`)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('has keys of another program below the prefix /other/'),
    });
    const { count } = await cluster.post('/kv/range', { key: text('/other/'), range_end: text('/other0') });
    expect(count).toBe('1');
  });

  test('a prefix that begins as another one is a prefix of its own', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const [log, longer] = [
      await logs.open(`etcd://${cluster.hosts}/team`),
      await logs.open(`etcd://${cluster.hosts}/team-2`),
    ];
    await log.append(emptyLog, 'a', '');
    expect(await longer.head()).toEqual(emptyLog);
  });

  test('a prefix within the prefix of another registry is refused', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    await logs.open(`etcd://${cluster.hosts}/outer`);
    await expect(logs.open(`etcd://${cluster.hosts}/outer/log`)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('within /outer/, which is the prefix of another registry'),
    });
  });

  test('a log of a later release is refused', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    await logs.open(`etcd://${cluster.hosts}/later`);
    await cluster.post('/kv/put', {
      key: text('/later/mark'),
      value: text('{"owner":"binding-clerk","layout":2}'),
    });
    await expect(logs.open(`etcd://${cluster.hosts}/later`)).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining(
        'was written by a later release of binding-clerk (layout 2; this server supports up to 1)',
      ),
    });
  });

  test('a log that lost its head says so', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const log = await logs.open(`etcd://${cluster.hosts}/lost`);
    await cluster.post('/kv/deleterange', { key: text('/lost/head') });
    await expect(log.head()).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining('has lost the key /lost/head'),
    });
    await expect(logs.open(`etcd://${cluster.hosts}/lost`)).rejects.toMatchObject({
      code: 'REGISTRY_INVALID',
    });
  });
});

describe('users', () => {
  let cluster: EtcdCluster;
  let folder: string;
  let root: Record<string, string>;
  const logIn = async (): Promise<void> => {
    const { token } = await cluster.post('/auth/authenticate', { name: 'root', password: 'root-password' });
    root = { authorization: token };
  };

  beforeAll(async () => {
    if (leftOut !== undefined) return;
    folder = mkdtempSync(join(tmpdir(), 'binding-clerk-token-'));
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    });
    writeFileSync(join(folder, 'private.pem'), privateKey);
    writeFileSync(join(folder, 'public.pem'), publicKey);
    const token = `jwt,pub-key=${folder}/public.pem,priv-key=${folder}/private.pem,sign-method=RS256,ttl=2s`;
    cluster = await EtcdCluster.start({ args: ['--auth-token', token] });
    for (const [name, password] of [
      ['root', 'root-password'],
      ['clerk', 'p@ss:w/rd'],
      ['stranger', 'x'],
    ])
      await cluster.post('/auth/user/add', { name, password });
    await cluster.post('/auth/role/add', { name: 'root' });
    await cluster.post('/auth/role/add', { name: 'names' });
    await cluster.post('/auth/role/grant', {
      name: 'names',
      perm: { permType: 'READWRITE', key: text('/clerk/'), range_end: text('/clerk0') },
    });
    await cluster.post('/auth/user/grant', { user: 'root', role: 'root' });
    await cluster.post('/auth/user/grant', { user: 'clerk', role: 'names' });
  }, 60_000);
  afterAll(async () => {
    await cluster?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  const url = (user: string): string => `etcd://${user}${cluster.hosts}/clerk`;

  test('while etcd knows no users, a user is ignored', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const log = await logs.open(`etcd://clerk:any@${cluster.hosts}/open`);
    expect(await log.head()).toEqual(emptyLog);
    await cluster.post('/auth/enable', {});
    await logIn();
  });

  test.each([
    ['', 'needs a user and a password'],
    ['clerk:wrong@', 'rejects the user or the password'],
    ['absent:wrong@', 'rejects the user or the password'],
    ['stranger:x@', 'denies the user access to keys below /clerk/'],
  ])('user %s is refused, without its password in the message', async (user, message) => {
    if (leftOut !== undefined) return;
    const error = await logs.open(url(user)).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining(message) });
    expect(JSON.stringify(error)).not.toContain('wrong');
  });

  test('a token that ends is replaced, also for the watch', { timeout: 60_000 }, async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const user = 'clerk:p%40ss%3Aw%2Frd@';
    const [log, other] = [await logs.open(url(user)), await logs.open(url(user))];
    const session = await log.openSession('s1', 30_000);
    let head = await log.head();
    let hints = 0;
    other.onHint(() => hints++);
    for (let round = 1; round <= 3; round++) {
      // The token of a user is also refused after a change of users.
      if (round === 3)
        await logIn().then(() => cluster.post('/auth/user/add', { name: 'late', password: 'x' }, 0, root));
      await sleep(2_500);
      const id = `r${String(round)}`;
      const before = hints;
      expect(await log.append(head, id, '')).toBe('appended');
      head = { position: head.position + 1, id };
      expect(await session.renew()).toBe(true);
      // As the server does: a read shows the batch, also if the watch has ended without an error.
      await expect
        .poll(async () => [(await other.head()).id, hints > before], { timeout: 15_000, interval: 200 })
        .toEqual([id, true]);
    }
  });
});

describe('TLS', () => {
  let plain: EtcdCluster;
  let secured: EtcdCluster;
  let strangers: string;
  beforeAll(async () => {
    if (leftOut !== undefined) return;
    const [ca, other] = [await authority('test authority'), await authority('other authority')];
    const { cert, key } = await ca.issue('127.0.0.1');
    [plain, secured] = await Promise.all([
      EtcdCluster.start(),
      EtcdCluster.start({ tls: { cert, key, ca: ca.cert } }),
    ]);
    strangers = join(mkdtempSync(join(tmpdir(), 'binding-clerk-ca-')), 'other.pem');
    writeFileSync(strangers, other.cert);
  }, 60_000);
  afterAll(async () => {
    await Promise.all([plain?.close(), secured?.close()]);
    if (strangers !== undefined) rmSync(join(strangers, '..'), { recursive: true, force: true });
  });

  test('a log over TLS takes a batch, and reports it to its listeners', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const log = await logs.open(`etcds://${secured.hosts}/x?ca=${secured.caFile}`);
    let hints = 0;
    log.onHint(() => hints++);
    await log.append(emptyLog, 'a', 'text');
    await expect.poll(() => hints).toBeGreaterThan(0);
    expect(await log.head()).toEqual({ position: 1, id: 'a' });
  });

  test.each([
    ['etcds', 'plain', '', 'does not use TLS at https://127.0.0.1'],
    ['etcd', 'secured', '', 'accepts only TLS'],
    ['etcds', 'secured', '', 'has an untrusted certificate at https://127.0.0.1'],
    ['etcds', 'secured', 'other', 'has an untrusted certificate at https://127.0.0.1'],
  ])('%s: for a %s etcd, with the %s authority, is refused', async (scheme, name, ca, message) => {
    if (leftOut !== undefined) return;
    const { hosts } = name === 'plain' ? plain : secured;
    const query = ca === '' ? '' : `?ca=${strangers}`;
    await expect(logs.open(`${scheme}://${hosts}/x${query}`)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(message),
    });
  });

  test('a file that cannot be read is named', ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    expect(() => logs.connect(`etcds://${secured.hosts}/x?ca=/absent.pem`)).toThrow(
      /'\/absent\.pem' in the store URL cannot be read/,
    );
    expect(() => logs.connect(`etcds://${secured.hosts}/x?ca=/etc/hostname`)).toThrow(
      /must be in PEM format/,
    );
  });
});
