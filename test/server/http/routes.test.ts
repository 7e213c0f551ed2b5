/** What is asked and answered, and what is refused: every refusal says which part, what it is, and what to do. */
import { expect, test } from 'vitest';
import { ClerkError } from '../../../src/core/errors.js';
import { limits } from '../../../src/protocol/limits.js';
import { startHarness } from './http-harness.js';

test('a look-up is answered with the text that the names have, and where they stand', async () => {
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

test('a name that is not there is 404 with its code, a path that is not there is 404 without it', async () => {
  const { get } = await startHarness();
  const absent = await get('/v1/resolve?name=/shop/nobody');
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

test('a path is not tidied up until it fits', async () => {
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

test('hostile names are refused, never repaired', async () => {
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
    ['', "Field 'name' is missing; write a name such as '/shop/orders'"],
    ['?name=/a&name=/b', "The query has 'name' twice; write it once"],
    ['?name=/a&x=1', "The query has an unknown field 'x'; leave it off, or look how it is written"],
    ['?name', "The query has 'name'; write key=value"],
    ['?name=%E0%A4%A', "The query has '%E0%A4%A', which is not percent-encoded UTF-8"],
    ['?name=%FF', "The query has '%FF', which is not percent-encoded UTF-8"],
  ]) {
    const { status, json } = await get(`/v1/resolve${query}`);
    expect([query, status, json.error]).toEqual([query, 400, { code: 'CONFIG_INVALID', message }]);
  }
});

test('a search takes every other key as an attribute', async () => {
  const { get, names } = await startHarness();
  expect((await get('/v1/search?glob=/**&zone=a&constructor=b')).status).toBe(200);
  expect(names.requests).toEqual([
    { what: 'search', request: { glob: '/**', filter: { zone: 'a', constructor: 'b' } } },
  ]);
  expect((await get('/v1/search?glob=/**&__proto__=b')).json.error.message).toContain('__proto__');
});

test('only POST changes anything, only GET and HEAD look, and the rest is told what to use', async () => {
  const { url, get, raw } = await startHarness();
  const { status, headers, json } = await get('/v1/register');
  expect([status, headers.allow]).toEqual([405, 'POST']);
  expect(json.error.message).toBe('GET does nothing at /v1/register; use POST');
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

test('bodies are JSON, in UTF-8, as they are', async () => {
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
    expect(json.error.message).toContain('send application/json');
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
      `Bodies with the content-encoding '${encoding}' are not read; send it as it is`,
    ]);
  }
  expect((await post('/v1/define', Buffer.from([0x22, 0xff, 0x22]))).json.error.message).toBe(
    'The body is no UTF-8; send it as that',
  );
  expect(names.requests).toHaveLength(3);
});

test('a body is counted before it is kept: 64 KiB and no byte more', async () => {
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
    const told = await post('/v1/define', sized(bytes));
    // The policy is too long in each; up to the limit that is what is said.
    expect([bytes, told.status, told.json.error.code]).toEqual([
      bytes,
      status,
      status === 413 ? 'BODY_TOO_LARGE' : 'CONFIG_INVALID',
    ]);
  }
  // Without a length, in chunks.
  const chunk = `4000\r\n${'x'.repeat(0x4000)}\r\n`;
  for (const path of ['/v1/define', '/v1/register']) {
    const told = await raw(
      `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n${chunk.repeat(5)}0\r\n\r\n`,
    );
    expect(told).toMatch(/^HTTP\/1.1 413 [^]*connection: close[^]*BODY_TOO_LARGE/);
  }
  expect(names.requests).toEqual([]);
});

test('a GET has no body', async () => {
  const { raw } = await startHarness();
  for (const path of ['/v1/resolve?name=/a', '/v1/status'])
    expect(await raw(`GET ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nabcde`)).toMatch(
      /^HTTP\/1.1 400 [^]*A GET has no body; leave it off/,
    );
});

test('16 levels are read, 17 are not, and 100,000 hurt nobody', async () => {
  const { post } = await startHarness();
  const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const within = await post('/v1/define', deep(limits.maxJsonDepth));
  expect(within.json.error.message).toBe('The body is a list of 1; write an object');
  for (const body of [deep(limits.maxJsonDepth + 1), '['.repeat(60_000), `{"a":${'{"a":'.repeat(10_000)}`])
    expect((await post('/v1/define', body)).json.error.message).toContain('more than 16 levels');
  // Brackets in texts are no levels.
  expect((await post('/v1/define', { name: `/a${'['.repeat(100)}\\"{{` })).status).toBe(200);
});

test('keys that come twice and keys that objects do not keep are refused', async () => {
  const { post, names } = await startHarness();
  for (const body of [
    '{"name":"/a","name":"/b"}',
    '{"name":"/a","n\\u0061me":"/b"}',
    '{"name":"/a","launch":{"manifest":"a","manifest":"b"}}',
  ])
    expect((await post('/v1/define', body)).json.error.message).toBe(
      'The body has an object with the same key twice; write each key once',
    );
  for (const body of [
    '{"name":"/a","__proto__":{"force":true}}',
    '{"name":"/a","launch":{"manifest":"a","params":{"__proto__":"b"}}}',
    '{"name":"/a","\\u005f_proto__":1}',
  ])
    expect((await post('/v1/define', body)).json.error.message).toContain("has the key '__proto__'");
  for (const body of [
    '{"name":"/a","constructor":1}',
    '{"name":"/a","toString":1}',
    '{"name":"/a","hasOwnProperty":1}',
  ])
    expect((await post('/v1/define', body)).json.error.message).toContain('has an unknown field');
  expect(names.requests).toEqual([]);
  // A text with colons is no member.
  expect((await post('/v1/define', '{"name":"/a","policy":"a:b:\\"c\\":"}')).status).toBe(200);
});

test('each field that is wrong is named, with what it is and what to write', async () => {
  const { post, names } = await startHarness();
  const endpoint = { name: '/shop/orders', id: 'a', addresses: ['http://127.0.0.1:3001'] };
  for (const [change, message] of [
    [
      { leaseMs: '10s' },
      "Field 'leaseMs' is '10s'; write a whole number of ms from 1000 to 604800000 (7 days)",
    ],
    [
      { leaseMs: limits.minLeaseMs - 1 },
      "Field 'leaseMs' is 999; write a whole number of ms from 1000 to 604800000 (7 days)",
    ],
    [
      { leaseMs: limits.maxLeaseMs + 1 },
      "Field 'leaseMs' is 604800001; write a whole number of ms from 1000 to 604800000 (7 days)",
    ],
    [
      { leaseMs: 1_000.5 },
      "Field 'leaseMs' is 1000.5; write a whole number of ms from 1000 to 604800000 (7 days)",
    ],
    [
      { leaseMs: 2 ** 31 },
      "Field 'leaseMs' is 2147483648; write a whole number of ms from 1000 to 604800000 (7 days)",
    ],
    [{ leaseMs: -1 }, "Field 'leaseMs' is -1; write a whole number of ms from 1000 to 604800000 (7 days)"],
    [
      { epoch: 2 ** 53 },
      "Field 'epoch' is 9007199254740992; write the whole number that the registration was answered with",
    ],
    [{ weight: -1 }, "Field 'weight' is -1; write a number ≥ 0"],
    [{ weight: null }, "Field 'weight' is null; write a number ≥ 0"],
    [
      { id: 'two words' },
      "Field 'id' is 'two words'; write 1 to 128 printable ASCII characters without blanks",
    ],
    [{ id: 'nul\0' }, "Field 'id' is 'nul\\u0000'; write 1 to 128 printable ASCII characters without blanks"],
    [
      { id: 'x'.repeat(129) },
      "Field 'id' is a text of 129 characters; write 1 to 128 printable ASCII characters without blanks",
    ],
    [
      { addresses: [] },
      "Field 'addresses' is a list of 0; write a list of 1 to 16 addresses such as 'http://127.0.0.1:3001', best first",
    ],
    [
      { addresses: Array(17).fill('http://a:1') },
      "Field 'addresses' is a list of 17; write a list of 1 to 16 addresses such as 'http://127.0.0.1:3001', best first",
    ],
    [{ addresses: ['http://a:1', 7] }, "Field 'addresses[1]' is 7; write a text"],
    [{ attributes: { a: 1 } }, "Field 'attributes.a' is 1; write a text"],
    [{ attributes: [] }, "Field 'attributes' is a list of 0; write an object of texts"],
    [{ name: { a: 1 } }, "Field 'name' is an object; write a name such as '/shop/orders'"],
    [{ leasMs: 10 }, "The body has an unknown field 'leasMs'; leave it off, or look how it is written"],
  ] as const) {
    const { status, json } = await post('/v1/register', { ...endpoint, ...change });
    expect([status, json.error]).toEqual([400, { code: 'CONFIG_INVALID', message }]);
  }
  for (const body of ['{"weight":1e400}', '{"weight":-1e400}'])
    expect(
      (await post('/v1/register', `${JSON.stringify(endpoint).slice(0, -1)},${body.slice(1)}`)).json.error
        .message,
    ).toBe("Field 'weight' is a number that is too large; write a number ≥ 0");
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
    leaseMs: 10_000,
    revision: '8',
    incarnation: 'fake',
  });
  expect(names.requests).toEqual([{ what: 'register', request: endpoint, by: 'address:127.0.0.1' }]);
});

test('lists are taken up to their limit', async () => {
  const { post } = await startHarness();
  const renewals = (count: number) => ({
    renewals: Array.from({ length: count }, () => ({ name: '/a', id: 'a', epoch: 1 })),
  });
  expect((await post('/v1/renew', renewals(limits.maxBatch - 1))).json.results).toHaveLength(
    limits.maxBatch - 1,
  );
  expect((await post('/v1/renew', renewals(limits.maxBatch))).json.results).toHaveLength(limits.maxBatch);
  expect((await post('/v1/renew', renewals(limits.maxBatch + 1))).json.error.message).toContain(
    "Field 'renewals' is a list of 1001; write a list of 1 to 1000 objects",
  );
});

test('a report is taken up to its limits, and asks nothing', async () => {
  const { post, names } = await startHarness();
  const opinion = { name: '/a', id: 'a', epoch: 1, verdict: 'unreachable' };
  const report = (count: number, more: object = {}) => ({
    clerk: 'c',
    reports: Array.from({ length: count }, () => opinion),
    ...more,
  });
  for (const count of [1, limits.maxReports - 1, limits.maxReports])
    expect(await post('/v1/report', report(count))).toMatchObject({ status: 200, json: {} });
  expect(names.requests.map(({ what, by }) => [what, by])).toEqual(
    Array.from({ length: 3 }, () => ['report', 'address:127.0.0.1']),
  );
  expect((await post('/v1/report', report(1, { clerk: 'x'.repeat(64) }))).status).toBe(200);
  names.requests.length = 0;
  for (const wrong of [
    report(0),
    report(limits.maxReports + 1),
    report(10_000),
    report(1, { clerk: '' }),
    report(1, { clerk: 'x'.repeat(65) }),
    report(1, { clerk: 'a b' }),
    report(1, { more: 1 }),
    { clerk: 'c', reports: [{ ...opinion, verdict: 'dead' }] },
    { clerk: 'c', reports: [{ ...opinion, epoch: -1 }] },
    { clerk: 'c', reports: [{ ...opinion, id: '' }] },
    { reports: [opinion] },
  ])
    expect((await post('/v1/report', wrong)).status).toBeGreaterThanOrEqual(400);
  expect(names.requests).toEqual([]);
});

test('the longest opinions there can be fit into one report', async () => {
  const { post } = await startHarness();
  const name = `/${'n'.repeat(63)}`.repeat(3) + `/${'n'.repeat(54)}`;
  const opinion = { name, id: '"'.repeat(128), epoch: Number.MAX_SAFE_INTEGER, verdict: 'unreachable' };
  const opinions = Array.from({ length: limits.maxReports }, () => opinion);
  expect(name).toHaveLength(247);
  expect((await post('/v1/report', { clerk: '"'.repeat(64), reports: opinions })).status).toBe(200);
});

test('refusals keep their code and the time that is left; what was not foreseen is told to the log alone', async () => {
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
    new TypeError('secret of the inside'),
    new ClerkError('OUTCOME_UNKNOWN', 'secret of the inside'),
  ]) {
    names.nextError = failure;
    for (const [path, body] of [
      ['/v1/remove', { name: '/a' }],
      ['/v1/register', { name: '/a', id: 'a', addresses: ['http://a:1'] }],
    ] as const) {
      const { status, text } = await post(path, body);
      expect(status).toBe(500);
      expect(text).toBe(
        '{"error":{"code":"REGISTRY_UNREACHABLE","message":"The server failed at this request; its log says why"}}',
      );
      expect(errors.pop()).toContain('secret of the inside');
    }
  }
  expect(errors).toEqual([]);
});

test('only who means this server is let in', async () => {
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
    'registry.internal:4711',
  ])
    expect([host, (await get(path, { host })).status]).toEqual([host, 200]);
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '127.0.0.1.evil.example',
    'localhost.evil.example',
    '10.0.0.1',
    '0.0.0.0',
    'localhost.',
    'a@localhost',
    '127.1',
    '[::2]',
    '2130706433',
  ]) {
    const { status, json } = await get(path, { host });
    expect([host, status, json.error.code]).toEqual([host, 403, 'FORBIDDEN']);
    expect(json.error.message).toContain('is not this server; ask for it by its address');
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

test('a head over 16 KiB and what is no HTTP are answered with a reason', async () => {
  const { raw } = await startHarness();
  const head = (bytes: number): string => {
    const frame = 'GET /v1/status HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\nx: \r\n\r\n';
    return frame.replace('x: ', `x: ${'y'.repeat(bytes - frame.length)}`);
  };
  expect(await raw(head(limits.maxHeaderBytes - 1_024))).toMatch(/^HTTP\/1.1 200 /);
  expect(await raw(head(limits.maxHeaderBytes + 1_024))).toMatch(/^HTTP\/1.1 431 [^]*"code":"LIMIT_EXCEEDED"/);
  expect(await raw('hello\r\n\r\n')).toMatch(/^HTTP\/1.1 400 [^]*This is no HTTP\/1.1 request/);
  expect(await raw('GET /v1/status HTTP/1.1\r\n\r\n')).toMatch(/^HTTP\/1.1 400 /);
});
