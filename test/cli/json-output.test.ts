import { afterEach, expect, test } from 'vitest';
import { runCli } from './support/run-cli.js';
import { fakeRegistry } from './support/fake-registry.js';

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function startFakeRegistry(responses: Parameters<typeof fakeRegistry>[0]) {
  const server = await fakeRegistry(responses);
  servers.push(server);
  return server;
}

// Keys in another order than documented, and additional ones, as a later server may send.
const endpoint = {
  state: 'up',
  unknownKey: true,
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
const position = { revision: '1', incarnation: 'i' };
const resolved = {
  unknownKey: true,
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

test('resolve and explain show the load of endpoints that report one', async () => {
  const load = { utilization: 0.425, callsPerSecond: 12, errorsPerSecond: 0 };
  const { url } = await startFakeRegistry({ resolve: { ...resolved, endpoints: [{ ...endpoint, load }] } });
  const text = await runCli(['resolve', '/old'], { registry: url });
  expect(text.out).toMatch(/LOAD .*\n.* 43 % /);
  const { out } = await runCli(['resolve', '/old', '--json'], { registry: url });
  expect((JSON.parse(out) as typeof resolved).endpoints[0]).toMatchObject({ load });
  const explained = await runCli(['explain', '/old'], { registry: url });
  expect(explained.out).toMatch(/LATENCY +LOAD +SCORE +POLICY\n.* 43 % .* gets 100 % of the calls\n/);
  const none = await startFakeRegistry({ resolve: resolved });
  for (const command of ['resolve', 'explain'])
    expect((await runCli([command, '/old'], { registry: none.url })).out).not.toContain('LOAD');
});

test('resolve --json prints exactly the documented keys in their order', async () => {
  const { url } = await startFakeRegistry({ resolve: resolved });
  const { code, out, err } = await runCli(['resolve', '/old', '--json'], { registry: url });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.replace(/"ageMs":[0-9.]+/, '"ageMs":0')).toBe(
    '{"name":"/old","canonical":"/shop/orders","kind":"service",' +
      '"path":[{"name":"/old","kind":"link","guaranteedMs":5000},{"name":"/shop/orders","kind":"service","guaranteedMs":4800}],' +
      '"endpoints":[{"id":"orders-1","epoch":3,"addresses":["http://127.0.0.1:3001"],"host":"h1","zone":null,' +
      '"version":"2.1.0","weight":1,"attributes":{"rack":"7"},"leaseMs":10000,"state":"up"}],' +
      '"proved":false,"policy":null,"revision":"12","guaranteedMs":4800,"usableMs":4800,"ageMs":0,"stale":false}\n',
  );
});

test('resolve --json states the keys of endpoints, and whether each endpoint must prove one', async () => {
  const key = `sha256/${'A'.repeat(43)}`;
  const proved = async (...endpoints: object[]): Promise<unknown> => {
    const { url } = await startFakeRegistry({ resolve: { ...resolved, endpoints } });
    return JSON.parse((await runCli(['resolve', '/old', '--json'], { registry: url })).out);
  };
  expect(await proved({ ...endpoint, key })).toMatchObject({ proved: true, endpoints: [{ key }] });
  expect(await proved({ ...endpoint, key }, { ...endpoint, id: 'b' })).toMatchObject({ proved: false });
  expect(await proved()).toMatchObject({ proved: false });
});

test('resolve of a service without endpoints exits with 0', async () => {
  const { url } = await startFakeRegistry({ resolve: { ...resolved, endpoints: [] } });
  const json = await runCli(['resolve', '/old', '--json'], { registry: url });
  expect(json.code).toBe(0);
  expect(JSON.parse(json.out)).toMatchObject({ endpoints: [] });
  const text = await runCli(['resolve', '/old'], { registry: url });
  expect(text).toMatchObject({ code: 0, err: '' });
  expect(text.out).toContain('No endpoints');
});

test('resolve prints the links, the settings and a table', async () => {
  const slow = { ...endpoint, id: 'orders-22', state: 'draining', weight: 0, attributes: {} };
  const { url } = await startFakeRegistry({
    resolve: { ...resolved, policy: 'random', endpoints: [endpoint, slow] },
  });
  const { out } = await runCli(['resolve', '/old'], { registry: url });
  expect(out.replace(/looked up .* ago/, 'looked up N ms ago')).toBe(`/old → /shop/orders  service
policy random, guaranteed for 4.8 s, revision 12, looked up N ms ago

ENDPOINT   STATE     ADDRESS                VERSION  HOST  WEIGHT  EPOCH  LEASE  ATTRIBUTES
orders-1   up        http://127.0.0.1:3001  2.1.0    h1            3      10 s   rack=7
orders-22  draining  http://127.0.0.1:3001  2.1.0    h1    0       3      10 s
`);
});

test.each([
  [{ attemptTimeoutMs: 200, retries: false as const }, 'attempt timeout 200 ms, retries off'],
  [
    { attemptTimeoutMs: { min: 50, max: 500 }, retries: { max: 2, statuses: [502, 503] } },
    'attempt timeout 50 ms to 500 ms, retries max=2,statuses=502/503',
  ],
  [
    { attemptTimeoutMs: { min: 50 }, retries: { budget: { ratio: 0.2, minPerSecond: 5 } } },
    'attempt timeout at least 50 ms, retries ratio=0.2,per-second=5',
  ],
  [{ attemptTimeoutMs: { max: 500 } }, 'attempt timeout at most 500 ms, guaranteed'],
])('resolve prints the retry settings %j of a service', async (settings, text) => {
  const { url } = await startFakeRegistry({ resolve: { ...resolved, ...settings } });
  expect((await runCli(['resolve', '/old'], { registry: url })).out).toContain(text);
  const { out } = await runCli(['resolve', '/old', '--json'], { registry: url });
  expect(JSON.parse(out)).toMatchObject(settings);
});

test.each([
  '--attempt-timeout 0',
  '--attempt-timeout ..',
  '--attempt-timeout 5-6',
  '--retries max',
  '--retries max=1,max=2',
  '--retries statuses=5xx',
  '--retries unknown=1',
])('define rejects %s', async (options) => {
  expect(await runCli(['define', '/a', ...options.split(' ')])).toMatchObject({ code: 2, out: '' });
});

test('resolve prints suspect endpoints and those that were reported unreachable', async () => {
  const suspect = { ...endpoint, id: 'orders-2', state: 'suspect' };
  const { url } = await startFakeRegistry({
    resolve: { ...resolved, endpoints: [endpoint, suspect], healthQueried: ['orders-1', 'orders-2'] },
  });
  const { out } = await runCli(['resolve', '/old'], { registry: url });
  expect(out).toMatch(/^orders-2 +suspect /m);
  expect(out).toMatch(/\n\nReported unreachable: orders-1, orders-2\n$/);
  const json = await runCli(['resolve', '/old', '--json'], { registry: url });
  expect(JSON.parse(json.out)).toMatchObject({ endpoints: [{ state: 'up' }, { state: 'suspect' }] });
});

test('ls --json prints one object per line, page by page', async () => {
  const pages = {
    '': { entries: [{ kind: 'directory', name: '/a', unknownKey: 1 }], next: '/a/b' },
    // Names are in tree order, not in alphabetical order.
    '/a/b': { entries: [{ name: '/a/b', endpoints: 2, kind: 'service' }], next: '/a-b' },
    '/a-b': { entries: [{ name: '/c', target: '/a/b', kind: 'link' }], next: null },
  };
  const { url, requests } = await startFakeRegistry({
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

test('ls prints aligned columns, and exits with 0 when no name matches', async () => {
  const entries = [
    { name: '/shop', kind: 'directory' },
    { name: '/shop/orders', kind: 'service', endpoints: 1 },
    { name: '/shop/stock', kind: 'service', endpoints: 3, suspects: 1 },
    { name: '/shop/old', kind: 'link', target: '/shop/orders' },
  ];
  const { url } = await startFakeRegistry({
    list: ({ query }, response) =>
      response.end(
        JSON.stringify({ ...position, entries: query.glob === '/none' ? [] : entries, next: null }),
      ),
  });
  expect((await runCli(['ls'], { registry: url })).out).toBe(`/shop         directory
/shop/orders  service    1 endpoint
/shop/stock   service    3 endpoints, 1 suspect
/shop/old     link       → /shop/orders
`);
  expect(await runCli(['ls', '/none'], { registry: url })).toEqual({
    code: 0,
    out: '',
    err: 'No name matches /none\n',
  });
});

test('ls fails when the pages come from another registry or do not advance', async () => {
  const entry = { name: '/a', kind: 'directory' };
  let page = 0;
  const { url } = await startFakeRegistry({
    list: (_, response) =>
      response.end(
        JSON.stringify({ ...position, entries: [entry], next: `/a${page}`, incarnation: `i${page++}` }),
      ),
  });
  const result = await runCli(['ls'], { registry: url });
  expect(result.code).toBe(4);
  expect(result.err).toContain('The listing was interrupted');
  const circular = await startFakeRegistry({ list: { ...position, entries: [entry], next: '/a' } });
  expect((await runCli(['ls'], { registry: circular.url })).code).toBe(4);
  let next = 0;
  const empty = await startFakeRegistry({
    list: (_, response) =>
      response.end(JSON.stringify({ ...position, entries: [], next: next < 9 ? `/a${next++}` : null })),
  });
  // A page may be empty: the server has read many names that the client may not see.
  expect(await runCli(['ls'], { registry: empty.url })).toMatchObject({ code: 0, out: '' });
});

test('changes print one line or one JSON value', async () => {
  const now = { revision: '13', incarnation: 'i', appliesInMs: 0 };
  const { url } = await startFakeRegistry({
    define: now,
    link: { ...now, appliesInMs: 4_900 },
    move: now,
    remove: now,
  });
  const environment = { registry: url };
  const out = async (...argv: string[]) => (await runCli(argv, environment)).out;
  expect(await out('define', '/a')).toBe('Defined /a  revision 13\n');
  expect(await out('define', '/a', '--json')).toBe('{"name":"/a","revision":"13","appliesInMs":0}\n');
  expect(await out('link', '/a', '/b', '--when-expired')).toBe(
    '/a is frozen and will become a link to /b in 4.9 s, when the guaranteed time has passed  revision 13\n',
  );
  expect(await out('link', '/a', '/b', '--json')).toBe(
    '{"name":"/a","target":"/b","revision":"13","appliesInMs":4900}\n',
  );
  expect(await out('mv', '/a', '/b')).toBe('Moved /a to /b; /a is now a link  revision 13\n');
  expect(await out('mv', '/a', '/b', '--json')).toBe(
    '{"from":"/a","to":"/b","revision":"13","appliesInMs":0}\n',
  );
  expect(await out('rm', '/a')).toBe('Removed /a  revision 13\n');
  expect(await out('rm', '/a', '--json')).toBe('{"name":"/a","revision":"13","appliesInMs":0}\n');
});

test('commands send exactly the given options', async () => {
  const now = { revision: '13', incarnation: 'i', appliesInMs: 0 };
  const launched = { name: '/a', endpoints: [], started: true };
  const { url, requests } = await startFakeRegistry({
    ...{ define: now, link: now, move: now, remove: now },
    ...{ launch: launched, reset: launched, stop: { stopped: 0 } },
  });
  for (const line of [
    'define /a',
    'define /a --policy random --guarantee 0 --launch m --param x=1 --param y=a=b --when-expired',
    'define /a --no-policy --no-launch --no-call-timeout',
    'define /a --call-timeout 2000',
    'define /a --attempt-timeout 200 --retries off',
    'define /a --attempt-timeout 50..500 --retries max=2,statuses=502/503,ratio=0.2,per-second=5',
    'define /a --attempt-timeout ..500 --retries per-second=0.5',
    'define /a --no-attempt-timeout --retries default',
    'link /a /#d1/b --guarantee 60000',
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
    // Checks whether the manifest exists; an error of this lookup is ignored.
    ['GET', '/v1/resolve', ''],
    ['POST', '/v1/define', { name: '/a', policy: null, timeoutMs: null, launch: null }],
    ['POST', '/v1/define', { name: '/a', timeoutMs: 2_000 }],
    ['POST', '/v1/define', { name: '/a', attemptTimeoutMs: 200, retries: false }],
    [
      'POST',
      '/v1/define',
      {
        name: '/a',
        attemptTimeoutMs: { min: 50, max: 500 },
        retries: { max: 2, statuses: [502, 503], budget: { ratio: 0.2, minPerSecond: 5 } },
      },
    ],
    [
      'POST',
      '/v1/define',
      { name: '/a', attemptTimeoutMs: { max: 500 }, retries: { budget: { minPerSecond: 0.5 } } },
    ],
    ['POST', '/v1/define', { name: '/a', attemptTimeoutMs: null, retries: null }],
    ['POST', '/v1/link', { name: '/a', target: '/#d1/b', guaranteedMs: 60_000 }],
    ['POST', '/v1/move', { from: '/a', to: '/b/c' }],
    ['POST', '/v1/remove', { name: '/a' }],
    ['POST', '/v1/remove', { name: '/a', recursive: true, whenExpired: true, force: true }],
    ['POST', '/v1/launch', { name: '/a', waitMs: 5_000 }],
    ['POST', '/v1/stop', { name: '/a' }],
    ['POST', '/v1/reset', { name: '/a' }],
  ]);
});

test('launch, stop and reset with --json print their response as JSON', async () => {
  const { url } = await startFakeRegistry({
    launch: { name: '/shop/orders', endpoints: [endpoint], started: true },
    reset: { name: '/shop/orders', endpoints: [endpoint], started: true },
    stop: { stopped: 2 },
  });
  const environment = { registry: url };
  const launched = await runCli(['launch', '/shop/orders'], environment);
  expect(launched).toMatchObject({ code: 0, err: '' });
  expect(launched.out).toMatch(/^Started \/shop\/orders\nENDPOINT .*\norders-1 .*\n$/);
  const json = JSON.parse((await runCli(['reset', '/shop/orders', '--json'], environment)).out);
  expect(Object.keys(json)).toEqual(['name', 'endpoints', 'started']);
  expect((await runCli(['stop', '/shop/orders'], environment)).out).toBe(
    'Stopped /shop/orders: 2 process groups\n',
  );
  expect((await runCli(['stop', '/a', '--json'], environment)).out).toBe('{"name":"/a","stopped":2}\n');
});

test('whois prints one service per line, and exits with 3 when there is none', async () => {
  const owners = [
    { id: 'orders-1', name: '/shop/orders', epoch: 3 },
    { id: 'stock-1', name: '/stock', epoch: 1 },
  ];
  const { url } = await startFakeRegistry({
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
    err: "clerk: No endpoint is registered with address http://b:1; list the endpoints with clerk search '/**'\n",
  });
});

test('export prints the lines of the registry, import sends them', async () => {
  const lines = '{"kind":"service","name":"/a","policy":null}\n{"kind":"link","name":"/b","target":"/a"}\n';
  const { url, requests } = await startFakeRegistry({
    export: (_, response) => {
      response.setHeader('content-type', 'application/x-ndjson');
      // In chunks that end within lines.
      response.write(lines.slice(0, 20));
      setTimeout(() => response.end(lines.slice(20)), 5);
    },
    import: {
      ...{ entries: 2, revision: '7', incarnation: 'i', dryRun: false },
      ...{ added: [], changed: [], removed: [], unchanged: [], waiting: [] },
    },
  });
  const exported = await runCli(['export'], { registry: url });
  expect(exported).toEqual({ code: 0, out: lines, err: '' });
  expect((await runCli(['import'], { registry: url, stdin: exported.out })).out).toBe(
    'Imported 2 entries: 0 unchanged  revision 7\n',
  );
  expect(requests.at(-1)).toMatchObject({ method: 'POST', path: '/v1/import', body: lines });
  expect((await runCli(['import', '-', '--json'], { registry: url, stdin: lines })).out).toBe(
    '{"entries":2,"revision":"7","incarnation":"i","dryRun":false,"added":[],"changed":[],"removed":[],"unchanged":[],"waiting":[]}\n',
  );
});

test('an export is printed while it arrives', async () => {
  let finish: () => void = () => undefined;
  const { url } = await startFakeRegistry({
    export: (_, response) => {
      response.setHeader('content-type', 'application/x-ndjson');
      response.write('{"kind":"service","name":"/a"}\n{"kind":');
      finish = () => response.end('"service","name":"/b"}');
    },
  });
  const { code, out, err } = await runCli(['export'], { registry: url, onOut: () => finish() });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toBe('{"kind":"service","name":"/a"}\n{"kind":"service","name":"/b"}\n');
});

test('an export that ends early fails, and says that the output is incomplete', async () => {
  const { url } = await startFakeRegistry({
    export: (_, response) => {
      response.setHeader('content-type', 'application/x-ndjson');
      response.write('{"kind":"service","name":"/a"}\n');
      setTimeout(() => response.destroy(), 20);
    },
  });
  const { code, err, out } = await runCli(['export'], { registry: url });
  expect(code).toBe(4);
  expect({ err, out }).toEqual({
    err: expect.stringMatching(
      /^clerk: The export ended early, after 1 line: The registry at .* the output is incomplete, so discard the output and repeat the export\n/,
    ),
    out: '{"kind":"service","name":"/a"}\n',
  });
});

test('explain prints candidates and excluded endpoints without sending a request', async () => {
  const { createServer } = await import('node:http');
  const requests: unknown[] = [];
  const service = createServer((request, response) => {
    requests.push(request.url);
    response.end();
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  servers.push({ close: async () => void service.close() });
  const { port } = service.address() as { port: number };
  const { url } = await startFakeRegistry({
    resolve: {
      ...resolved,
      policy: 'load-aware',
      retries: { max: 1, statuses: [503] },
      endpoints: [
        { ...endpoint, addresses: [`http://127.0.0.1:${port}`] },
        { ...endpoint, id: 'orders-2', state: 'draining' },
      ],
    },
  });
  const { code, out } = await runCli(['explain', '/old'], { registry: url });
  expect(code).toBe(0);
  expect(out).toMatch(/^\/old → \/shop\/orders {2}policy load-aware\n/);
  expect(out).toMatch(new RegExp(`^orders-1 +http://127.0.0.1:${port} +open `, 'm'));
  expect(out).toMatch(/^orders-2 .* draining/m);
  expect(out).toContain('retries max=1,statuses=503,ratio=0.1,per-second=3\n');
  expect(out).toContain(
    'attempt timeout 250 ms at first (each client learns an attempt timeout from 10 responses to requests with the same method and first path segment), ',
  );
  const json = JSON.parse((await runCli(['explain', '/old', '--json'], { registry: url })).out);
  expect(Object.keys(json)).toEqual([
    ...['name', 'canonical', 'policy', 'proved', 'identity', 'ticket'],
    ...['candidates', 'leftOut', 'revision', 'path'],
    ...['ageMs', 'guaranteedMs', 'usableMs', 'stale', 'retriesLeft', 'timeoutMs', 'attemptTimeoutMs'],
    ...['initialAttemptTimeoutMs', 'learnedAttemptTimeouts', 'settings'],
  ]);
  expect(json).toMatchObject({ revision: '12', leftOut: [{ endpoint: { id: 'orders-2', zone: null } }] });
  expect(requests).toEqual([]);
});

test('explain exits with 0 for a service without endpoints, and with 3 for a directory or an unknown name', async () => {
  const empty = await startFakeRegistry({ resolve: { ...resolved, endpoints: [] } });
  expect(await runCli(['explain', '/old'], { registry: empty.url })).toMatchObject({
    code: 0,
    out: expect.stringContaining('No endpoints'),
  });
  const directory = await startFakeRegistry({ resolve: { ...resolved, kind: 'directory' } });
  expect((await runCli(['explain', '/old'], { registry: directory.url })).code).toBe(3);
  const unknown = await startFakeRegistry({});
  expect((await runCli(['explain', '/old'], { registry: unknown.url })).code).toBe(3);
});
