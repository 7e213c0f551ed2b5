/**
 * Endpoints that have registered before they accept connections.
 *
 * @see [C5.9](../../../docs/guarantees.md#c5-9)
 */
import { expect, test } from 'vitest';
import type { NameService } from '../../../src/server/ports.js';
import { localCaller, nameServerHarness, recordWatch, registration } from './name-server-harness.js';

const starting = { state: 'starting' } as const;

const listed = (names: NameService, name: string) => {
  const { endpoints, starting: early = [] } = names.resolve(name);
  return [endpoints.map(({ id, state }) => `${id} ${state}`), early.map(({ id, state }) => `${id} ${state}`)];
};

test('a starting endpoint is in no list of endpoints, and is up with the same epoch', async () => {
  const { names, runtime } = await nameServerHarness();
  const watch = recordWatch(names, ['/a']);
  await names.register(registration('/a', 'a', starting), localCaller);
  await runtime.advance(100);
  expect(listed(names, '/a')).toEqual([[], ['a starting']]);
  expect(names.search('/**', {}).entries).toEqual([]);
  expect(names.list('/**', undefined, 9).entries).toEqual([
    { name: '/a', kind: 'service', endpoints: 1, starting: 1 },
  ]);
  expect(names.whois('http://127.0.0.1:3001').owners).toEqual([{ name: '/a', id: 'a', epoch: 1 }]);
  const { epoch } = await names.register(registration('/a', 'a', { epoch: 1 }), localCaller);
  expect(epoch).toBe(1);
  expect(listed(names, '/a')).toEqual([['a up'], []]);
  expect('starting' in names.resolve('/a')).toBe(false);
  expect(names.list('/**', undefined, 9).entries).toEqual([{ name: '/a', kind: 'service', endpoints: 1 }]);
  await runtime.advance(100);
  expect(watch.lines().filter((line) => line.startsWith('/a'))).toEqual(['/a = []', '/a = [a]']);
});

test('a starting endpoint keeps its lease and its epoch, also over a restart of the registry', async () => {
  const harness = await nameServerHarness();
  await harness.names.register(registration('/a', 'a', starting), localCaller);
  await harness.restart();
  expect(listed(harness.names, '/a')).toEqual([[], ['a starting']]);
  await harness.runtime.advance(8_000);
  expect(harness.names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] }).results).toEqual(['renewed']);
  await harness.runtime.advance(8_000);
  expect(listed(harness.names, '/a')).toEqual([[], ['a starting']]);
  await harness.runtime.advance(10_000);
  expect(listed(harness.names, '/a')).toEqual([[], []]);
  expect(harness.names.list('/**', undefined, 9).entries).toEqual([
    { name: '/a', kind: 'service', endpoints: 0 },
  ]);
});

test('a withdrawn starting endpoint is removed at once, and does not drain', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/a', 'a', starting), localCaller);
  const { appliesInMs } = await names.withdraw({ name: '/a', id: 'a', epoch: 1 });
  expect(appliesInMs).toBe(0);
  expect(listed(names, '/a')).toEqual([[], []]);
});

test('reports about a starting endpoint are ignored', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'a', starting), localCaller);
  await names.register(registration('/a', 'b'), localCaller);
  const reported: string[] = [];
  names.onUnreachable((id) => reported.push(id));
  const reports = ['a', 'b'].map((id, i) => ({
    ...{ name: '/a', id, epoch: i + 1 },
    verdict: 'unreachable' as const,
  }));
  names.report({ clerk: 'c1', reports }, localCaller);
  await runtime.advance(5_000);
  expect(reported).toEqual(['b']);
  expect(names.isSuspect('/a', 'a')).toBe(false);
  expect(names.resolve('/a').healthQueried).toEqual(['b']);
});

test('a starting endpoint does not make the only endpoint of callers suspect', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'a'), localCaller);
  await names.register(registration('/a', 'b', starting), localCaller);
  names.report(
    { clerk: 'c1', reports: [{ name: '/a', id: 'a', epoch: 1, verdict: 'unreachable' }] },
    localCaller,
  );
  await runtime.advance(4_000);
  names.renew({ renewals: [{ name: '/a', id: 'b', epoch: 2 }] });
  names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] });
  expect(names.isSuspect('/a', 'a')).toBe(true);
  expect(listed(names, '/a')).toEqual([['a up'], ['b starting']]);
});

test('a process that registers its id again before it listens takes its endpoint from the lookups', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/a', 'a'), localCaller);
  await names.register(registration('/a', 'a', starting), localCaller);
  expect(listed(names, '/a')).toEqual([[], ['a starting']]);
});

test('a moved name keeps its starting endpoint', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/a', 'a', starting), localCaller);
  await names.move({ from: '/a', to: '/b' });
  expect(listed(names, '/b')).toEqual([[], ['a starting']]);
  await names.register(registration('/b', 'a', { epoch: 1 }), localCaller);
  expect(names.list('/b', undefined, 9).entries).toEqual([{ name: '/b', kind: 'service', endpoints: 1 }]);
});

test('the launcher learns of a registration only when the endpoint is up', async () => {
  const { names } = await nameServerHarness();
  const registered: string[] = [];
  names.onRegistered((_name, id) => registered.push(id));
  await names.register(registration('/a', 'a', starting), localCaller);
  expect(registered).toEqual([]);
  await names.register(registration('/a', 'a', { epoch: 1 }), localCaller);
  expect(registered).toEqual(['a']);
});
