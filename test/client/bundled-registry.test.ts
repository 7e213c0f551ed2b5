/** A clerk and advertised services with a real registry server, from registration to call. */
import { createServer, type Server as HttpServer } from 'node:http';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { createClerk, type Clerk, type ClerkError, type ClerkOptions } from 'binding-clerk';
import { startServer, type Server } from 'binding-clerk/server';
import { advertise, type Advertisement } from 'binding-clerk/service';
import { expect, onTestFinished, test, vi } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';
import { securedRegistry } from '../server/secured-registry.js';
import { freePort } from '../support/free-port.js';

async function serverOf(options: Parameters<typeof startServer>[0] = {}): Promise<Server> {
  const server = await startServer({ port: 0, ...options });
  onTestFinished(() => server.close());
  return server;
}

function clerkOf(options: ClerkOptions): Clerk {
  const clerk = createClerk(options);
  onTestFinished(() => clerk.destroy());
  return clerk;
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'clerk-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** An advertised service that responds with its name. */
async function running(
  registry: string | readonly string[],
  name: string,
  says: string,
  options: { id?: string; leaseMs?: number } = {},
): Promise<{ http: HttpServer; ad: Advertisement }> {
  const http = createServer((_request, response) => response.end(JSON.stringify(says)));
  const ad = advertise({
    name,
    address: http,
    registry,
    drainOnSignal: false,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...options,
  });
  http.listen(0, '127.0.0.1');
  const made = { http, ad: await ad };
  onTestFinished(async () => {
    await made.ad.close();
    http.closeAllConnections();
    http.close();
  });
  return made;
}

test('advertised services are called by name, also those advertised later', async () => {
  const { url } = await serverOf();
  const { ad } = await running(url, '/shop/orders', 'one');
  expect(ad).toMatchObject({ state: 'registered', epoch: 1 });
  const clerk = clerkOf({ registry: url });
  const orders = clerk.bind('/shop/orders', { policy: 'round-robin' });
  expect(await orders.json('/')).toBe('one');
  await running(url, '/shop/orders', 'two');
  await vi.waitFor(async () =>
    expect([await orders.json('/'), await orders.json('/')].sort()).toEqual(['one', 'two']),
  );
  expect(await clerk.list('/**')).toMatchObject([{ name: '/shop/orders', endpoints: 2 }]);
});

test('a drained endpoint is no longer picked, and no call fails meanwhile', { timeout: 60_000 }, async () => {
  const { url } = await serverOf();
  const one = await running(url, '/shop/orders', 'one');
  await running(url, '/shop/orders', 'two');
  const clerk = clerkOf({ registry: url });
  const orders = clerk.bind('/shop/orders', { policy: 'random', kind: 'once' });
  await orders.json('/');
  const drained = one.ad.drain();
  let over = false;
  void drained.then(() => (over = true));
  await vi.waitFor(async () => {
    for (let i = 0; i < 20; i++) expect(await orders.json('/')).toBe('two');
  }, 10_000);
  while (!over) {
    expect(await orders.json('/')).toBe('two');
    await setTimeout(20);
  }
  expect(one.ad.state).toBe('closed');
});

test('no call fails while the registry is killed and restarted', { timeout: 20_000 }, async () => {
  const data = join(await folder(), 'data');
  const port = await freePort();
  const first = await startServer({ port, data });
  const { url } = first;
  const { ad } = await running(url, '/shop/orders', 'one', { leaseMs: 2_000 });
  const clerk = clerkOf({ registry: url });
  const changes = clerk.watch('/**');
  expect(await changes.next()).toMatchObject({ value: { name: '/shop/orders' } });
  const orders = clerk.bind('/shop/orders');
  const until = Date.now() + 6_000;
  const cut = setTimeout(1_000)
    .then(() => first.close())
    .then(() => setTimeout(1_000))
    .then(() => startServer({ port, data }));
  while (Date.now() < until) {
    expect(await orders.json('/')).toBe('one');
    await setTimeout(10);
  }
  const second = await cut;
  onTestFinished(() => second.close());
  expect(ad.state).toBe('registered');
  // The watch of the clerk continues at the restarted server.
  await running(url, '/shop/stock', 'stock');
  await vi.waitFor(async () =>
    expect(await changes.next()).toMatchObject({ value: { name: '/shop/stock' } }),
  );
});

test('services register again after the registry restarts without data', { timeout: 20_000 }, async () => {
  const port = await freePort();
  const first = await startServer({ port });
  const { url } = first;
  const { ad } = await running(url, '/shop/orders', 'one', { leaseMs: 1_500 });
  const clerk = clerkOf({ registry: url });
  const orders = clerk.bind('/shop/orders');
  expect(await orders.json('/')).toBe('one');
  await first.close();
  await serverOf({ port });
  const until = Date.now() + 4_000;
  while (Date.now() < until) {
    expect(await orders.json('/')).toBe('one');
    await setTimeout(10);
  }
  expect(ad.state).toBe('registered');
});

test('with several registry servers, one suffices', { timeout: 20_000 }, async () => {
  const a = await startServer({ port: 0 });
  const b = await serverOf();
  await running(a.url, '/shop/orders', 'of a');
  await running(b.url, '/shop/orders', 'of b', { id: 'of-b' });
  const clerk = clerkOf({ registry: [a.url, b.url] });
  expect(await clerk.bind('/shop/orders').json('/')).toBe('of a');
  await a.close();
  // The other server has another incarnation. Its result is used at once, since it has endpoints.
  await vi.waitFor(
    async () => {
      const { endpoints } = await clerk.resolve('/shop/orders');
      expect(endpoints.map(({ id }) => id)).toEqual(['of-b']);
    },
    { timeout: 15_000 },
  );
});

test('a clerk without a registry option uses $CLERK_REGISTRY', async () => {
  const { url } = await serverOf();
  await running(url, '/shop/orders', 'one');
  vi.stubEnv('CLERK_REGISTRY', ` http://127.0.0.1:9 , ${url}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await clerkOf({}).bind('/shop/orders').json('/')).toBe('one');
  vi.stubEnv('CLERK_REGISTRY', 'orders');
  expect(() => createClerk()).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test('an unreachable registry is an error that says what to do', async () => {
  const server = await startServer({ port: 0 });
  await server.close();
  await expect(clerkOf({ registry: server.url }).bind('/x').json('/')).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: expect.stringContaining("start one with 'npx clerk serve'") as string,
  });
});

test('an https: URL of a plain registry, and an http: URL of a registry with TLS, are named as such', async () => {
  const [plain, secured] = [await serverOf(), await securedRegistry()];
  const errorAt = (registry: string): Promise<ClerkError> =>
    clerkErrorOf(clerkOf({ registry }).bind('/x').json('/'));
  const toPlain = await errorAt(plain.url.replace('http:', 'https:'));
  expect(toPlain).toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: expect.stringContaining('does not use TLS; use an http: URL') as string,
  });
  const toSecured = await errorAt(secured.server.url.replace('https:', 'http:'));
  expect(toSecured).toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: expect.stringContaining('use an https: URL') as string,
  });
  for (const error of [toPlain, toSecured])
    expect(JSON.stringify(error)).not.toMatch(/SSL routines|openssl/i);
});

test('a program with a snapshot file starts while the registry is unreachable, with stale resolutions', async () => {
  const snapshotFile = join(await folder(), 'known.json');
  const server = await startServer({ port: 0 });
  await running(server.url, '/shop/orders', 'one');
  const before = createClerk({ registry: server.url, snapshotFile });
  expect(await before.bind('/shop/orders').json('/')).toBe('one');
  await before.close();
  await server.close();

  const after = clerkOf({ registry: server.url, snapshotFile });
  expect(await after.bind('/shop/orders').json('/')).toBe('one');
  expect(await after.resolve('/shop/orders')).toMatchObject({ stale: true });
  await expect(after.bind('/shop/stock').json('/')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });

  await writeFile(snapshotFile, '{"v":1,"names":[{}]}');
  const warnings: string[] = [];
  const logger = { debug() {}, info() {}, warn: (text: string) => void warnings.push(text), error() {} };
  const damaged = clerkOf({ registry: server.url, snapshotFile, logger });
  await expect(damaged.bind('/shop/orders').json('/')).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
  });
  expect(warnings[0]).toMatch(/Snapshot file .* is ignored/);
});

/** Collects the process warnings of the library while a test runs. */
function clerkWarnings(): readonly string[] {
  const warnings: string[] = [];
  const onWarning = ({ name, message }: Error): void => {
    if (name === 'ClerkWarning') warnings.push(message);
  };
  process.on('warning', onWarning);
  onTestFinished(() => void process.off('warning', onWarning));
  return warnings;
}

test('a snapshot file that cannot be written is a process warning, once, without a logger', async () => {
  const warnings = clerkWarnings();
  const { url } = await serverOf();
  await running(url, '/shop/orders', 'one');
  const clerk = clerkOf({ registry: url, snapshotFile: join(await folder(), 'missing', 'x') });
  // The warning precedes the first write, which `close` would make.
  await vi.waitFor(() => expect(warnings).toHaveLength(1));
  expect(warnings[0]).toMatch(/^Snapshot file .* cannot be written/);
  expect(await clerk.bind('/shop/orders').json('/')).toBe('one');
  await clerk.close();
  await setImmediate();
  expect(warnings).toHaveLength(1);
});

test('a damaged snapshot file is a process warning, once, without a logger', async () => {
  const warnings = clerkWarnings();
  const { url } = await serverOf();
  await running(url, '/shop/orders', 'one');
  const snapshotFile = join(await folder(), 'known.json');
  await writeFile(snapshotFile, 'not a snapshot', { mode: 0o600 });
  const clerk = clerkOf({ registry: url, snapshotFile });
  await vi.waitFor(() => expect(warnings).toHaveLength(1));
  expect(warnings[0]).toMatch(/^Snapshot file .* is ignored/);
  expect(await clerk.bind('/shop/orders').json('/')).toBe('one');
  await clerk.close();
  await setImmediate();
  expect(warnings).toHaveLength(1);
});

test('a clerk that knew no service calls it as soon as advertise() has resolved', async () => {
  const { url } = await serverOf();
  const orders = clerkOf({ registry: url }).bind('/shop/orders');
  await expect(orders.json('/')).rejects.toMatchObject({ code: 'NAME_NOT_FOUND' });
  await running(url, '/shop/orders', 'one');
  expect(await orders.json('/')).toBe('one');
});

/** A registry server that can launch `program` as `/shop/orders`. */
async function launchingServer(program: string): Promise<Server> {
  const home = await folder();
  const [manifests, file] = [join(home, 'manifests'), join(home, 'program.mts')];
  await mkdir(manifests, { mode: 0o700 });
  await writeFile(file, program, { mode: 0o600 });
  const tsx = import.meta.resolve('tsx');
  const manifest = [
    'version: 1',
    'service: /shop/orders',
    // Node may be owned by any user, but the launcher runs only programs of root or its own user.
    'exec: /usr/bin/env',
    `args: ${JSON.stringify([process.execPath, '--import', tsx, file])}`,
    `cwd: ${JSON.stringify(home)}`,
    'readyMs: 20000',
    '',
  ].join('\n');
  await writeFile(join(manifests, 'orders.yaml'), manifest, { mode: 0o600 });
  await chmod(home, 0o700);
  const server = await serverOf({ manifests });
  const post = async (path: string, body: object): Promise<void> => {
    const reply = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!reply.ok) throw new Error(await reply.text());
  };
  await post('/v1/define', { name: '/shop/orders', launch: { manifest: 'orders' } });
  onTestFinished(() => post('/v1/stop', { name: '/shop/orders' }));
  return server;
}

const service = new URL('../../src/service/index.ts', import.meta.url).href;

test(
  'a service without endpoints is launched once by concurrent first calls',
  { timeout: 60_000 },
  async () => {
    const { url } = await launchingServer(`
    import { createServer } from 'node:http';
    import { advertise } from '${service}';
    const http = createServer((_request, response) => response.end(JSON.stringify(process.pid)));
    http.listen(0, '127.0.0.1');
    await advertise({ address: http });
  `);
    const clerks = Array.from({ length: 3 }, () => clerkOf({ registry: url }));
    const pids = await Promise.all(
      clerks.flatMap((clerk) =>
        [1, 2, 3, 4].map(() => clerk.bind('/shop/orders', { timeoutMs: 30_000 }).json('/')),
      ),
    );
    expect(new Set(pids).size).toBe(1);
    // The next call launches the killed service again.
    process.kill(pids[0] as number, 'SIGKILL');
    const [clerk] = clerks as [Clerk];
    await vi.waitFor(
      async () => expect(await clerk.bind('/shop/orders', { timeoutMs: 30_000 }).json('/')).not.toBe(pids[0]),
      { timeout: 30_000 },
    );
  },
);

test('callers receive the reason why a service could not be launched', { timeout: 60_000 }, async () => {
  const { url } = await launchingServer(`
    console.error('The database is not there');
    process.exit(3);
  `);
  const clerk = clerkOf({ registry: url });
  await expect(clerk.bind('/shop/orders', { timeoutMs: 30_000 }).json('/')).rejects.toMatchObject({
    code: 'START_FAILED',
    message: expect.stringContaining(
      'the process exited with code 3 before the service registered',
    ) as string,
  });
});
