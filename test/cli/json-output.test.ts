import { afterEach, expect, test } from 'vitest';
import { runCli } from './support/run-cli.js';
import { fakeRegistry } from './support/fake-registry.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function registry(answers: Parameters<typeof fakeRegistry>[0]) {
  const server = await fakeRegistry(answers);
  open.push(server);
  return server;
}

// Keys in another order than is promised, and more of them: what a later server may send.
const endpoint = {
  state: 'up',
  later: true,
  id: 'orders-1',
  epoch: 3,
  addresses: ['http://127.0.0.1:3001'],
  host: 'h1',
  zone: null,
  weight: 1,
  version: '2.1.0',
  attributes: { rack: '7' },
  leaseMs: 10_000,
};
const resolved = {
  later: true,
  kind: 'service',
  name: '/old',
  canonical: '/shop/orders',
  path: [
    { kind: 'link', guaranteedMs: 5_000, name: '/old' },
    { kind: 'service', guaranteedMs: 4_800, name: '/shop/orders' },
  ],
  endpoints: [endpoint],
  policy: null,
  launchable: false,
  revision: '12',
  incarnation: 'i1',
  guaranteedMs: 4_800,
  ttlMs: 5_000,
};

test('a load is shown where an endpoint says one', async () => {
  const load = { utilization: 0.425, callsPerSecond: 12, errorsPerSecond: 0 };
  const { url } = await registry({ resolve: { ...resolved, endpoints: [{ ...endpoint, load }] } });
  const text = await runCli(['resolve', '/old'], { registry: url });
  expect(text.out).toMatch(/LOAD .*\n.* 43 % /);
  const { out } = await runCli(['resolve', '/old', '--json'], { registry: url });
  expect((JSON.parse(out) as typeof resolved).endpoints[0]).toMatchObject({ load });
  const why = await runCli(['explain', '/old'], { registry: url });
  expect(why.out).toMatch(/LATENCY +LOAD +SCORE\n.* 43 % /);
  const none = await registry({ resolve: resolved });
  for (const command of ['resolve', 'explain'])
    expect((await runCli([command, '/old'], { registry: none.url })).out).not.toContain('LOAD');
});

test('resolve --json prints exactly the promised keys, in their order', async () => {
  const { url } = await registry({ resolve: resolved });
  const { code, out, err } = await runCli(['resolve', '/old', '--json'], { registry: url });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.replace(/"ageMs":[0-9.]+/, '"ageMs":0')).toBe(
    '{"name":"/old","canonical":"/shop/orders","kind":"service",' +
      '"trail":[{"name":"/old","kind":"link","guaranteedMs":5000},{"name":"/shop/orders","kind":"service","guaranteedMs":4800}],' +
      '"endpoints":[{"id":"orders-1","epoch":3,"addresses":["http://127.0.0.1:3001"],"host":"h1","zone":null,' +
      '"version":"2.1.0","weight":1,"attributes":{"rack":"7"},"leaseMs":10000,"state":"up"}],' +
      '"policy":null,"revision":"12","guaranteedMs":4800,"ageMs":0,"stale":false}\n',
  );
});

test('a defined service with no endpoint is an answer', async () => {
  const { url } = await registry({ resolve: { ...resolved, endpoints: [] } });
  const json = await runCli(['resolve', '/old', '--json'], { registry: url });
  expect(json.code).toBe(0);
  expect(JSON.parse(json.out)).toMatchObject({ endpoints: [] });
  const text = await runCli(['resolve', '/old'], { registry: url });
  expect(text).toMatchObject({ code: 0, err: '' });
  expect(text.out).toContain('Nobody runs it');
});

test('resolve for people: the way, the facts, and a table', async () => {
  const slow = { ...endpoint, id: 'orders-22', state: 'draining', weight: 0, attributes: {} };
  const { url } = await registry({ resolve: { ...resolved, policy: 'random', endpoints: [endpoint, slow] } });
  const { out } = await runCli(['resolve', '/old'], { registry: url });
  expect(out.replace(/asked .* ago/, 'asked just now')).toBe(`/old → /shop/orders  service
chosen by random, promised for 4.8 s, revision 12, asked just now

ENDPOINT   STATE     ADDRESS                VERSION  HOST  WEIGHT  EPOCH  LEASE  ATTRIBUTES
orders-1   up        http://127.0.0.1:3001  2.1.0    h1            3      10 s   rack=7
orders-22  draining  http://127.0.0.1:3001  2.1.0    h1    0       3      10 s
`);
});

test('resolve for people says who is marked, and who is complained of', async () => {
  const marked = { ...endpoint, id: 'orders-2', state: 'suspect' };
  const { url } = await registry({
    resolve: { ...resolved, endpoints: [endpoint, marked], healthQueried: ['orders-1', 'orders-2'] },
  });
  const { out } = await runCli(['resolve', '/old'], { registry: url });
  expect(out).toMatch(/^orders-2 +suspect /m);
  expect(out).toMatch(/\n\nSomebody cannot reach orders-1, orders-2\n$/);
  const json = await runCli(['resolve', '/old', '--json'], { registry: url });
  expect(JSON.parse(json.out)).toMatchObject({ endpoints: [{ state: 'up' }, { state: 'suspect' }] });
});

test('ls prints one object a line, page by page', async () => {
  const pages = {
    '': { entries: [{ kind: 'directory', name: '/a', later: 1 }], next: '/a/b' },
    // Names are in the order of a tree, not of letters.
    '/a/b': { entries: [{ name: '/a/b', endpoints: 2, kind: 'service' }], next: '/a-b' },
    '/a-b': { entries: [{ name: '/c', target: '/a/b', kind: 'link' }], next: null },
  };
  const { url, asked: requests } = await registry({
    list: ({ query }, response) =>
      response.end(JSON.stringify({ ...pages[(query.after ?? '') as ''], revision: '1', incarnation: 'i' })),
  });
  expect(await runCli(['ls', '--json'], { registry: url })).toEqual({
    code: 0,
    err: '',
    out:
      '{"name":"/a","kind":"directory"}\n' +
      '{"name":"/a/b","kind":"service","endpoints":2}\n' +
      '{"name":"/c","kind":"link","target":"/a/b"}\n',
  });
  expect(requests.map(({ query }) => query)).toEqual([
    { glob: '/**' },
    { glob: '/**', after: '/a/b' },
    { glob: '/**', after: '/a-b' },
  ]);
});

test('ls for people lines up; nothing found is no failure', async () => {
  const entries = [
    { name: '/shop', kind: 'directory' },
    { name: '/shop/orders', kind: 'service', endpoints: 1 },
    { name: '/shop/stock', kind: 'service', endpoints: 3, suspects: 1 },
    { name: '/shop/old', kind: 'link', target: '/shop/orders' },
  ];
  const { url } = await registry({
    list: ({ query }, response) =>
      response.end(
        JSON.stringify({ entries: query.glob === '/none' ? [] : entries, next: null, incarnation: 'i' }),
      ),
  });
  expect((await runCli(['ls'], { registry: url })).out).toBe(`/shop         directory
/shop/orders  service    1 endpoint
/shop/stock   service    3 endpoints, 1 of them suspect
/shop/old     link       → /shop/orders
`);
  expect(await runCli(['ls', '/none'], { registry: url })).toEqual({
    code: 0,
    out: '',
    err: 'No name fits /none\n',
  });
});

test('a listing that goes on at another registry, or in circles, is not believed', async () => {
  const entry = { name: '/a', kind: 'directory' };
  let page = 0;
  const { url } = await registry({
    list: (_, response) =>
      response.end(JSON.stringify({ entries: [entry], next: `/a${page}`, incarnation: `i${page++}` })),
  });
  const ran = await runCli(['ls'], { registry: url });
  expect(ran.code).toBe(4);
  expect(ran.err).toContain('The listing broke off');
  const round = await registry({ list: { entries: [entry], next: '/a', incarnation: 'i' } });
  expect((await runCli(['ls'], { registry: round.url })).code).toBe(4);
  let next = 0;
  const empty = await registry({
    list: (_, response) =>
      response.end(JSON.stringify({ entries: [], next: next < 9 ? `/a${next++}` : null, incarnation: 'i' })),
  });
  expect((await runCli(['ls'], { registry: empty.url })).code).toBe(4);
});

test('changes are told in one line, or as JSON', async () => {
  const now = { revision: '13', incarnation: 'i', appliesInMs: 0 };
  const { url } = await registry({
    define: now,
    link: { ...now, appliesInMs: 4_900 },
    move: now,
    remove: now,
  });
  const around = { registry: url };
  const out = async (...argv: string[]) => (await runCli(argv, around)).out;
  expect(await out('define', '/a')).toBe('Defined /a  revision 13\n');
  expect(await out('define', '/a', '--json')).toBe('{"name":"/a","revision":"13","inMs":0}\n');
  expect(await out('link', '/a', '/b', '--when-expired')).toBe(
    '/a is frozen and becomes a link to /b in 4.9 s, when the last promise is over  revision 13\n',
  );
  expect(await out('link', '/a', '/b', '--json')).toBe(
    '{"name":"/a","target":"/b","revision":"13","inMs":4900}\n',
  );
  expect(await out('mv', '/a', '/b')).toBe('Moved /a to /b; /a is a link now  revision 13\n');
  expect(await out('mv', '/a', '/b', '--json')).toBe('{"from":"/a","to":"/b","revision":"13","inMs":0}\n');
  expect(await out('rm', '/a')).toBe('Removed /a  revision 13\n');
  expect(await out('rm', '/a', '--json')).toBe('{"name":"/a","revision":"13","inMs":0}\n');
});

test('what the command line says is what is asked for, and nothing else', async () => {
  const now = { revision: '13', incarnation: 'i', appliesInMs: 0 };
  const launched = { name: '/a', endpoints: [], started: true };
  const { url, asked: requests } = await registry({
    ...{ define: now, link: now, move: now, remove: now },
    ...{ launch: launched, reset: launched, stop: { stopped: 0 } },
  });
  for (const line of [
    'define /a',
    'define /a --policy random --promise 0 --launch m --param x=1 --param y=a=b --when-expired',
    'define /a --no-policy --no-launch --no-call-timeout',
    'define /a --call-timeout 2000',
    'link /a /#d1/b --promise 60000',
    'mv /a /b/c',
    'rm /a',
    'rm /a -r --when-expired --force',
    'launch /a --timeout 5000',
    'stop /a',
    'reset /a',
  ])
    expect(await runCli(line.split(' '), { registry: url })).toMatchObject({ code: 0, err: '' });
  expect(requests.map(({ method, path, body }) => [method, path, body])).toEqual([
    ['POST', '/v1/define', { name: '/a' }],
    [
      'POST',
      '/v1/define',
      {
        name: '/a',
        policy: 'random',
        guaranteedMs: 0,
        launch: { manifest: 'm', params: { x: '1', y: 'a=b' } },
        whenExpired: true,
      },
    ],
    // Whether the manifest is there; that nobody answers this harms nothing.
    ['GET', '/v1/resolve', ''],
    ['POST', '/v1/define', { name: '/a', policy: null, timeoutMs: null, launch: null }],
    ['POST', '/v1/define', { name: '/a', timeoutMs: 2_000 }],
    ['POST', '/v1/link', { name: '/a', target: '/#d1/b', guaranteedMs: 60_000 }],
    ['POST', '/v1/move', { from: '/a', to: '/b/c' }],
    ['POST', '/v1/remove', { name: '/a' }],
    ['POST', '/v1/remove', { name: '/a', recursive: true, whenExpired: true, force: true }],
    ['POST', '/v1/launch', { name: '/a', waitMs: 5_000 }],
    ['POST', '/v1/stop', { name: '/a' }],
    ['POST', '/v1/reset', { name: '/a' }],
  ]);
});

test('launch, stop and reset', async () => {
  const { url } = await registry({
    launch: { name: '/shop/orders', endpoints: [endpoint], started: true },
    reset: { name: '/shop/orders', endpoints: [endpoint], started: true },
    stop: { stopped: 2 },
  });
  const around = { registry: url };
  const launched = await runCli(['launch', '/shop/orders'], around);
  expect(launched).toMatchObject({ code: 0, err: '' });
  expect(launched.out).toMatch(/^Started \/shop\/orders\nENDPOINT .*\norders-1 .*\n$/);
  const json = JSON.parse((await runCli(['reset', '/shop/orders', '--json'], around)).out);
  expect(Object.keys(json)).toEqual(['name', 'endpoints', 'started']);
  expect((await runCli(['stop', '/shop/orders'], around)).out).toBe('Ended /shop/orders: 2 process groups\n');
  expect((await runCli(['stop', '/a', '--json'], around)).out).toBe('{"name":"/a","stopped":2}\n');
});

test('whois prints one owner a line, and nobody is not found', async () => {
  const owners = [
    { id: 'orders-1', name: '/shop/orders', epoch: 3 },
    { id: 'stock-1', name: '/stock', epoch: 1 },
  ];
  const { url } = await registry({
    whois: ({ query }, response) =>
      response.end(JSON.stringify({ owners: query.address === 'http://a:1' ? owners : [] })),
  });
  expect((await runCli(['whois', 'http://a:1'], { registry: url })).out).toBe(`/shop/orders  orders-1  epoch 3
/stock        stock-1   epoch 1
`);
  expect((await runCli(['whois', 'http://a:1/', '--json'], { registry: url })).out).toBe(
    '{"name":"/shop/orders","id":"orders-1","epoch":3}\n{"name":"/stock","id":"stock-1","epoch":1}\n',
  );
  expect(await runCli(['whois', 'http://b:1'], { registry: url })).toEqual({
    code: 3,
    out: '',
    err: 'clerk: Nobody is registered under http://b:1\n',
  });
});

test('export passes the lines on, import hands them in', async () => {
  const lines = '{"kind":"service","name":"/a","policy":null}\n{"kind":"link","name":"/b","target":"/a"}\n';
  const { url, asked: requests } = await registry({
    export: (_, response) => {
      // In pieces that do not end where lines do.
      response.write(lines.slice(0, 20));
      setTimeout(() => response.end(lines.slice(20)), 5);
    },
    import: { entries: 2, revision: '7' },
  });
  const exported = await runCli(['export'], { registry: url });
  expect(exported).toEqual({ code: 0, out: lines, err: '' });
  expect((await runCli(['import'], { registry: url, stdin: exported.out })).out).toBe(
    'Imported 2 entries  revision 7\n',
  );
  expect(requests.at(-1)).toMatchObject({ method: 'POST', path: '/v1/import', body: lines });
  expect((await runCli(['import', '-', '--json'], { registry: url, stdin: lines })).out).toBe(
    '{"entries":2,"revision":"7"}\n',
  );
});

test('an export that breaks off is a failure, not a shorter list', async () => {
  const { url } = await registry({
    export: (_, response) => {
      response.write('{"kind":"service","name":"/a"}\n');
      setTimeout(() => response.destroy(), 20);
    },
  });
  const { code, err } = await runCli(['export'], { registry: url });
  expect(code).toBe(4);
  expect(err).toContain('The registry broke off in the middle of its answer');
});

test('explain says whom a call would go to and why not to the others; nobody is called', async () => {
  const { createServer } = await import('node:http');
  const requests: unknown[] = [];
  const service = createServer((request, response) => {
    requests.push(request.url);
    response.end();
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  open.push({ close: async () => void service.close() });
  const { port } = service.address() as { port: number };
  const { url } = await registry({
    resolve: {
      ...resolved,
      policy: 'load-aware',
      endpoints: [
        { ...endpoint, addresses: [`http://127.0.0.1:${port}`] },
        { ...endpoint, id: 'orders-2', state: 'draining' },
      ],
    },
  });
  const { code, out } = await runCli(['explain', '/old'], { registry: url });
  expect(code).toBe(0);
  expect(out).toMatch(/^\/old → \/shop\/orders {2}by load-aware\n/);
  expect(out).toMatch(new RegExp(`^orders-1 +http://127.0.0.1:${port} +open `, 'm'));
  expect(out).toMatch(/^orders-2 .* draining: used only if there is nothing else$/m);
  const json = JSON.parse((await runCli(['explain', '/old', '--json'], { registry: url })).out);
  expect(Object.keys(json)).toEqual([
    ...['name', 'canonical', 'policy', 'candidates', 'leftOut', 'revision', 'trail'],
    ...['ageMs', 'guaranteedMs', 'stale', 'retriesLeft', 'timeoutMs', 'attemptLimitMs'],
  ]);
  expect(json).toMatchObject({ revision: '12', leftOut: [{ endpoint: { id: 'orders-2', zone: null } }] });
  expect(requests).toEqual([]);
});

test('explain of a directory and of nothing is not found; of a service that nobody runs it is an answer', async () => {
  const nobody = await registry({ resolve: { ...resolved, endpoints: [] } });
  expect(await runCli(['explain', '/old'], { registry: nobody.url })).toMatchObject({
    code: 0,
    out: expect.stringContaining('Nobody runs it'),
  });
  const directory = await registry({ resolve: { ...resolved, kind: 'directory' } });
  expect((await runCli(['explain', '/old'], { registry: directory.url })).code).toBe(3);
  const nothing = await registry({});
  expect((await runCli(['explain', '/old'], { registry: nothing.url })).code).toBe(3);
});
