/** What a clerk reports to its registry, and when. In virtual time. */
import { expect, test } from 'vitest';
import type { EndpointReport, Registry, HealthReport } from '../../src/core/registry.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { HealthReporter, type HealthSource } from '../../src/health/health-reporter.js';

/** One reporter for the service `/a`, whose verdicts the test sets. */
function world({ answers = async () => {} }: { answers?: (report: HealthReport) => Promise<void> } = {}) {
  const runtime = createFakeRuntime({ seed: 3, startAt: 1_000 });
  const told: { readonly at: number; readonly words: string; readonly clerk: string }[] = [];
  const controller = new AbortController();
  const views = new Map<string, EndpointReport['verdict']>();
  const party: HealthSource = {
    endpointReports: (ids) =>
      [...ids.keys()].flatMap((id) => {
        const verdict = views.get(id);
        return verdict === undefined ? [] : [{ name: '/a', id, epoch: 1, verdict }];
      }),
  };
  const registry: Registry = {
    resolve: () => ({ kind: 'absent' }),
    report(report) {
      const words = report.reports.map(({ id, verdict }) => id + (verdict === 'reachable' ? '+' : '-'));
      told.push({ at: runtime.now(), words: words.join(' '), clerk: report.clerk });
      return answers(report);
    },
  };
  const witness = new HealthReporter({ clock: runtime, registry, signal: controller.signal });
  return {
    runtime,
    told,
    views,
    party,
    witness,
    registry,
    controller,
    words: () => told.splice(0).map(({ words }) => words),
  };
}

test('an unreachable endpoint is reported soon and repeatedly, without keeping the process alive', async () => {
  const { runtime, told, views, party, witness } = world();
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  expect(runtime.refTimers).toBe(0);
  await runtime.advance(249);
  expect(told).toEqual([]);
  await runtime.advance(1_001);
  expect(told).toHaveLength(1);
  await runtime.advance(60_000);
  const gaps = told.slice(1).map(({ at }, i) => at - told[i]!.at);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(2_500);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000);
  expect(new Set(told.map(({ words }) => words))).toEqual(new Set(['b-']));
  expect(new Set(told.map(({ clerk }) => clerk)).size).toBe(1);
  expect(told[0]!.clerk).toMatch(/^[0-9a-z]{24}$/);
  expect(runtime.refTimers).toBe(0);
});

test('a failure that ends before the report is not reported', async () => {
  const { runtime, told, views, party, witness } = world();
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  views.set('b', 'reachable');
  await runtime.advance(60_000);
  expect(told).toEqual([]);
  expect(runtime.pendingTimers).toBe(0);
});

test('a recovery is reported soon, once', async () => {
  const { runtime, views, party, witness, words } = world();
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  await runtime.advance(1_300);
  expect(words()).toEqual(['b-']);
  views.set('b', 'reachable');
  witness.onHealthChanged(party);
  await runtime.advance(2_300);
  expect(words()).toEqual(['b+']);
  await runtime.advance(60_000);
  expect(words()).toEqual([]);
});

test('a health change without a new verdict is not reported', async () => {
  const { runtime, views, party, witness, words } = world();
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  await runtime.advance(1_300);
  for (let i = 0; i < 100; i++) {
    witness.onHealthChanged(party);
    witness.onUnreachable(party, 'b');
    await runtime.advance(100);
  }
  expect(words().length).toBeLessThanOrEqual(4);
});

test('an endpoint without recent evidence is no longer reported', async () => {
  const { runtime, views, party, witness, words } = world();
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  await runtime.advance(1_300);
  views.delete('b');
  await runtime.advance(60_000);
  expect(words()).toEqual(['b-']);
  expect(runtime.pendingTimers).toBe(0);
});

test('a queried endpoint is reported reachable for as long as it is queried', async () => {
  const { runtime, views, party, witness, words } = world();
  views.set('b', 'reachable');
  witness.onQueried(party, ['b', 'c']);
  await runtime.advance(1_300);
  expect(words()).toEqual(['b+']);
  witness.onQueried(party, ['b', 'c']);
  await runtime.advance(6_000);
  expect(words()).toEqual(['b+']);
  // It is called now, without a further query.
  views.set('c', 'reachable');
  await runtime.advance(6_000);
  expect(words().join(' ')).toContain('c+');
  witness.onQueried(party, []);
  await runtime.advance(60_000);
  expect(words()).toEqual([]);
  expect(runtime.pendingTimers).toBe(0);
});

test('one message covers all services, at most 100 endpoints; the others follow in the next', async () => {
  const { runtime, told, views, party, witness } = world();
  const ids = Array.from({ length: 250 }, (_, i) => `i${i}`);
  for (const id of ids) {
    views.set(id, 'unreachable');
    witness.onUnreachable(party, id);
  }
  await runtime.advance(10_000);
  for (const { words } of told) expect(words.split(' ').length).toBeLessThanOrEqual(100);
  expect(new Set(told.flatMap(({ words }) => words.split(' '))).size).toBe(250);
  for (const [i, { at }] of told.slice(1).entries()) expect(at - told[i]!.at).toBeGreaterThanOrEqual(1_000);
});

test('all services are reported although one exceeds the limit of a message', async () => {
  const { runtime, told, views, party, witness } = world();
  const other: HealthSource = {
    endpointReports: () => [{ name: '/b', id: 'other', epoch: 1, verdict: 'unreachable' }],
  };
  for (let i = 0; i < 900; i++) {
    views.set(`i${i}`, 'unreachable');
    witness.onUnreachable(party, `i${i}`);
  }
  witness.onUnreachable(other, 'other');
  await runtime.advance(15_000);
  expect(told.filter(({ words }) => words.includes('other-')).length).toBeGreaterThan(0);
});

test.each([
  [999, 999],
  [1_000, 1_000],
  [1_001, 1_000],
])('of %i endpoints in trouble %i are spoken of', async (count, expected) => {
  const { runtime, told, views, party, witness } = world();
  for (let i = 0; i < count; i++) {
    views.set(`i${i}`, 'unreachable');
    witness.onUnreachable(party, `i${i}`);
  }
  await runtime.advance(30_000);
  expect(new Set(told.flatMap(({ words }) => words.split(' '))).size).toBe(expected);
  // A removed service makes room.
  witness.remove(party);
  witness.onUnreachable(party, 'late');
  views.set('late', 'unreachable');
  told.length = 0;
  await runtime.advance(5_000);
  expect(told[0]!.words).toBe('late-');
});

test('after a failed message the next one carries the current state, one at a time', async () => {
  let underWay = 0;
  let most = 0;
  let round = 0;
  const { runtime, told, views, party, witness } = world({
    answers: async () => {
      most = Math.max(most, ++underWay);
      try {
        round++;
        if (round === 1) throw new Error('away');
        if (round === 2) await new Promise<void>((resolve) => runtime.setTimer(resolve, 2_900));
        if (round === 3) {
          underWay--;
          await new Promise<void>(() => {});
        }
      } finally {
        underWay--;
      }
    },
  });
  for (let i = 0; i < 60; i++) {
    views.set(`b${i}`, 'unreachable');
    witness.onUnreachable(party, `b${i}`);
    await runtime.advance(500);
  }
  expect(told.length).toBeGreaterThanOrEqual(5);
  expect(most).toBe(1);
});

test('a registry port that throws synchronously is tolerated', async () => {
  const { runtime, views, party, witness, registry } = world();
  let asked = 0;
  registry.report = () => {
    asked++;
    throw new TypeError('broken');
  };
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  await runtime.advance(20_000);
  expect(asked).toBeGreaterThan(3);
});

test('closing the clerk aborts the message in progress and stops reporting', async () => {
  const signals: AbortSignal[] = [];
  const { runtime, told, views, party, witness, controller, registry } = world();
  const report = registry.report!.bind(registry);
  registry.report = (what, context) => {
    signals.push(context.signal);
    void report(what, context);
    return new Promise(() => {});
  };
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  await runtime.advance(1_300);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  controller.abort();
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  witness.onUnreachable(party, 'c');
  witness.onQueried(party, ['b']);
  await runtime.advance(60_000);
  expect(told).toHaveLength(1);
});

test('a registry without a report method gets no reports, and no randomness is drawn', async () => {
  const { runtime, views, party, witness, registry } = world();
  delete registry.report;
  const { random } = runtime;
  let drawn = 0;
  Object.assign(runtime, {
    random: () => {
      drawn++;
      return random();
    },
  });
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  witness.onQueried(party, ['b']);
  witness.onHealthChanged(party);
  expect([drawn, runtime.pendingTimers]).toEqual([0, 0]);
});

test('recovered endpoints make room for others', async () => {
  const { runtime, views, party, witness, words } = world();
  for (let i = 0; i < 1_000; i++) {
    views.set(`i${i}`, i % 2 ? 'unreachable' : 'reachable');
    witness.onUnreachable(party, `i${i}`);
  }
  await runtime.advance(20_000);
  for (const id of views.keys()) views.set(id, 'reachable');
  witness.onHealthChanged(party);
  await runtime.advance(20_000);
  words();
  for (let i = 0; i < 1_000; i++) {
    views.set(`j${i}`, 'unreachable');
    witness.onUnreachable(party, `j${i}`);
  }
  await runtime.advance(30_000);
  expect(new Set(words().flatMap((line) => line.split(' '))).size).toBe(1_000);
});
