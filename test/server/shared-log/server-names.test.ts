/** Several servers over one engine register themselves in the name space. */
import { expect, test } from 'vitest';
import { registryServersName } from '../../../src/protocol/registry-servers.js';
import type { NameService } from '../../../src/server/ports.js';
import { codeOf, localCaller, recordWatch, registration } from '../naming/name-server-harness.js';
import { SharedServers } from './shared-servers.js';

const urlsAt = (names: NameService): readonly string[] =>
  names.resolveJson(registryServersName) === undefined
    ? []
    : names.resolve(registryServersName).endpoints.flatMap(({ addresses }) => addresses);
const versionAt = (names: NameService): string | undefined => names.servers?.statement?.split(' ')[1];

async function announced(count: number) {
  const servers = new SharedServers();
  const started = await servers.startAll(count);
  for (const [i, { names }] of started.entries()) names.servers?.announce([`http://10.0.0.${i}:4711`]);
  await servers.runtime.advance(1_000);
  return { servers, started, names: started.map(({ names }) => names), runtime: servers.runtime };
}

test('each server shows the addresses of all servers, and states the same version of the list', async () => {
  const { names } = await announced(3);
  for (const each of names) expect(urlsAt(each)).toHaveLength(3);
  expect(names[0]!.resolve(registryServersName).endpoints).toContainEqual(
    expect.objectContaining({ addresses: ['http://10.0.0.1:4711'], state: 'up', leaseMs: 5_000 }),
  );
  expect(new Set(names.map(versionAt)).size).toBe(1);
  expect(new Set(names.map(({ servers }) => servers?.statement)).size).toBe(3);
});

test('a server that announces nothing is not listed, and states the list of the others', async () => {
  const servers = new SharedServers();
  const [a, b] = [await servers.start(), await servers.start()];
  expect([a.names.servers?.statement, urlsAt(a.names)]).toEqual([undefined, []]);
  b.names.servers?.announce(['http://b']);
  await servers.runtime.advance(1_000);
  expect(urlsAt(a.names)).toEqual(['http://b']);
  expect(versionAt(a.names)).toBe(versionAt(b.names));
});

test('renewals keep the servers in the list, and write nothing', async () => {
  const { names, runtime } = await announced(2);
  const { revision } = names[0]!.present;
  await runtime.advance(60_000);
  expect(urlsAt(names[1]!)).toHaveLength(2);
  expect(names[0]!.present.revision).toBe(revision);
});

test('a server that is killed disappears within its session and its lease; one that closes, at once', async () => {
  const { started, names, runtime } = await announced(3);
  const before = versionAt(names[2]!);
  await Promise.all([started[0]!.names.close(), runtime.advance(500)]);
  expect(urlsAt(names[2]!)).toEqual(['http://10.0.0.1:4711', 'http://10.0.0.2:4711']);
  expect(versionAt(names[2]!)).not.toBe(before);
  started[1]!.kill();
  await runtime.advance(10_000);
  expect(urlsAt(names[2]!)).toHaveLength(2);
  // 12 s for the session, 1 s until it is noticed, and 5 s for the lease.
  await runtime.advance(10_000);
  expect(urlsAt(names[2]!)).toEqual(['http://10.0.0.2:4711']);
});

test('a server that hung for long registers again', async () => {
  const { started, names, runtime } = await announced(2);
  started[0]!.pause();
  await runtime.advance(30_000);
  expect(urlsAt(names[1]!)).toEqual(['http://10.0.0.1:4711']);
  started[0]!.resume();
  await runtime.advance(10_000);
  for (const each of names)
    expect([...urlsAt(each)].sort()).toEqual(['http://10.0.0.0:4711', 'http://10.0.0.1:4711']);
});

test('no client changes the name of the servers', async () => {
  const { names, runtime } = await announced(2);
  const [a] = names as [NameService];
  const { id, epoch } = a.resolve(registryServersName).endpoints[0]!;
  await a.define({ name: '/other' });
  await runtime.advance(0);
  const changes = {
    register: () => a.register(registration(registryServersName, 'x'), localCaller),
    'register below it': () => a.register(registration(`${registryServersName}/x`, 'x'), localCaller),
    define: () => a.define({ name: registryServersName }),
    remove: () => a.remove({ name: registryServersName, recursive: true, force: true }),
    'remove its parent': () => a.remove({ name: '/clerk', recursive: true, force: true }),
    move: () => a.move({ from: registryServersName, to: '/mine' }),
    'move to it': () => a.move({ from: '/other', to: `${registryServersName}/x` }),
    withdraw: () => a.withdraw({ name: registryServersName, id, epoch, secret: 'guess' }, localCaller),
    import: () =>
      a.importLines([{ kind: 'link', name: `${registryServersName}/x`, target: '/other', guaranteedMs: 0 }]),
  };
  for (const [what, change] of Object.entries(changes))
    expect([what, await codeOf(change())]).toEqual([what, 'FORBIDDEN']);
  expect(urlsAt(a)).toHaveLength(2);
});

test('before a server is listed, no client can lead its name elsewhere', async () => {
  const servers = new SharedServers();
  const { names } = await servers.start();
  for (const name of ['/clerk', registryServersName])
    expect(await codeOf(names.link({ name, target: '/other' }))).toBe('FORBIDDEN');
  expect(await codeOf(names.define({ name: '/clerk/other' }))).toBe('done');
});

test('only a list or a watch that names the directory of the registry shows its servers', async () => {
  const { names, runtime } = await announced(1);
  const [a] = names as [NameService];
  const wide = recordWatch(a, ['/**', '/*/registry']);
  const narrow = recordWatch(a, ['/clerk/*']);
  await a.define({ name: '/other' });
  await runtime.advance(1_000);
  const listed = (glob: string) => a.list(glob, undefined, 100).entries.map(({ name }) => name);
  expect(['/**', '/*', '/clerk/*', '/clerk/**', registryServersName].map(listed)).toEqual([
    ['/other'],
    ['/other'],
    [registryServersName],
    [registryServersName],
    [registryServersName],
  ]);
  expect(a.search('/**', {}).entries).toEqual([]);
  expect(a.search('/clerk/**', {}).entries).toHaveLength(1);
  const shownBy = ({ received }: typeof wide) =>
    received.flatMap(({ event }) => (event.type === 'put' ? [event.name] : []));
  expect([shownBy(wide), shownBy(narrow)]).toEqual([['/other'], [registryServersName]]);
});

test('an open watch states the list with its heartbeats', async () => {
  const { names, runtime } = await announced(1);
  const [a] = names as [NameService];
  const { received } = recordWatch(a, ['/x']);
  await runtime.advance(10_000);
  const eventOf = (wanted: string) => received.find(({ event }) => event.type === wanted)?.event;
  const servers = a.servers?.statement;
  expect(eventOf('open')).toMatchObject({ servers });
  expect(eventOf('heartbeat')).toEqual({ type: 'heartbeat', servers });
});
