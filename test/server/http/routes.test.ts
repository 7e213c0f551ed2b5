import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ClerkError } from '../../../src/core/errors.js';
import { limits } from '../../../src/protocol/limits.js';
import type { Launcher } from '../../../src/server/ports.js';
import { startHarness } from './http-harness.js';

test('a lookup returns the cached JSON of the name server, with its revision in the headers', async () => {
  const { names, get } = await startHarness();
  names.put('/shop/orders');
  for (const path of ['/v1/resolve?name=/shop/orders', '/v1/resolve?name=%2Fshop%2Forders']) {
    const { status, headers, text } = await get(path);
    expect(status).toBe(200);
    expect(text).toBe(names.resolveJson('/shop/orders'));
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store',
      'clerk-revision': '7',
      'clerk-incarnation': 'fake',
    });
  }
});

test('an unknown name is 404 NAME_NOT_FOUND, an unknown path is 404 CONFIG_INVALID', async () => {
  const { get } = await startHarness();
  const absent = await get('/v1/resolve?name=/shop/absent');
  expect(absent.status).toBe(404);
  expect(absent.json.error.code).toBe('NAME_NOT_FOUND');
  expect(absent.headers['clerk-revision']).toBe('7');
  for (const path of [
    '/v2/resolve?name=/a',
    '/',
    '/v1',
    '/v1/resolve/',
    '/V1/resolve',
    '/v1//resolve',
    '/v1/%72esolve',
  ]) {
    const { status, json } = await get(path);
    expect([path, status, json.error.code]).toEqual([path, 404, 'CONFIG_INVALID']);
    expect(json.error.message).toContain('/v1/openapi.json');
  }
});

test('paths are not normalized before routing', async () => {
  const { raw } = await startHarness();
  for (const path of [
    '/v1/x/../resolve',
    '/v1/./resolve',
    '/v1/%2e%2e/v1/resolve',
    '/v1/../v1/resolve',
    '//v1/resolve',
    '/v1\\resolve',
    'http://localhost/v1/resolve',
    '*',
  ])
    expect(await raw(`GET ${path}?name=/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)).toMatch(
      /^HTTP\/1.1 404 [^]*CONFIG_INVALID/,
    );
});

test('invalid names are rejected, never repaired', async () => {
  const { get, names } = await startHarness();
  names.put('/shop/orders');
  for (const name of [
    '',
    'shop/orders',
    '/shop/../orders',
    '/shop//orders',
    '/Shop/orders',
    '/shop/orders/',
    '/shop/%00',
    '/shop/%252e',
    '/%E2%84%AAelvin',
    '/shop%5Corders',
    '/__proto__',
    '/%EF%BC%8E%EF%BC%8E/x',
    `/${'a'.repeat(248)}`,
    '/xn--a',
  ]) {
    const { status, json } = await get(`/v1/resolve?name=${name}`);
    expect([name, status, json.error.code]).toEqual([name, 400, 'NAME_INVALID']);
  }
  for (const [query, message] of [
    ['', "Field 'name' must be a name such as '/shop/orders'; got nothing"],
    ['?name=/a&name=/b', "The query must have each key at most once; got 'name' twice"],
    ['?name=/a&x=1', "The query has the unknown key 'x'; known keys are name"],
    ['?name', "The query must consist of key=value pairs; got 'name'"],
    ['?name=%E0%A4%A', "The query must be percent-encoded UTF-8; got '%E0%A4%A'"],
    ['?name=%FF', "The query must be percent-encoded UTF-8; got '%FF'"],
  ]) {
    const { status, json } = await get(`/v1/resolve${query}`);
    expect([query, status, json.error]).toEqual([query, 400, { code: 'CONFIG_INVALID', message }]);
  }
});

test('a query key that a request does not have is refused at every path, and nothing is done', async () => {
  const { get, post, names } = await startHarness();
  const { paths } = JSON.parse(readFileSync('openapi.json', 'utf8')) as {
    readonly paths: Readonly<Record<string, object>>;
  };
  const answers: string[] = [];
  for (const [path, operations] of Object.entries(paths))
    for (const method of Object.keys(operations)) {
      // Any other key of a search is an attribute, and `GET /v1/watch` has its own test.
      if (path === '/v1/search' || (path === '/v1/watch' && method === 'get')) continue;
      const target = `${path}?no-such-key=1`;
      const { status, text } = await (method === 'get' ? get(target) : post(target, {}));
      // A server without keys has no requests about keys.
      if (status === 403) continue;
      answers.push(
        `${method} ${path} ${String(status)} ${String(text.includes("unknown key 'no-such-key'"))}`,
      );
    }
  expect(answers.filter((answer) => !answer.endsWith(' 400 true'))).toEqual([]);
  expect(answers.length).toBeGreaterThan(15);
  expect(names.requests).toEqual([]);
});

test('a launch rule whose manifest is for another service is refused by define and import, and nothing is done', async () => {
  const refused: string[] = [];
  const launcher = {
    checkRule(name: string) {
      if (name !== '/other') return;
      refused.push(name);
      throw new ClerkError('FORBIDDEN', 'Manifest orders starts only services that match /shop/*');
    },
  } as unknown as Launcher;
  const { post, names } = await startHarness({ launcher });
  const launch = { manifest: 'orders' };
  const defined = await post('/v1/define', { name: '/other', launch });
  expect([defined.status, defined.json.error.code]).toEqual([403, 'FORBIDDEN']);
  const lines = ['/shop/orders', '/other'].map((name) => JSON.stringify({ kind: 'service', name, launch }));
  const imported = await post('/v1/import', `${lines.join('\n')}\n`, {
    'content-type': 'application/x-ndjson',
  });
  expect([imported.status, imported.json.error.message]).toEqual([
    403,
    'Line 2: Manifest orders starts only services that match /shop/*',
  ]);
  expect([refused, names.requests]).toEqual([['/other', '/other'], []]);
});

test('launch, stop and reset of a name that does not exist suggest the name that was meant', async () => {
  const absent = (name: string) => Promise.reject(new ClerkError('NAME_NOT_FOUND', `${name} does not exist`));
  const run = ({ name }: { readonly name: string }) => absent(name);
  const { post, names } = await startHarness({
    launcher: { launch: run, stop: run, reset: run } as unknown as Launcher,
  });
  names.nearName = () => '/shop/orders';
  for (const path of ['launch', 'stop', 'reset']) {
    const { status, json } = await post(`/v1/${path}`, { name: '/shop/ordes' });
    expect([path, status, json.error.message]).toEqual([
      path,
      404,
      '/shop/ordes does not exist; did you mean /shop/orders?',
    ]);
  }
});

test('an import with dryRun=1 or a misspelt key is refused with the key that was meant', async () => {
  const { post, names } = await startHarness();
  const line = { kind: 'service', name: '/a' };
  const dryRun = await post('/v1/import?dryrun=true', line);
  expect(dryRun.json.error.message).toContain("did you mean 'dryRun'?");
  expect((await post('/v1/import?dryRun=1', line)).status).toBe(400);
  expect(names.requests).toEqual([]);
});

test('a search takes all other query keys as attributes', async () => {
  const { get, names } = await startHarness();
  expect((await get('/v1/search?glob=/**&zone=a&constructor=b')).status).toBe(200);
  expect(names.requests).toEqual([
    { what: 'search', request: { glob: '/**', filter: { zone: 'a', constructor: 'b' } } },
  ]);
  expect((await get('/v1/search?glob=/**&__proto__=b')).json.error.message).toContain('__proto__');
});

test('other methods get 405 with the allowed methods', async () => {
  const { url, get, raw } = await startHarness();
  const { status, headers, json } = await get('/v1/register');
  expect([status, headers.allow]).toEqual([405, 'POST']);
  expect(json.error.message).toBe('Method GET is not allowed at /v1/register; use POST');
  for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'POST'])
    expect(
      await raw(
        `${method} /v1/resolve?name=/a HTTP/1.1\r\nhost: ${new URL(url).host}\r\nconnection: close\r\n\r\n`,
      ),
    ).toMatch(/^HTTP\/1.1 405 [^]*allow: GET/);
  expect(await raw(`HEAD /v1/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)).toMatch(
    /^HTTP\/1.1 200 [^]*\r\n\r\n$/,
  );
  expect(
    await raw(`HEAD /v1/watch?glob=/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`),
  ).toMatch(/^HTTP\/1.1 405 /);
});

test('bodies must be uncompressed JSON in UTF-8', async () => {
  const { post, names } = await startHarness();
  const body = { name: '/shop/orders' };
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/json-patch+json',
    'application/json; charset=latin1',
    'multipart/form-data; boundary=a',
  ]) {
    const { status, json } = await post('/v1/define', body, { 'content-type': type });
    expect([type, status, json.error.code]).toEqual([type, 415, 'CONFIG_INVALID']);
    expect(json.error.message).toBe(`Header content-type must be application/json; got '${type}'`);
  }
  for (const type of [
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON;charset="UTF-8"',
  ])
    expect((await post('/v1/define', body, { 'content-type': type })).status).toBe(200);
  for (const encoding of ['gzip', 'br', 'deflate', 'gzip, gzip']) {
    const { status, json } = await post('/v1/define', body, { 'content-encoding': encoding });
    expect([status, json.error.message]).toEqual([
      415,
      `Header content-encoding must be absent or 'identity'; got '${encoding}'`,
    ]);
  }
  expect((await post('/v1/define', Buffer.from([0x22, 0xff, 0x22]))).json.error.message).toBe(
    'The body must be UTF-8',
  );
  expect(names.requests).toHaveLength(3);
});

test('a body has at most 64 KiB, with or without a content-length', async () => {
  const { post, raw, names } = await startHarness();
  const sized = (bytes: number): string => {
    const frame = JSON.stringify({ name: '/a', policy: '' });
    return JSON.stringify({ name: '/a', policy: 'x'.repeat(bytes - frame.length) });
  };
  for (const [bytes, status] of [
    [limits.maxBodyBytes - 1, 400],
    [limits.maxBodyBytes, 400],
    [limits.maxBodyBytes + 1, 413],
    [10 * limits.maxBodyBytes, 413],
  ] as const) {
    const response = await post('/v1/define', sized(bytes));
    // The policy is invalid in each body; up to the size limit, that is the error.
    expect([bytes, response.status, response.json.error.code]).toEqual([
      bytes,
      status,
      status === 413 ? 'BODY_TOO_LARGE' : 'CONFIG_INVALID',
    ]);
  }
  // Chunked, without a content-length.
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  for (const path of ['/v1/define', '/v1/register']) {
    const response = await raw(
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(5)}0\r\n\r\n`,
    );
    expect(response).toMatch(/^HTTP\/1.1 413 [^]*connection: close[^]*BODY_TOO_LARGE/);
  }
  expect(names.requests).toEqual([]);
});

test('a GET request with a body is rejected', async () => {
  const { raw } = await startHarness();
  for (const path of ['/v1/resolve?name=/a', '/v1/status'])
    expect(await raw(`GET ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nabcde`)).toMatch(
      /^HTTP\/1.1 400 [^]*A GET request must not have a body/,
    );
});

test('JSON has at most 16 levels, however deep it is', async () => {
  const { post } = await startHarness();
  const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const within = await post('/v1/define', deep(limits.maxJsonDepth));
  expect(within.json.error.message).toBe('The body must be an object; got a list of 1');
  for (const body of [deep(limits.maxJsonDepth + 1), '['.repeat(60_000), `{"a":${'{"a":'.repeat(10_000)}`])
    expect((await post('/v1/define', body)).json.error.message).toContain('must have at most 16 levels');
  // Brackets inside strings do not count.
  expect((await post('/v1/define', { name: `/a${'['.repeat(100)}\\"{{` })).status).toBe(200);
});

test('duplicate keys and __proto__ are rejected', async () => {
  const { post, names } = await startHarness();
  for (const body of [
    '{"name":"/a","name":"/b"}',
    '{"name":"/a","n\\u0061me":"/b"}',
    '{"name":"/a","launch":{"manifest":"a","manifest":"b"}}',
  ])
    expect((await post('/v1/define', body)).json.error.message).toBe(
      'The body must not have an object with duplicate keys',
    );
  for (const body of [
    '{"name":"/a","__proto__":{"force":true}}',
    '{"name":"/a","launch":{"manifest":"a","params":{"__proto__":"b"}}}',
    '{"name":"/a","\\u005f_proto__":1}',
  ])
    expect((await post('/v1/define', body)).json.error.message).toContain(
      "must not have the key '__proto__'",
    );
  for (const body of [
    '{"name":"/a","constructor":1}',
    '{"name":"/a","toString":1}',
    '{"name":"/a","hasOwnProperty":1}',
  ])
    expect((await post('/v1/define', body)).json.error.message).toContain('has the unknown field');
  expect(names.requests).toEqual([]);
  // Colons inside strings do not count.
  expect((await post('/v1/define', '{"name":"/a","policy":"a:b:\\"c\\":"}')).status).toBe(200);
});

test('an invalid retry setting is named', async () => {
  const { post } = await startHarness();
  for (const [settings, message] of [
    [{ retries: { maximum: 1 } }, "The body has the unknown field 'retries.maximum'; remove"],
    [{ retries: { max: '1' } }, "Field 'retries.max' must be a number; got '1'"],
    [{ retries: { statuses: [503, '504'] } }, "Field 'retries.statuses[1]' must be a number; got '504'"],
    [{ retries: { budget: { ratio: true } } }, "Field 'retries.budget.ratio' must be a number; got true"],
    [{ retries: true }, "Field 'retries' must be false, null, or an object with"],
    [{ attemptTimeoutMs: { mim: 5 } }, "The body has the unknown field 'attemptTimeoutMs.mim'; remove"],
    [{ attemptTimeoutMs: '5' }, "Field 'attemptTimeoutMs' must be a number of ms above 0, an object with"],
  ] as const) {
    const { status, json } = await post('/v1/define', { name: '/a', ...settings });
    expect([status, json.error.code]).toEqual([400, 'CONFIG_INVALID']);
    expect(json.error.message).toContain(message);
  }
});

test('an invalid field is named, with what it must be and what it is', async () => {
  const { post, names } = await startHarness();
  const endpoint = { name: '/shop/orders', id: 'a', addresses: ['http://127.0.0.1:3001'] };
  const leaseRange = 'an integer from 1000 to 604800000, in ms (7 days)';
  for (const [change, message] of [
    [{ leaseMs: '10s' }, `Field 'leaseMs' must be ${leaseRange}; got '10s'`],
    [{ leaseMs: limits.minLeaseMs - 1 }, `Field 'leaseMs' must be ${leaseRange}; got 999`],
    [{ leaseMs: limits.maxLeaseMs + 1 }, `Field 'leaseMs' must be ${leaseRange}; got 604800001`],
    [{ leaseMs: 1_000.5 }, `Field 'leaseMs' must be ${leaseRange}; got 1000.5`],
    [{ leaseMs: 2 ** 31 }, `Field 'leaseMs' must be ${leaseRange}; got 2147483648`],
    [{ leaseMs: -1 }, `Field 'leaseMs' must be ${leaseRange}; got -1`],
    [
      { epoch: 2 ** 53 },
      "Field 'epoch' must be the epoch that the registration returned, an integer; got 9007199254740992",
    ],
    [{ weight: -1 }, "Field 'weight' must be a number ≥ 0; got -1"],
    [{ weight: null }, "Field 'weight' must be a number ≥ 0; got null"],
    [
      { id: 'two words' },
      "Field 'id' must be a string of 1 to 128 printable ASCII characters without blanks; got 'two words'",
    ],
    [
      { id: 'nul\0' },
      "Field 'id' must be a string of 1 to 128 printable ASCII characters without blanks; got 'nul\\u0000'",
    ],
    [
      { id: 'x'.repeat(129) },
      `Field 'id' must be a string of 1 to 128 printable ASCII characters without blanks; got '${'x'.repeat(80)}…' of 129 characters`,
    ],
    [
      { addresses: [] },
      "Field 'addresses' must be an array of 1 to 16 addresses such as 'http://127.0.0.1:3001', the preferred address first; got an empty list",
    ],
    [
      { addresses: Array(17).fill('http://a:1') },
      "Field 'addresses' must be an array of 1 to 16 addresses such as 'http://127.0.0.1:3001', the preferred address first; got a list of 17",
    ],
    [{ addresses: ['http://a:1', 7] }, "Field 'addresses[1]' must be a string; got 7"],
    [{ attributes: { a: 1 } }, "Field 'attributes.a' must be a string; got 1"],
    [{ attributes: [] }, "Field 'attributes' must be an object with string values; got an empty list"],
    [{ name: { a: 1 } }, "Field 'name' must be a name such as '/shop/orders'; got an object"],
    [{ leasMs: 10 }, "The body has the unknown field 'leasMs'; remove the field, or check the spelling"],
  ] as const) {
    const { status, json } = await post('/v1/register', { ...endpoint, ...change });
    expect([status, json.error]).toEqual([400, { code: 'CONFIG_INVALID', message }]);
  }
  for (const [weight, got] of [
    ['1e400', 'Infinity'],
    ['-1e400', '-Infinity'],
  ])
    expect(
      (await post('/v1/register', `${JSON.stringify(endpoint).slice(0, -1)},"weight":${weight}}`)).json.error
        .message,
    ).toBe(`Field 'weight' must be a number ≥ 0; got ${got}`);
  for (const body of [
    '',
    'null',
    '7',
    '"x"',
    '{',
    '{"name":"/a",}',
    'NaN',
    '{"name":undefined}',
    '\u{feff}{}',
    "{'name':'/a'}",
  ]) {
    const { status, json } = await post('/v1/register', body);
    expect([body, status, json.error.code]).toEqual([body, 400, 'CONFIG_INVALID']);
  }
  expect(names.requests).toEqual([]);
  expect((await post('/v1/register', endpoint)).json).toEqual({
    epoch: 1,
    secret: 'secret',
    leaseMs: 10_000,
    revision: '8',
    incarnation: 'fake',
  });
  expect(names.requests).toEqual([{ what: 'register', request: endpoint, by: 'address:loopback' }]);
});

test('a renewal has at most 1,000 entries', async () => {
  const { post } = await startHarness();
  const renewals = (count: number) => ({
    renewals: Array.from({ length: count }, () => ({ name: '/a', id: 'a', epoch: 1 })),
  });
  expect((await post('/v1/renew', renewals(limits.maxBatch - 1))).json.results).toHaveLength(
    limits.maxBatch - 1,
  );
  expect((await post('/v1/renew', renewals(limits.maxBatch))).json.results).toHaveLength(limits.maxBatch);
  expect((await post('/v1/renew', renewals(limits.maxBatch + 1))).json.error.message).toContain(
    "Field 'renewals' must be an array of 1 to 1000 objects",
  );
});

test('a health report is accepted up to its limits, with an empty response', async () => {
  const { get, post, names } = await startHarness();
  names.put('/a');
  await get('/v1/resolve?name=/a');
  const endpointReport = { name: '/a', id: 'a', epoch: 1, verdict: 'unreachable' };
  const report = (count: number, more: object = {}) => ({
    clerk: 'c',
    reports: Array.from({ length: count }, () => endpointReport),
    ...more,
  });
  for (const count of [1, limits.maxReports - 1, limits.maxReports])
    expect(await post('/v1/report', report(count))).toMatchObject({ status: 200, json: {} });
  expect(names.requests.map(({ what, by }) => [what, by])).toEqual(
    Array.from({ length: 3 }, () => ['report', 'address:loopback']),
  );
  expect((await post('/v1/report', report(1, { clerk: 'x'.repeat(64) }))).status).toBe(200);
  names.requests.length = 0;
  for (const invalid of [
    report(0),
    report(limits.maxReports + 1),
    report(10_000),
    report(1, { clerk: '' }),
    report(1, { clerk: 'x'.repeat(65) }),
    report(1, { clerk: 'a b' }),
    report(1, { more: 1 }),
    { clerk: 'c', reports: [{ ...endpointReport, verdict: 'dead' }] },
    { clerk: 'c', reports: [{ ...endpointReport, epoch: -1 }] },
    { clerk: 'c', reports: [{ ...endpointReport, id: '' }] },
    { reports: [endpointReport] },
  ])
    expect((await post('/v1/report', invalid)).status).toBeGreaterThanOrEqual(400);
  expect(names.requests).toEqual([]);
});

test('a health report with the longest possible names fits into one body', async () => {
  const { post } = await startHarness();
  const name = `/${'n'.repeat(63)}`.repeat(3) + `/${'n'.repeat(54)}`;
  const endpointReport = {
    name,
    id: '"'.repeat(128),
    epoch: Number.MAX_SAFE_INTEGER,
    verdict: 'unreachable',
  };
  const reports = Array.from({ length: limits.maxReports }, () => endpointReport);
  expect(name).toHaveLength(247);
  expect((await post('/v1/report', { clerk: '"'.repeat(64), reports })).status).toBe(200);
});

test('errors keep their code and remaining time; details of unexpected errors go to the log only', async () => {
  const { names, post, errors } = await startHarness();
  names.nextError = new ClerkError('CHANGE_TOO_EARLY', 'Wait for it', {
    remainingMs: 1_234,
    cause: new Error('inside'),
  });
  expect(await post('/v1/remove', { name: '/a' })).toMatchObject({
    status: 409,
    json: { error: { code: 'CHANGE_TOO_EARLY', message: 'Wait for it', remainingMs: 1_234 } },
  });
  names.nextError = new ClerkError('LIMIT_EXCEEDED', 'Too many', { remainingMs: 2_500 });
  expect(await post('/v1/remove', { name: '/a' })).toMatchObject({
    status: 429,
    headers: { 'retry-after': '3' },
  });
  for (const failure of [
    new TypeError('internal detail'),
    new ClerkError('OUTCOME_UNKNOWN', 'internal detail'),
  ]) {
    names.nextError = failure;
    for (const [path, body] of [
      ['/v1/remove', { name: '/a' }],
      ['/v1/register', { name: '/a', id: 'a', addresses: ['http://a:1'] }],
    ] as const) {
      const { status, text } = await post(path, body);
      expect(status).toBe(500);
      expect(text).toBe(
        `{"error":{"code":"REGISTRY_UNREACHABLE","message":"The server failed to handle the request; see the log of the server for the cause"}}`,
      );
      expect(errors.pop()).toContain('internal detail');
    }
  }
  expect(errors).toEqual([]);
});

test('rejects foreign Host headers and cross-origin requests', async () => {
  const { get, post, names, http } = await startHarness({ allowedHosts: ['registry.internal'] });
  names.put('/a');
  const path = '/v1/resolve?name=/a';
  const port = String(http.port);
  for (const host of [
    `127.0.0.1:${port}`,
    `localhost:${port}`,
    'localhost',
    'LOCALHOST',
    '[::1]:80',
    '127.9.9.9',
    '10.0.0.1',
    '0.0.0.0',
    '[::2]',
    'registry.internal:4711',
  ])
    expect([host, (await get(path, { host })).status]).toEqual([host, 200]);
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    'localhost.',
    'a@localhost',
    '127.1',
    '2130706433',
  ]) {
    const { status, json } = await get(path, { host });
    expect([host, status, json.error.code]).toEqual([host, 403, 'FORBIDDEN']);
    expect(json.error.message).toMatch(
      /^Header host must (name this server; got the name|be the host and port of this server; got) /,
    );
  }
  const own = { host: `127.0.0.1:${port}` };
  for (const origin of [`http://127.0.0.1:${port}`, `https://127.0.0.1:${port}`])
    expect((await get(path, { ...own, origin })).status).toBe(200);
  for (const origin of [
    'http://evil.example',
    'null',
    `http://localhost:${port}`,
    'http://127.0.0.1:1',
    'file://',
  ]) {
    const { status, json } = await post('/v1/define', { name: '/b' }, { ...own, origin });
    expect([origin, status, json.error.code]).toEqual([origin, 403, 'FORBIDDEN']);
  }
  for (const [site, status] of [
    ['same-origin', 200],
    ['none', 200],
    ['same-site', 403],
    ['cross-site', 403],
  ] as const)
    expect([site, (await get(path, { ...own, 'sec-fetch-site': site })).status]).toEqual([site, status]);
  expect(names.requests).toEqual([]);
});

test('headers above 16 KiB and malformed requests get an error response', async () => {
  const { raw } = await startHarness();
  const head = (bytes: number): string => {
    const frame = 'GET /v1/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx: \r\n\r\n';
    return frame.replace('x: ', `x: ${'y'.repeat(bytes - frame.length)}`);
  };
  expect(await raw(head(limits.maxHeaderBytes - 1_024))).toMatch(/^HTTP\/1.1 200 /);
  expect(await raw(head(limits.maxHeaderBytes + 1_024))).toMatch(
    /^HTTP\/1.1 431 [^]*"code":"LIMIT_EXCEEDED"/,
  );
  expect(await raw('hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [^]*The request must be valid HTTP\/1.1/);
  expect(await raw('GET /v1/status HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
});
