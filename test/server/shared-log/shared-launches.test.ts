import { expect, test } from 'vitest';
import type { NameService } from '../../../src/server/ports.js';
import { codeOf, localCaller, registration } from '../naming/name-server-harness.js';
import { SharedServers } from './shared-servers.js';

const alone = { isBeside: false, deadIds: [] };

const open = async () => {
  const servers = new SharedServers();
  const started = await servers.startAll(2);
  const [a, b] = started.map(({ names }) => names) as [NameService, NameService];
  await a.define({ name: '/s' });
  await servers.runtime.advance(0);
  const intend = (names: NameService, instance: string) =>
    names.launches.recordIntent(
      {
        name: '/s',
        manifest: 's',
        instance,
        ticketHash: servers.runtime.sha256(`ticket of ${instance}`),
        registryKey: 'aa',
        startedAt: servers.runtime.wallNow(),
      },
      alone,
    );
  const registerLaunched = (names: NameService, instance: string, epoch: number) =>
    names.register(registration('/s', instance, { epoch, ticket: `ticket of ${instance}` }), localCaller);
  return { servers, started, a, b, intend, registerLaunched };
};

test('of two servers that are asked at once, one starts the service, and the other waits', async () => {
  const { servers, a, b, intend, registerLaunched } = await open();
  const records = await Promise.all([intend(a, 'i'), intend(b, 'j')]);
  const [record] = records.filter((each) => each !== undefined);
  expect(records.filter((each) => each === undefined)).toHaveLength(1);
  await servers.runtime.advance(0);
  expect([a, b].map((names) => names.launches.isStartingElsewhere('/s')).sort()).toEqual([false, true]);
  expect([a, b].map((names) => names.launches.all().length).sort()).toEqual([0, 1]);
  const registered: string[] = [];
  b.onRegistered((_, id) => registered.push(id));
  await registerLaunched(a, record?.instance ?? '', record?.epoch ?? 0);
  await servers.runtime.advance(0);
  expect(registered).toEqual([record?.instance]);
  expect(await intend(b, 'k')).toBeUndefined();
  expect(b.launches.isStartingElsewhere('/s')).toBe(false);
});

test('a server starts a service that a server has begun to start and is gone, and the earlier process cannot register', async () => {
  const { servers, started, a, b, intend, registerLaunched } = await open();
  const first = await intend(a, 'i');
  await servers.runtime.advance(0);
  expect(await intend(b, 'j')).toBeUndefined();
  started[0]?.kill();
  servers.engine.cut('server-1');
  await servers.runtime.advance(20_000);
  expect(b.launches.isStartingElsewhere('/s')).toBe(false);
  const second = await intend(b, 'j');
  expect(second?.epoch).toBeGreaterThan(first?.epoch ?? Infinity);
  expect(await codeOf(registerLaunched(b, 'i', first?.epoch ?? 0))).toBe('TICKET_REFUSED');
  expect(await codeOf(registerLaunched(b, 'j', second?.epoch ?? 0))).toBe('done');
});
