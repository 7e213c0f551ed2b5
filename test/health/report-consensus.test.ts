/** A thousand clerks that reach different endpoints, with the naming of the registry, in virtual time: they reach consensus. */
import { expect, test } from 'vitest';
import type { EndpointReport, Registry } from '../../src/core/registry.js';
import type { ResolveResponse } from '../../src/protocol/lookup-messages.js';
import { HealthReporter, type HealthSource } from '../../src/health/health-reporter.js';
import {
  registration,
  localCaller,
  nameServerHarness,
  type NameServerHarness,
} from '../server/naming/name-server-harness.js';

const clerks = 1_000;
const name = '/shop/orders';

interface Simulation extends NameServerHarness {
  /** Whether clerk `i` reaches endpoint `id`: `a`, `b` or `c`. */
  reaches: (i: number, id: string) => boolean;
  /** The endpoints as each clerk resolved them; `a b!` means that b is suspect. */
  readonly resolved: string[];
  /** Number of messages in each second. */
  readonly rate: Map<number, number>;
  /** Whether the registry is unreachable. */
  isUnreachable: boolean;
  /** Opens all watches again within a second, as after a restart of the registry. */
  reconnect(): void;
  /** Every clerk calls every endpoint. */
  call(): void;
}

async function simulateClerks(): Promise<Simulation> {
  const simulation = await nameServerHarness();
  for (const id of 'abc')
    await simulation.names.register(registration(name, id, { leaseMs: 600_000 }), localCaller);
  const rate = new Map<number, number>();
  const members: { readonly reporter: HealthReporter; readonly source: HealthSource; watch(): void }[] = [];
  const clerksSimulation: Simulation = Object.assign(simulation, {
    reaches: () => true,
    resolved: new Array<string>(clerks).fill(''),
    rate,
    isUnreachable: false,
    reconnect: () => {
      for (const { watch } of members)
        simulation.runtime.setTimer(watch, 1_000 * simulation.runtime.random());
    },
    call: () => {
      for (const [i, { reporter, source }] of members.entries())
        for (const id of 'abc') if (!clerksSimulation.reaches(i, id)) reporter.onUnreachable(source, id);
      for (const { reporter, source } of members) reporter.onHealthChanged(source);
    },
  });
  for (let i = 0; i < clerks; i++) {
    const source: HealthSource = {
      endpointReports: (ids) =>
        [...ids.keys()].map((id): EndpointReport => {
          const verdict = clerksSimulation.reaches(i, id) ? 'reachable' : 'unreachable';
          return { name, id, epoch: 'abc'.indexOf(id) + 1, verdict };
        }),
    };
    const registry: Registry = {
      resolve: () => ({ kind: 'absent' }),
      async report(report) {
        const second = Math.floor(simulation.runtime.now() / 1_000);
        rate.set(second, (rate.get(second) ?? 0) + 1);
        if (clerksSimulation.isUnreachable) throw new Error('The registry is unreachable');
        simulation.names.report(report, { principal: `address:10.0.${i >> 8}.${i & 255}` });
      },
    };
    const reporter = new HealthReporter({
      clock: simulation.runtime,
      registry,
      signal: new AbortController().signal,
    });
    const watch = (): void => {
      simulation.names.watch({
        id: `w${i}`,
        globs: [name],
        since: undefined,
        onEvent: (event) => {
          if (event.type !== 'put') return;
          const { endpoints, healthQueried = [] } = event.entry as ResolveResponse;
          clerksSimulation.resolved[i] = endpoints
            .map(({ id, state }) => id + (state === 'up' ? '' : '!'))
            .join(' ');
          reporter.onQueried(source, healthQueried);
        },
      });
    };
    members.push({ reporter, source, watch });
    watch();
  }
  await simulation.runtime.advance(10);
  return clerksSimulation;
}

const distinct = (simulation: Simulation): string[] => [...new Set(simulation.resolved)];
const maxRate = (simulation: Simulation): number => Math.max(0, ...simulation.rate.values());

test('clerks that reach all endpoints send no reports', async () => {
  const simulation = await simulateClerks();
  simulation.call();
  await simulation.runtime.advance(30_000);
  expect(maxRate(simulation)).toBe(0);
  expect(distinct(simulation)).toEqual(['a b c']);
});

test.each([
  ['all but a few', 990, 'a b! c'],
  ['a small majority', 510, 'a b! c'],
  ['a large minority', 490, 'a b c'],
  ['one', 1, 'a b c'],
])(
  '%s cannot reach an endpoint: all clerks agree within seconds, and stay so',
  async (_who, cut, expected) => {
    const simulation = await simulateClerks();
    simulation.reaches = (i, id) => id !== 'b' || i >= cut;
    simulation.call();
    await simulation.runtime.advance(6_000);
    expect(distinct(simulation)).toEqual([expected]);
    for (let i = 0; i < 6; i++) {
      await simulation.runtime.advance(10_000);
      expect(distinct(simulation)).toEqual([expected]);
    }
    expect(simulation.names.healthStats.suspectTransitions).toBe(expected.includes('!') ? 1 : 0);
    // The endpoint recovers.
    simulation.reaches = () => true;
    simulation.call();
    await simulation.runtime.advance(6_000);
    expect(distinct(simulation)).toEqual(['a b c']);
    await simulation.runtime.advance(30_000);
    expect(simulation.names.resolve(name).healthQueried).toBeUndefined();
  },
);

test('a restarted registry reaches the same consensus without a burst of reports', async () => {
  const simulation = await simulateClerks();
  simulation.reaches = (i, id) => id !== 'b' || i >= 600;
  simulation.call();
  await simulation.runtime.advance(20_000);
  expect(distinct(simulation)).toEqual(['a b! c']);
  simulation.rate.clear();
  await simulation.runtime.advance(20_000);
  const steady = [...simulation.rate.values()].reduce((sum, count) => sum + count, 0) / 20;
  simulation.rate.clear();
  simulation.isUnreachable = true;
  await simulation.runtime.advance(3_000);
  await simulation.restart();
  simulation.isUnreachable = false;
  simulation.reconnect();
  await simulation.runtime.advance(8_000);
  expect(distinct(simulation)).toEqual(['a b! c']);
  await simulation.runtime.advance(20_000);
  expect(distinct(simulation)).toEqual(['a b! c']);
  expect(steady).toBeGreaterThan(100);
  // Contract clause C4.4.
  expect(maxRate(simulation)).toBeLessThanOrEqual(3 * steady);
});
