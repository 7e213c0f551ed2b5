/** A client that knows one server of a registry learns the others, and continues when its own one ends. */
import { expect, test } from 'vitest';
import type { EndpointMessage } from '../../src/protocol/lookup-messages.js';
import { paths } from '../../src/protocol/paths.js';
import { registryServersName } from '../../src/protocol/registry-servers.js';
import { serverRegistry, type ServerRegistry } from '../../src/registry/remote/server-registry.js';
import { retryLoop } from '../../src/runtime/p-retry-loop.js';
import { LeaseRenewer } from '../../src/service/lease-renewer.js';
import { createFakeRuntime, type FakeRuntime } from '../../src/testing/fake-runtime.js';
import { endpointMessage, FakeRegistry } from '../support/fake-registry.js';

const anyContext = () => ({ signal: new AbortController().signal, suspects: new Set<string>() });
const letters = 'abcdefghijklmnopqrstuvwxyz';

/** Servers over one store, each at the URL `http://<letter>`. */
class Servers {
  readonly runtime: FakeRuntime;
  readonly all: readonly FakeRegistry[];
  readonly warnings: string[] = [];
  readonly connectedTo = new Set<string>();
  #listed: readonly EndpointMessage[] = [];
  #lists = 0;

  constructor(count: number, options: { hostId?: string; hostAddresses?: string[] } = {}) {
    this.runtime = createFakeRuntime({ seed: 11, ...options });
    this.all = Array.from({ length: count }, () => new FakeRegistry(this.runtime));
    for (const server of this.all) {
      server.put('/x', ['x1']);
      // The fake sends no heartbeats by itself, and a silent stream moves.
      server.heartbeatMs = 300_000;
    }
  }

  /** Registers servers in the name space, the first of them as `a`. */
  list(urls: readonly string[], more: Partial<EndpointMessage> = {}): void {
    this.#lists++;
    this.listEndpoints(
      urls.map((url, i) => ({
        ...endpointMessage(`s${url.replace(/[^a-z0-9]/g, '')}`),
        ...{ addresses: [url], epoch: this.#lists * 100 + i, ...more },
      })),
    );
  }

  listEndpoints(endpoints: readonly EndpointMessage[]): void {
    this.#listed = endpoints;
    for (const [i, server] of this.all.entries()) this.show(server, `shttp${letters[i]!}`);
  }

  show(server: FakeRegistry, id: string): void {
    server.putEndpoints(registryServersName, this.#listed);
    server.servers = `${id} ${String(this.#lists)}`;
  }

  client(...urls: readonly string[]): ServerRegistry {
    return serverRegistry({
      urls: urls.length > 0 ? urls : ['http://a'],
      clock: this.runtime,
      retry: retryLoop,
      connect: (each) => this.connection(each),
      warn: (message) => void this.warnings.push(message),
    });
  }

  connection(url: string) {
    this.connectedTo.add(url);
    const host = /^https?:\/\/(?:10\.0\.0\.)?([^:]*)/.exec(url)?.[1] ?? '';
    const server = this.all[letters.indexOf(host)] ?? this.all[Number(host)];
    return (server ?? new FakeRegistry(this.runtime)).connection(url);
  }

  /** Resolves to the time that a lookup took, in virtual ms, and fails if the lookup does. */
  async lookup(registry: ServerRegistry): Promise<number> {
    const sentAt = this.runtime.now();
    let endedAt: number | undefined;
    const found = Promise.resolve(registry.resolve('/x', anyContext()));
    const onEnd = (): void => void (endedAt = this.runtime.now());
    found.then(onEnd, onEnd);
    for (let ms = 0; ms < 20_000 && endedAt === undefined; ms += 50) await this.runtime.advance(50);
    await found;
    return (endedAt as number) - sentAt;
  }

  requests(path: string, name?: string): number {
    return this.all
      .flatMap(({ requests }) => requests)
      .filter((each) => each.path === path && (name === undefined || each.payload?.name === name)).length;
  }
}

const threeUrls = ['http://a', 'http://b', 'http://c'];

test.each(['isDown', 'hangs'] as const)(
  'a client with one of three URLs continues when its server fails (%s), with lookups of at most 1 s',
  async (fault) => {
    const servers = new Servers(3);
    servers.list(threeUrls);
    const registry = servers.client();
    await servers.lookup(registry);
    await servers.runtime.advance(2_000);
    expect(servers.requests(paths.resolve, registryServersName)).toBe(1);
    for (const server of servers.all.slice(0, 2)) {
      server[fault] = true;
      server.dropStreams();
      for (let i = 0; i < 20; i++) expect(await servers.lookup(registry)).toBeLessThanOrEqual(1_000);
    }
    await registry.close();
  },
);

test('a watch alone learns of a server that joins later, and continues there', async () => {
  const servers = new Servers(3);
  servers.list(['http://a']);
  const registry = servers.client();
  const seen: number[] = [];
  registry.watch('/x', () => void seen.push(servers.runtime.now()));
  await servers.runtime.advance(5_000);
  servers.list(threeUrls);
  servers.all[0]!.sendHeartbeat();
  await servers.runtime.advance(10_000);
  const before = seen.length;
  servers.all[0]!.isDown = true;
  servers.all[0]!.dropStreams();
  servers.all[1]!.put('/x', ['x2']);
  servers.all[2]!.put('/x', ['x2']);
  await servers.runtime.advance(1_000);
  expect(seen.length).toBeGreaterThan(before);
  await registry.close();
});

test('a client of a server with a store of its own sends nothing more', async () => {
  const servers = new Servers(1);
  const registry = servers.client();
  for (let i = 0; i < 5; i++) {
    await servers.lookup(registry);
    await servers.runtime.advance(10_000);
  }
  expect(servers.all[0]!.requests).toHaveLength(5);
  await registry.close();
});

test('a server that leaves the list is forgotten, and a configured one never', async () => {
  const servers = new Servers(3);
  servers.list(threeUrls);
  const registry = servers.client();
  await servers.lookup(registry);
  await servers.runtime.advance(2_000);
  servers.list(['http://c']);
  for (let i = 0; i < 10; i++) {
    await servers.lookup(registry);
    await servers.runtime.advance(2_000);
  }
  servers.all[2]!.isDown = true;
  servers.all[1]!.requests.length = 0;
  for (let i = 0; i < 5; i++) await servers.lookup(registry);
  expect(servers.all[1]!.requests).toEqual([]);
  expect(servers.all[0]!.requests.at(-1)).toMatchObject({ path: paths.resolve });
  await registry.close();
});

test('a list that a server has not brought up to date does not replace a newer one', async () => {
  const servers = new Servers(2);
  servers.list(['http://a']);
  const registry = servers.client();
  await servers.lookup(registry);
  await servers.runtime.advance(2_000);
  for (let i = 0; i < 5; i++) servers.all[0]!.put('/y', ['y']);
  servers.list(['http://a', 'http://b']);
  await servers.lookup(registry);
  await servers.runtime.advance(6_000);
  servers.all[0]!.isStale = true;
  servers.list(['http://a']);
  for (let i = 0; i < 3; i++) {
    await servers.lookup(registry);
    await servers.runtime.advance(6_000);
  }
  servers.all[0]!.isDown = true;
  expect(await servers.lookup(registry)).toBeLessThanOrEqual(1_000);
  await registry.close();
});

test('a server of another incarnation is ignored, with one warning, and receives no change', async () => {
  const servers = new Servers(2);
  servers.list(['http://a', 'http://b']);
  servers.all[1]!.incarnation = 'foreign';
  servers.all[1]!.put('/x', ['foreign']);
  const registry = servers.client();
  const warnings: string[] = [];
  const renewer = new LeaseRenewer([servers.connection('http://a')], servers.runtime, {
    connect: (url) => servers.connection(url),
    warn: (message) => void warnings.push(message),
    moves: false,
  });
  const request = { name: '/y', id: 'y', addresses: ['http://y'] };
  await renewer.register(request, anyContext().signal);
  await servers.lookup(registry);
  await servers.runtime.advance(2_000);
  servers.all[0]!.isDown = true;
  for (let i = 0; i < 3; i++) {
    await expect(servers.lookup(registry)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    const registered = renewer.register(request, anyContext().signal);
    await expect(registered).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  }
  expect(servers.all[1]!.ids('/y')).toEqual([]);
  for (const list of [servers.warnings, warnings])
    expect(list).toEqual([expect.stringContaining('http://b belongs to another registry')]);
  servers.all[0]!.isDown = false;
  await servers.lookup(registry);
  await registry.close();
  await renewer.close();
});

test('an address of another registry that leaves the list is used when it is listed again', async () => {
  const servers = new Servers(2);
  const [a, b] = servers.all as [FakeRegistry, FakeRegistry];
  servers.list(['http://a', 'http://b']);
  const own = b.incarnation;
  b.incarnation = 'foreign';
  const registry = servers.client();
  await servers.lookup(registry);
  await servers.runtime.advance(2_000);
  a.isDown = true;
  await expect(servers.lookup(registry)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  expect(servers.warnings).toHaveLength(1);
  a.isDown = false;
  b.incarnation = own;
  for (const urls of [['http://a'], ['http://a', 'http://b']]) {
    servers.list(urls);
    await servers.lookup(registry);
    await servers.runtime.advance(6_000);
  }
  a.isDown = true;
  expect(await servers.lookup(registry)).toBeLessThanOrEqual(1_000);
  await registry.close();
});

test('a registry that takes a new incarnation is followed, and its servers are learned again', async () => {
  const servers = new Servers(2);
  servers.list(['http://a', 'http://b']);
  const registry = servers.client();
  await servers.lookup(registry);
  await servers.runtime.advance(2_000);
  for (const server of servers.all) {
    server.incarnation = 'second';
    server.put('/x', ['x2']);
  }
  await servers.lookup(registry);
  await servers.runtime.advance(2_000);
  servers.all[0]!.isDown = true;
  expect(await servers.lookup(registry)).toBeLessThanOrEqual(1_000);
  expect(servers.warnings).toEqual([]);
  await registry.close();
});

test('a list with servers of different registries causes one warning; a restored registry causes none', async () => {
  for (const isRestored of [false, true]) {
    const servers = new Servers(2);
    const [a, b] = servers.all as [FakeRegistry, FakeRegistry];
    if (!isRestored) b.incarnation = 'other';
    const registry = servers.client('http://a', 'http://b');
    for (let i = 0; i < 6; i++) {
      a.isDown = i % 2 === 1;
      await servers.lookup(registry);
      await servers.runtime.advance(15_000);
      if (isRestored && i === 3) a.incarnation = b.incarnation = 'second';
    }
    expect(servers.warnings).toEqual(
      isRestored ? [] : [expect.stringContaining('http://a and http://b state different incarnations')],
    );
    await registry.close();
  }
});

test('addresses that no client may use are not learned', async () => {
  for (const [configured, used] of [
    ['http://a', ['http://b', 'https://c', 'http://127.0.0.1:1', 'http://10.0.0.1:4711']],
    ['https://a', ['https://c']],
  ] as const) {
    const servers = new Servers(3, { hostId: 'own' });
    const urls = ['http://b', 'https://c', 'tcp://d:1', 'unix:/run/x', 'http://169.254.7.7', 'nonsense'];
    const more = ['http://0.0.0.0:80', 'http://169.254.169.254', 'http://user@e'];
    servers.listEndpoints([
      ...[...urls, ...more].map((url, i) => ({
        ...endpointMessage(`s${i}`),
        addresses: [url],
        epoch: i + 1,
      })),
      { ...endpointMessage('near'), addresses: ['http://127.0.0.1:1'], hostId: 'own', epoch: 50 },
      { ...endpointMessage('far'), addresses: ['http://127.0.0.1:2'], hostId: 'other', epoch: 51 },
      // The first address that can be used counts.
      {
        ...{ ...endpointMessage('several'), epoch: 52, hostId: 'other' },
        addresses: ['http://[::1]:3', 'http://10.0.0.1:4711', 'http://10.0.0.2:4711'],
      },
      { ...endpointMessage('a'), addresses: ['http://10.0.0.3:4711'], epoch: 53 },
    ]);
    // The server that responds is the one with the identifier `a`, which needs no second connection.
    servers.all[0]!.servers = 'a 1';
    const registry = servers.client(configured);
    await servers.lookup(registry);
    await servers.runtime.advance(2_000);
    expect([...servers.connectedTo].sort()).toEqual([configured, ...used].sort());
    await registry.close();
  }
});

test('of a long list, 32 servers are used', async () => {
  const servers = new Servers(1);
  servers.list(Array.from({ length: 100 }, (_, i) => `http://10.0.1.${i}:4711`));
  const registry = servers.client();
  await servers.lookup(registry);
  await servers.runtime.advance(2_000);
  expect(servers.connectedTo.size).toBe(33);
  await registry.close();
});

test('a client moves to a learned server on its host', async () => {
  const servers = new Servers(3, { hostAddresses: ['10.0.0.2'] });
  servers.list(['http://10.0.0.1', 'http://10.0.0.2']);
  for (const server of servers.all) server.servers = `none ${server.servers!.split(' ')[1]!}`;
  const registry = servers.client('http://a');
  const seen: unknown[] = [];
  registry.watch('/x', (snapshot) => void seen.push(snapshot));
  await servers.runtime.advance(20_000);
  expect(servers.all.map(({ streams }) => streams.size)).toEqual([0, 0, 1]);
  await registry.close();
});

test('1,000 clients that know one server spread over three, and return without a stampede', async () => {
  const servers = new Servers(3);
  servers.list(threeUrls);
  const clients = Array.from({ length: 1_000 }, () => servers.client());
  for (const client of clients) client.watch('/x', () => undefined);
  await servers.runtime.advance(30_000);
  const spread = servers.all.map(({ streams }) => streams.size);
  expect(Math.min(...spread)).toBeGreaterThan(250);
  expect(spread.reduce((sum, size) => sum + size)).toBe(1_000);

  const [first] = servers.all as [FakeRegistry];
  first.isDown = true;
  first.dropStreams();
  await servers.runtime.advance(5_000);
  expect(first.streams.size).toBe(0);
  first.isDown = false;
  servers.list(threeUrls);
  for (const server of servers.all) {
    server.requests.length = 0;
    server.sendHeartbeat();
  }
  for (let i = 0; i < 120; i++) {
    for (const client of clients.filter((_, k) => k % 20 === i % 20)) void client.resolve('/x', anyContext());
    await servers.runtime.advance(100);
  }
  expect(first.streams.size).toBe(spread[0]);
  // About 330 clients return within 5 s, and each looks up the list within 5 s.
  const lists = servers.all.flatMap(({ requests }) =>
    requests.filter(({ payload }) => payload?.name === registryServersName),
  );
  expect(lists).toHaveLength(1_000);
  expect(maxPerSecond(lists)).toBeLessThan(350);
  expect(maxPerSecond(first.requests.filter(({ path }) => path === paths.watch))).toBeLessThan(170);
  for (const client of clients) await client.close();
});

function maxPerSecond(requests: readonly { readonly at: number }[]): number {
  const counts = new Map<number, number>();
  for (const { at } of requests)
    counts.set(Math.floor(at / 1_000), (counts.get(Math.floor(at / 1_000)) ?? 0) + 1);
  return Math.max(...counts.values());
}
