import { expect, test } from 'vitest';
import type { NameService } from '../../../src/server/ports.js';
import { localCaller, registration } from '../naming/name-server-harness.js';
import { renewAt, SharedServers } from './shared-servers.js';

test('reports at any server reach the one that judges the endpoint, and all show its status', async () => {
  const servers = new SharedServers();
  const [a, b, c] = (await servers.startAll(3)).map(({ names }) => names) as [
    NameService,
    NameService,
    NameService,
  ];
  const { runtime, engine } = servers;
  const { epoch, secret } = await a.register(registration('/s', 'i', { leaseMs: 60_000 }), localCaller);
  await a.register(registration('/s', 'j', { leaseMs: 60_000 }), localCaller);
  await runtime.advance(0);
  const report = (names: NameService, clerk: string, verdict: 'reachable' | 'unreachable'): void =>
    names.report(
      { clerk, reports: [{ name: '/s', id: 'i', epoch, verdict }] },
      { principal: `address:10.0.0.${clerk}` },
    );
  const states = (): readonly string[] =>
    [a, b, c].map((names) => names.resolve('/s').endpoints.find(({ id }) => id === 'i')?.state ?? '');
  const before = engine.appends;
  report(b, '1', 'reachable');
  await runtime.advance(100);
  expect(engine.appends).toBe(before);
  report(b, '1', 'unreachable');
  report(c, '2', 'unreachable');
  report(a, '3', 'reachable');
  await runtime.advance(5_000);
  expect(states()).toEqual(['suspect', 'suspect', 'suspect']);
  // The server that takes the endpoint over judges it from then on.
  await renewAt(b, { renewals: [{ name: '/s', id: 'i', epoch, secret }] });
  await runtime.advance(30_000);
  expect(states()).toEqual(['up', 'up', 'up']);
});
