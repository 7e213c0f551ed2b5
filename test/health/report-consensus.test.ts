/** A thousand clerks that reach different endpoints, with the naming of the registry, in virtual time: they reach consensus. */
import { expect, test } from 'vitest';
import type { EndpointReport, Registry } from '../../src/core/registry.js';
import type { ResolveResponse } from '../../src/protocol/messages.js';
import { HealthReporter, type HealthSource } from '../../src/health/health-reporter.js';
import {
  registration,
  localCaller,
  nameServerHarness,
  type NameServerHarness,
} from '../server/naming/name-server-harness.js';

const clerks = 1_000;
const name = '/shop/orders';

interface Crowd extends NameServerHarness {
  /** Whether clerk `i` reaches endpoint `id`: `a`, `b` or `c`. */
  views: (i: number, id: string) => boolean;
  /** The endpoints as each clerk resolved them; `a b!` means that b is suspect. */
  readonly seen: string[];
  /** Number of messages in each second. */
  readonly rate: Map<number, number>;
  /** Whether the registry is unreachable. */
  isAway: boolean;
  /** Opens all watches again within a second, as after a restart of the registry. */
  reconnect(): void;
  /** Every clerk calls every endpoint. */
  call(): void;
}

async function crowd(): Promise<Crowd> {
  const made = await nameServerHarness();
  for (const id of 'abc')
    await made.names.register(registration(name, id, { leaseMs: 600_000 }), localCaller);
  const rate = new Map<number, number>();
  const members: { readonly witness: HealthReporter; readonly party: HealthSource; watch(): void }[] = [];
  const crowded: Crowd = Object.assign(made, {
    views: () => true,
    seen: new Array<string>(clerks).fill(''),
    rate,
    isAway: false,
    reconnect: () => {
      for (const { watch } of members) made.runtime.setTimer(watch, 1_000 * made.runtime.random());
    },
    call: () => {
      for (const [i, { witness, party }] of members.entries())
        for (const id of 'abc') if (!crowded.views(i, id)) witness.onUnreachable(party, id);
      for (const { witness, party } of members) witness.onHealthChanged(party);
    },
  });
  for (let i = 0; i < clerks; i++) {
    const party: HealthSource = {
      endpointReports: (ids) =>
        [...ids.keys()].map((id): EndpointReport => {
          const verdict = crowded.views(i, id) ? 'reachable' : 'unreachable';
          return { name, id, epoch: 'abc'.indexOf(id) + 1, verdict };
        }),
    };
    const registry: Registry = {
      resolve: () => ({ kind: 'absent' }),
      async report(report) {
        const second = Math.floor(made.runtime.now() / 1_000);
        rate.set(second, (rate.get(second) ?? 0) + 1);
        if (crowded.isAway) throw new Error('The registry is away');
        made.names.report(report, { principal: `address:10.0.${i >> 8}.${i & 255}` });
      },
    };
    const witness = new HealthReporter({
      clock: made.runtime,
      registry,
      signal: new AbortController().signal,
    });
    const watch = (): void => {
      made.names.watch({
        id: `w${i}`,
        globs: [name],
        since: undefined,
        onEvent: (event) => {
          if (event.type !== 'put') return;
          const { endpoints, healthQueried = [] } = event.entry as ResolveResponse;
          crowded.seen[i] = endpoints.map(({ id, state }) => id + (state === 'up' ? '' : '!')).join(' ');
          witness.onQueried(party, healthQueried);
        },
      });
    };
    members.push({ witness, party, watch });
    watch();
  }
  await made.runtime.advance(10);
  return crowded;
}

const distinct = (made: Crowd): string[] => [...new Set(made.seen)];
const most = (made: Crowd): number => Math.max(0, ...made.rate.values());

test('clerks that reach all endpoints send no reports', async () => {
  const made = await crowd();
  made.call();
  await made.runtime.advance(30_000);
  expect(most(made)).toBe(0);
  expect(distinct(made)).toEqual(['a b c']);
});

test.each([
  ['all but a few', 990, 'a b! c'],
  ['a small majority', 510, 'a b! c'],
  ['a large minority', 490, 'a b c'],
  ['one', 1, 'a b c'],
])(
  '%s cannot reach an endpoint: all clerks agree within seconds, and stay so',
  async (_who, cut, expected) => {
    const made = await crowd();
    made.views = (i, id) => id !== 'b' || i >= cut;
    made.call();
    await made.runtime.advance(6_000);
    expect(distinct(made)).toEqual([expected]);
    for (let i = 0; i < 6; i++) {
      await made.runtime.advance(10_000);
      expect(distinct(made)).toEqual([expected]);
    }
    expect(made.names.healthStats.suspectTransitions).toBe(expected.includes('!') ? 1 : 0);
    // The endpoint recovers.
    made.views = () => true;
    made.call();
    await made.runtime.advance(6_000);
    expect(distinct(made)).toEqual(['a b c']);
    await made.runtime.advance(30_000);
    expect(made.names.resolve(name).healthQueried).toBeUndefined();
  },
);

test('a restarted registry reaches the same consensus without a burst of reports', async () => {
  const made = await crowd();
  made.views = (i, id) => id !== 'b' || i >= 600;
  made.call();
  await made.runtime.advance(20_000);
  expect(distinct(made)).toEqual(['a b! c']);
  made.rate.clear();
  await made.runtime.advance(20_000);
  const steady = [...made.rate.values()].reduce((sum, count) => sum + count, 0) / 20;
  made.rate.clear();
  made.isAway = true;
  await made.runtime.advance(3_000);
  await made.restart();
  made.isAway = false;
  made.reconnect();
  await made.runtime.advance(8_000);
  expect(distinct(made)).toEqual(['a b! c']);
  await made.runtime.advance(20_000);
  expect(distinct(made)).toEqual(['a b! c']);
  expect(steady).toBeGreaterThan(100);
  // Contract clause C4.4.
  expect(most(made)).toBeLessThanOrEqual(3 * steady);
});
