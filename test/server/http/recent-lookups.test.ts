import { expect, test } from 'vitest';
import { RecentLookups } from '../../../src/server/http/recent-lookups.js';
import { startHarness } from './http-harness.js';

function lookupsAt(links: Readonly<Record<string, string>> = {}) {
  const clock = { at: 0, now: () => clock.at };
  const lookups = new RecentLookups(clock, (name) =>
    name.startsWith('/absent') ? undefined : (links[name] ?? name),
  );
  return { clock, lookups };
}

test('only a principal with a recent lookup of the service may report it', () => {
  const { clock, lookups } = lookupsAt({ '/alias': '/a' });
  expect(lookups.mayReport('one', '/a')).toBe(false);
  lookups.record('one', '/alias');
  lookups.record('one', '/absent');
  expect([lookups.mayReport('one', '/a'), lookups.mayReport('one', '/alias')]).toEqual([true, true]);
  expect([lookups.mayReport('two', '/a'), lookups.mayReport('one', '/b')]).toEqual([false, false]);
  expect(lookups.mayReport('one', '/absent')).toBe(false);
  clock.at = 59_999;
  expect(lookups.mayReport('one', '/a')).toBe(true);
  clock.at = 300_000;
  expect(lookups.mayReport('one', '/a')).toBe(false);
});

test('a principal that continues to report may do so; a lookup counts for a minute at least', () => {
  const { clock, lookups } = lookupsAt();
  clock.at = 59_000;
  lookups.record('one', '/a');
  lookups.record('one', '/b');
  for (clock.at = 60_000; clock.at < 600_000; clock.at += 4_000)
    expect(lookups.mayReport('one', '/a')).toBe(true);
  expect(lookups.mayReport('one', '/b')).toBe(false);
});

test('a principal with many names displaces no other', () => {
  const { lookups } = lookupsAt();
  lookups.record('one', '/a');
  for (let i = 0; i < 300_000; i++) lookups.record('flood', `/n${String(i)}`);
  expect(lookups.mayReport('one', '/a')).toBe(true);
  expect(lookups.mayReport('flood', '/n1')).toBe(true);
  expect(lookups.mayReport('flood', '/n299999')).toBe(false);
});

test('reports of services that were not looked up do not reach the name server', async () => {
  const { post, get, names } = await startHarness();
  names.put('/a');
  names.put('/b');
  const reportOf = (name: string) => ({ name, id: 'a', epoch: 1, verdict: 'unreachable' });
  const report = { clerk: 'c', reports: [reportOf('/a'), reportOf('/b')] };
  expect(await post('/v1/report', report)).toMatchObject({ status: 200, json: {} });
  expect(names.requests).toEqual([]);
  await get('/v1/resolve?name=/b');
  await post('/v1/report', report);
  expect(names.requests).toMatchObject([
    { what: 'report', request: { clerk: 'c', reports: [{ name: '/b' }] } },
  ]);
});
