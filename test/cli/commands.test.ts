/** Every command against a bundled server in this process. */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startServer } from '../../src/server/index.js';
import type { RegisterRequest, RegisterResponse } from '../../src/protocol/registration-messages.js';
import { paths } from '../../src/protocol/paths.js';
import { runCli } from './support/run-cli.js';

const closers: (() => Promise<unknown>)[] = [];
let registry: string;

async function startRegistry(): Promise<string> {
  const started = await startServer({ port: 0 });
  closers.push(() => started.close());
  return started.url;
}

beforeEach(async () => {
  registry = await startRegistry();
});
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Runs a command line. Resolves with exit code and output: `0 Defined /a  revision N`. */
async function runLine(line: string): Promise<string> {
  const { code, out, err } = await runCli(line.split(' '), { registry });
  return `${code} ${out}${err}`.replace(/revision \d+/g, 'revision N').trimEnd();
}

async function post(path: string, body: object): Promise<Response> {
  return fetch(registry + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
}

async function register(endpoint: RegisterRequest): Promise<void> {
  const response = await post(paths.register, endpoint);
  expect(await response.json()).toMatchObject({ epoch: expect.any(Number) });
}

/** Starts an HTTP service that is not registered yet. */
async function startService(
  handler: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<string> {
  const http = createServer(handler);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  closers.push(async () => {
    http.closeAllConnections();
    http.close();
  });
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
}

test('names are defined, listed, linked, moved and removed', async () => {
  expect(await runLine('ls')).toBe('0 No name matches /**');
  expect(await runLine('define /shop/orders --policy load-aware --guarantee 0')).toBe(
    '0 Defined /shop/orders  revision N',
  );
  expect(await runLine('link /shop/old /shop/orders --guarantee 0')).toBe(
    '0 Linked /shop/old → /shop/orders  revision N',
  );
  expect(await runLine('ls /shop/*')).toBe(
    '0 /shop/old     link     → /shop/orders\n/shop/orders  service  0 endpoints',
  );
  expect(await runLine('resolve /shop/old')).toMatch(
    /^0 \/shop\/old → \/shop\/orders {2}service\n.*policy load-aware/,
  );
  await runLine('define /shop/orders --call-timeout 2000');
  expect(await runLine('resolve /shop/old')).toMatch(/policy load-aware, call timeout 2 s/);
  expect(await runLine('resolve /shop/old --json')).toMatch(/"policy":"load-aware","timeoutMs":2000/);
  await runLine('define /shop/orders --no-call-timeout');
  expect(await runLine('resolve /shop/old --json')).not.toMatch(/timeoutMs/);
  expect(await runLine('mv /shop/orders /shop/sales')).toBe(
    '0 Moved /shop/orders to /shop/sales; /shop/orders is now a link  revision N',
  );
  expect(await runLine('resolve /shop/old')).toMatch(
    /^0 \/shop\/old → \/shop\/orders → \/shop\/sales {2}service/,
  );
  expect(await runLine('rm /shop/old')).toBe('0 Removed /shop/old  revision N');
  expect(await runLine('resolve /shop/old')).toMatch(/^3 clerk: /);
  expect(await runLine('rm /nowhere')).toMatch(/^3 clerk: /);
});

test('retry settings of a service are stored, shown, exported and removed', async () => {
  const settings = {
    attemptTimeoutMs: { min: 50, max: 500 },
    retries: { max: 1, statuses: [503], budget: { ratio: 0.2 } },
  };
  await runLine('define /a --guarantee 0 --attempt-timeout 50..500 --retries max=1,statuses=503,ratio=0.2');
  expect(await runLine('resolve /a')).toContain(
    'attempt timeout 50 ms to 500 ms, retries max=1,statuses=503,ratio=0.2',
  );
  expect(JSON.parse((await runLine('resolve /a --json')).slice(2))).toMatchObject(settings);
  const exported = await runCli(['export'], { registry });
  expect(JSON.parse(exported.out)).toMatchObject(settings);
  const other = await startRegistry();
  await runCli(['import'], { registry: other, stdin: exported.out });
  expect((await runCli(['export'], { registry: other })).out).toBe(exported.out);
  await runLine('define /a --policy random');
  expect(JSON.parse((await runLine('resolve /a --json')).slice(2))).toMatchObject(settings);
  await runLine('define /a --no-attempt-timeout --retries off');
  expect(await runLine('resolve /a --json')).toMatch(/"policy":"random","retries":false,/);
  await runLine('define /a --retries default');
  expect(await runLine('resolve /a --json')).not.toMatch(/retries|attemptTimeoutMs/);
});

test.each([
  ['--attempt-timeout 500..50', 'The lower bound must be at most the upper bound; got 500..50, use 50..500.'],
  ['--attempt-timeout 5s..9', "In the lower bound '5s': The value must be an integer such as 5000."],
  ['--retries max=101', "The setting max must be an integer from 0 to 100; got '101'."],
  ['--retries max=x', "The setting max must be an integer from 0 to 100; got 'x'."],
  ['--retries max=1,max=2', 'The setting max is given twice; remove one of the two.'],
  [
    '--retries statuses=200',
    "The setting statuses must be integers from 400 to 599, separated by /; got '200'.",
  ],
  ['--retries ratio=1.1', "The setting ratio must be a number from 0 to 1; got '1.1'."],
  ['--retries per-second=10001', "The setting per-second must be a number from 0 to 10000; got '10001'."],
  [
    '--retries maximum=1',
    "The value must be off, default, or settings such as max=2,ratio=0.2; the settings are max, statuses, ratio, per-second; got 'maximum=1'.",
  ],
])('define %s is rejected with the option, the part and the valid values', async (options, reason) => {
  const [flag = '', value = ''] = options.split(' ');
  const { code, err } = await runCli(['define', '/a', flag, value], { registry });
  expect(code).toBe(2);
  expect(err).toMatch(new RegExp(`^clerk: option '${flag} <[a-z]+>' argument '${value}' is invalid. `));
  expect(err).toContain(`is invalid. ${reason}\n`);
});

test('a guaranteed setting is kept, unless the change is scheduled or forced', async () => {
  await runLine('define /a --guarantee 60000');
  await runLine('resolve /a');
  expect(await runLine('define /a --policy random')).toMatch(
    /^5 clerk: .*\n {2}--when-expired schedules the change for the end of the guaranteed time$/,
  );
  expect(await runLine('define /a --policy random --when-expired')).toMatch(
    /^0 \/a is frozen and will change in (1 min|[0-9]+ s), when the guaranteed time has passed {2}revision N$/,
  );
  const { out } = await runCli(['resolve', '/a', '--json'], { registry });
  expect(JSON.parse(out)).toMatchObject({ policy: null, stale: false });
  expect(JSON.parse(out).guaranteedMs).toBeLessThanOrEqual(60_250);
  expect(await runLine('rm /a --force')).toBe('0 Removed /a  revision N');
});

test('an export can be imported into another registry', async () => {
  await runLine('define /a --policy random --guarantee 60000');
  await runLine('link /b/c /a');
  const exported = await runCli(['export'], { registry });
  expect(exported).toMatchObject({ code: 0, err: '' });
  const other = await startRegistry();
  const imported = await runCli(['import', '--json'], { registry: other, stdin: exported.out });
  expect(JSON.parse(imported.out)).toMatchObject({ entries: exported.out.trim().split('\n').length });
  expect((await runCli(['export'], { registry: other })).out).toBe(exported.out);
  // All lines or none.
  const broken = await runCli(['import'], {
    registry: other,
    stdin: '{"kind":"service","name":"/x"}\n{"kind":"service","name":"x"}\n',
  });
  expect(broken).toMatchObject({ code: 2, out: '' });
  expect((await runCli(['export'], { registry: other })).out).toBe(exported.out);
});

test('call sends a request to a service and prints the response body', async () => {
  const address = await startService((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += String(chunk)));
    request.on('end', () => {
      response.statusCode = request.url === '/missing' ? 404 : 200;
      const { method, url, headers } = request;
      response.end(
        request.url === '/bytes'
          ? Buffer.from([0xff, 0xfe])
          : JSON.stringify({ method, url, type: headers['content-type'], x: headers['x-a'], body }),
      );
    });
  });
  await register({ name: '/shop/orders', id: 'orders-1', addresses: [address], leaseMs: 60_000 });
  const call = async (...argv: string[]) => runCli(['call', ...argv], { registry });

  expect(JSON.parse((await call('/shop/orders')).out)).toEqual({ method: 'GET', url: '/', body: '' });
  expect(JSON.parse((await call('/shop/orders', '/orders', '-d', '{"item":3}', '-H', 'x-a: 1')).out)).toEqual(
    { method: 'POST', url: '/orders', type: 'application/json', x: '1', body: '{"item":3}' },
  );
  expect(
    JSON.parse(
      (await call('/shop/orders', '/o', '-X', 'put', '-d', 'plain', '-H', 'content-type: text/plain')).out,
    ),
  ).toMatchObject({ method: 'PUT', type: 'text/plain', body: 'plain' });
  const piped = await runCli(['call', '/shop/orders', '/o', '-d', '@-'], { registry, stdin: 'from a pipe' });
  expect(JSON.parse(piped.out)).toMatchObject({ method: 'POST', body: 'from a pipe' });

  const missing = await call('/shop/orders', '/missing');
  expect(missing).toMatchObject({ code: 1, err: 'clerk: /shop/orders responded with status 404\n' });
  expect(missing.out).toContain('"/missing"');

  const json = JSON.parse((await call('/shop/orders', '/x', '--json')).out);
  expect(Object.keys(json)).toEqual(['name', 'status', 'headers', 'endpoint', 'attempts', 'body']);
  expect(json).toMatchObject({ status: 200, endpoint: { id: 'orders-1', address }, attempts: 1 });
  expect(JSON.parse((await call('/shop/orders', '/bytes', '--json')).out)).toMatchObject({
    bodyBase64: '//4=',
  });
});

test('call with one argument calls the longest prefix that is a service', async () => {
  const address = await startService((request, response) => response.end(request.url));
  for (const name of ['/shop/orders', '/shop/orders/old'])
    await register({ name, id: name.slice(1), addresses: [address], leaseMs: 60_000 });
  const call = (...argv: string[]) => runCli(['call', ...argv], { registry });
  expect(await call('/shop/orders/orders/7?x=1')).toEqual({ code: 0, out: '/orders/7?x=1', err: '' });
  const { name, body } = JSON.parse((await call('/shop/orders/old/7', '--json')).out) as {
    readonly name: string;
    readonly body: string;
  };
  expect([name, body]).toEqual(['/shop/orders/old', '/7']);
  expect((await call('/shop/orders/old', '/a/b')).out).toBe('/a/b');
  const unknown = await call('/nowhere/7');
  expect(unknown).toMatchObject({ code: 3, out: '' });
  expect(unknown.err).toContain("No prefix of '/nowhere/7' is the name of a registered service");
  expect((await call('shop/orders')).err).toContain("got 'shop/orders', use '/shop/orders'");
});

test('call on a terminal prints the endpoint and sanitizes the body', async () => {
  const address = await startService((_, response) => response.end('\u001b]0;owned\u0007line 1\nline 2'));
  await register({ name: '/shop/orders', id: 'orders-1', addresses: [address] });
  const { out, err } = await runCli(['call', '/shop/orders'], {
    registry,
    terminal: true,
    env: { NO_COLOR: '1' },
  });
  expect(out).toBe('\\u001b]0;owned\\u0007line 1\nline 2\n');
  expect(err).toMatch(/^200 from orders-1 at http:\/\/127\.0\.0\.1:\d+, 1 attempt, /);
});

test('call ends at the call timeout of the service, which --timeout overrides', async () => {
  const silent = await startService(() => undefined);
  await register({ name: '/shop/orders', id: 'orders-1', addresses: [silent], leaseMs: 60_000 });
  await runLine('define /shop/orders --call-timeout 300');
  for (const path of ['/shop/orders /o', '/shop/orders/o'])
    expect(await runLine(`call ${path}`)).toMatch(
      /^1 clerk: .* exceeded the call timeout of 300 ms in the service config/,
    );
  expect(await runLine('call /shop/orders /o --timeout 200')).toMatch(
    /^1 clerk: .* exceeded its deadline of 200 ms/,
  );
});

test('call of a service without a reachable endpoint fails', async () => {
  await runLine('define /shop/orders');
  expect(await runLine('call /shop/orders')).toMatch(/^3 clerk: .*\/shop\/orders/);
  expect(await runLine('call /nowhere')).toMatch(/^3 clerk: .*\/nowhere/);
  const socket = join(tmpdir(), `clerk-${randomUUID()}`);
  await register({ name: '/shop/down', id: 'd', addresses: [`unix:${socket}`] });
  const down = await runLine('call /shop/down --timeout 1000');
  expect(down).toMatch(/^1 clerk: /);
  expect(down).toContain(`\n  attempt 1: unix:${socket} `);
  expect(down).toContain('\n  The request did not run');
  const { error } = JSON.parse((await runLine('call /nowhere --json')).slice(2)) as {
    readonly error: { readonly message: string };
  };
  expect(error).toMatchObject({ code: 'NAME_NOT_FOUND', execution: 'none', outcomes: [] });
  expect(error.message).not.toMatch(/bind\(\)|factory/);
});

test('a call that may have run says so, and a refused call did not run', async () => {
  const silent = await startService(() => undefined);
  await register({ name: '/shop/silent', id: 's', addresses: [silent] });
  const text = await runLine('call /shop/silent / -X POST --timeout 300');
  expect(text).toMatch(/^1 clerk: /);
  expect(text).toContain('\n  The request may have run');
  const json = await runLine('call /shop/silent / -X POST --timeout 300 --json');
  expect(JSON.parse(json.slice(2))).toMatchObject({
    error: {
      code: 'DEADLINE_EXCEEDED',
      execution: 'unknown',
      outcomes: [{ attempt: 1, endpoint: 's', address: silent, stage: 'sent' }],
    },
  });
  const refusing = await startService((_, response) => {
    response.writeHead(401, { 'clerk-not-executed': '1' }).end();
  });
  await register({ name: '/shop/refusing', id: 'r', addresses: [refusing] });
  expect(await runLine('call /shop/refusing /')).toContain('\n  The request did not run');
});

test('watch prints the matching names, then every change until it is interrupted', async () => {
  await runLine('define /shop/orders --guarantee 0');
  await runLine('link /shop/old /shop/orders --guarantee 0');
  const interruption = new AbortController();
  const steps: [RegExp, () => Promise<unknown>][] = [
    [
      /\/shop\/orders[^]*\/shop\/old|\/shop\/old[^]*\/shop\/orders/,
      () => register({ name: '/shop/orders', id: 'orders-1', addresses: ['http://10.0.0.7:3001'] }),
    ],
    [/^~ /m, () => runLine('rm /shop/old --force')],
    [/^- /m, async () => interruption.abort()],
  ];
  const { code, out, err } = await runCli(['watch', '/shop/**'], {
    registry,
    interruptSignal: interruption.signal,
    onOut: (soFar) => {
      if (steps[0]?.[0].test(soFar) === true) void steps.shift()?.[1]();
    },
  });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.split('\n').slice(0, 2).sort()).toEqual([
    '+ /shop/old  → /shop/orders',
    '+ /shop/orders  0 endpoints',
  ]);
  expect(out.split('\n').slice(2)).toEqual([
    '~ /shop/orders  1 endpoint  http://10.0.0.7:3001',
    '- /shop/old',
    '',
  ]);
});

test('watch --json prints one value per line', async () => {
  await runLine('link /shop/old /shop/orders --guarantee 0');
  await register({ name: '/shop/orders', id: 'orders-1', addresses: ['http://10.0.0.7:3001'], zone: 'a' });
  const interruption = new AbortController();
  const { out } = await runCli(['watch', '/shop/**', '--json'], {
    registry,
    interruptSignal: interruption.signal,
    onOut: (soFar) => {
      if (soFar.split('\n').length > 2) interruption.abort();
    },
  });
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(lines).toEqual([
    { type: 'put', name: '/shop/old', kind: 'link', target: '/shop/orders' },
    {
      type: 'put',
      name: '/shop/orders',
      kind: 'service',
      endpoints: [
        {
          ...{ id: 'orders-1', epoch: expect.any(Number), addresses: ['http://10.0.0.7:3001'] },
          ...{ host: null, zone: 'a', version: null, weight: 1, attributes: {}, state: 'up' },
        },
      ],
      revision: expect.any(String),
    },
  ]);
});

test('advertise registers an endpoint while it runs, and withdraws it when it is interrupted', async () => {
  const interruption = new AbortController();
  const address = await startService((_request, response) => response.end('ok'));
  const line = `/shop/orders ${address} --version 2.1.0 --zone a --weight 0.5 --attribute rack=7 --id o1`;
  const running = runCli(['advertise', ...line.split(' ')], {
    registry,
    interruptSignal: interruption.signal,
    onOut: (soFar) => {
      if (soFar.startsWith('Registered') && !interruption.signal.aborted)
        void lookUp().finally(() => interruption.abort());
    },
  });
  let endpoints: { readonly state: string }[] = [];
  const lookUp = async (): Promise<void> => {
    endpoints = JSON.parse((await runCli(['resolve', '/shop/orders', '--json'], { registry })).out).endpoints;
  };
  const { code, out, err } = await running;
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(endpoints).toMatchObject([
    { id: 'o1', version: '2.1.0', zone: 'a', weight: 0.5, attributes: { rack: '7' }, state: 'up' },
  ]);
  expect(out).toMatch(
    /^Registered \/shop\/orders at http:\/\/127\.0\.0\.1:\d+ {2}instance o1, epoch \d+\nWithdrawn \/shop\/orders at .*\n$/,
  );
  // It is no longer chosen, whether or not the registry has removed it yet.
  await lookUp();
  expect(endpoints.filter(({ state }) => state === 'up')).toEqual([]);
});

test('endpoints are found by their properties, over several pages', async () => {
  const lines = Array.from({ length: 3_000 }, (_, i) => ({
    kind: 'link',
    name: `/full/n${i}`,
    target: '/a',
  }));
  for (let at = 0; at < lines.length; at += 1_500)
    await fetch(`${registry}${paths.import}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines
        .slice(at, at + 1_500)
        .map((line) => JSON.stringify(line))
        .join('\n'),
    });
  await register({ name: '/a', id: 'a1', addresses: ['http://127.0.0.1:3001'], zone: 'x', version: '2.1.0' });
  await register({
    name: '/z',
    id: 'z1',
    addresses: ['http://127.0.0.1:3002'],
    attributes: { tier: 'gold' },
  });
  expect(await runLine('search /**')).toBe(
    '0 /a  a1  http://127.0.0.1:3001  x 2.1.0\n/z  z1  http://127.0.0.1:3002',
  );
  expect(await runLine('search /** tier=gold')).toBe('0 /z  z1  http://127.0.0.1:3002');
  expect(await runLine('search /** tier=gold zone=x')).toBe(
    '0 No service that matches /** has a matching endpoint',
  );
  const { out } = await runCli(['search', '/**', 'zone=x', '--json'], { registry });
  expect(JSON.parse(out)).toMatchObject({ name: '/a', endpoints: [{ id: 'a1', zone: 'x' }] });
  expect(await runLine('search /** zone')).toMatch(/^2 .*must have the form KEY=VALUE/);
  expect(await runLine('search /** zone=x zone=y')).toMatch(/^2 .*'zone' in two filters/);
  expect(await runLine('search /** after=x')).toMatch(/^2 .*must not have the key 'after'/);
  // A page of a list ends after 2,000 names, although none of them matches.
  expect(await runLine('ls /**/n1*/absent')).toBe('0 No name matches /**/n1*/absent');
});

test('an address that accepts no connection is shown as starting, also by a watch', async () => {
  await register({ name: '/a', id: 'a1', addresses: ['http://127.0.0.1:3001'], state: 'starting' });
  expect(await runLine('ls')).toBe('0 /a  service  1 endpoint, 1 starting');
  expect(await runLine('resolve /a')).toMatch(/\na1 +starting +http:\/\/127\.0\.0\.1:3001/);
  const { endpoints } = JSON.parse((await runCli(['resolve', '/a', '--json'], { registry })).out);
  expect(endpoints).toMatchObject([{ id: 'a1', state: 'starting' }]);
  expect(await runLine('whois http://127.0.0.1:3001')).toContain('a1');
  expect(await runLine('explain /a')).toContain('1 starting');
  const interruption = new AbortController();
  const { out } = await runCli(['watch', '/a'], {
    registry,
    interruptSignal: interruption.signal,
    onOut: () => interruption.abort(),
  });
  expect(out).toBe('+ /a  0 endpoints, 1 starting\n');
});

/** Registers another endpoint with the id `same`, and renews its lease. */
async function holdInstance(): Promise<void> {
  const other = { name: '/a', id: 'same', addresses: ['http://127.0.0.1:3002'], leaseMs: 1_000 };
  const { epoch, secret } = (await (await post(paths.register, other)).json()) as RegisterResponse;
  const renewals = [{ name: '/a', id: 'same', epoch, secret }];
  const renewing = setInterval(() => void post(paths.renew, { renewals }).catch(() => undefined), 200);
  closers.push(async () => clearInterval(renewing));
}

test('advertise states that another endpoint holds its id, and fails while that endpoint lives', async () => {
  await holdInstance();
  const { code, out, err } = await runCli('advertise /a http://127.0.0.1:3001 --id same'.split(' '), {
    registry,
  });
  expect({ code, out }).toEqual({ code: 5, out: '' });
  const reason =
    "Instance 'same' of /a is in use by the process at http://127.0.0.1:3002. Give each process its own id";
  expect(err).toContain(`/a cannot be registered: ${reason}`);
  expect(err).toContain(`clerk: ${reason}`);
  expect(await runLine('resolve /a')).toContain('http://127.0.0.1:3002');
});

test('advertise ends when another endpoint with its id has taken its place', async () => {
  const takePlace = async (): Promise<void> => {
    await post(paths.remove, { name: '/a', recursive: true, force: true });
    await holdInstance();
  };
  const { code, err } = await runCli('advertise /a http://127.0.0.1:3001 --id same --lease 1000'.split(' '), {
    registry,
    onOut: (soFar) => {
      if (soFar.split('\n').length === 2) void takePlace();
    },
  });
  expect(code).toBe(5);
  expect(err).toContain('clerk: Endpoint same of /a is no longer registered: ');
});

test('watch, call, explain and advertise fail when the registry is unavailable', async () => {
  for (const close of closers.splice(0).reverse()) await close();
  for (const line of ['watch /a', 'call /a', 'explain /a', 'advertise /a http://127.0.0.1:3001']) {
    const output = await runLine(line);
    expect(output).toMatch(/^4 (.*\n)?clerk: /);
    expect(output.replaceAll('`', '')).toMatch(/[Ss]tart (one|a registry) with clerk serve/);
  }
});

test('define warns about an unknown manifest, except with --json', async () => {
  const result = await runCli(['define', '/a', '--launch', 'orders'], { registry });
  expect(result).toMatchObject({
    code: 0,
    err: expect.stringContaining('Warning: the registry has no manifest orders'),
  });
  expect(await runCli(['define', '/a', '--launch', 'orders', '--json'], { registry })).toMatchObject({
    code: 0,
    err: '',
  });
});

test('import warns once of each manifest that the registry does not know, except with --json and --dry-run', async () => {
  const stdin = ['/a', '/b']
    .map((name) => `${JSON.stringify({ kind: 'service', name, launch: { manifest: 'orders' } })}\n`)
    .join('');
  for (const option of ['--dry-run', '--json'])
    expect(await runCli(['import', option], { registry, stdin })).toMatchObject({ code: 0, err: '' });
  const { code, err } = await runCli(['import'], { registry, stdin });
  expect([code, err.split('Warning').length]).toEqual([0, 2]);
  expect(err).toContain('the registry has no manifest orders, so the registry cannot start /a');
});

test('hints name options of the command', async () => {
  await register({ name: '/a', id: 'one', addresses: ['http://127.0.0.1:3001'] });
  expect(await runLine('rm /a')).toBe(
    '5 clerk: /a has 1 endpoint; pass --recursive to remove /a with its endpoints and all names below it',
  );
  await runLine('define /b --guarantee 60000');
  await runLine('resolve /b');
  expect(await runLine('rm /b')).toMatch(
    /^5 clerk: \/b is guaranteed not to change for at least another [0-9]+ ms, and each lookup may extend this time; give --when-expired to schedule the change\n {2}--when-expired schedules the change for the end of the guaranteed time; --force makes the change now$/,
  );
  await runLine('rm /b --when-expired');
  expect(await runLine('rm /b')).toMatch(/^5 clerk: \/b is frozen: .*\n {2}--force makes the change now$/);
  expect(await runLine('define /c --guarantee 99999999999')).toContain(
    'The value must be at most 2147483647.',
  );
});

test('launch, stop and reset fail with the reason when the registry has no launcher', async () => {
  await runLine('define /a --guarantee 0');
  for (const command of ['launch', 'stop', 'reset'])
    expect(await runLine(`${command} /a`)).toMatch(
      /^5 clerk: This server has no manifests and cannot start services/,
    );
});
