/** A thousand clerks with views of their own, the registry's names and time itself, in memory: they come to one view. */
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
  /** Whom clerk `i` reaches of `a`, `b`, `c`. */
  views: (i: number, id: string) => boolean;
  /** How each clerk sees the endpoints: `a b!` means that b is marked. */
  readonly seen: string[];
  /** Reports a second. */
  readonly rate: Map<number, number>;
  /** The registry is away. */
  isAway: boolean;
  /** Watches anew, as after a registry that was restarted; each clerk within a second. */
  reconnect(): void;
  /** Every clerk calls everybody. */
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

test('as long as all is well, nobody says anything', async () => {
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
  '%s cannot reach it: all clerks see the same within seconds, and go on to',
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
    // And back again.
    made.views = () => true;
    made.call();
    await made.runtime.advance(6_000);
    expect(distinct(made)).toEqual(['a b c']);
    await made.runtime.advance(30_000);
    expect(made.names.resolve(name).healthQueried).toBeUndefined();
  },
);

test('a registry that was restarted comes to the same view, and nobody storms it', async () => {
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
  // C4.4
  expect(most(made)).toBeLessThanOrEqual(3 * steady);
});
