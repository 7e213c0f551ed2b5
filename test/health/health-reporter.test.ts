/** What a clerk tells its registry and when, in virtual time. */
import { expect, test } from 'vitest';
import type { EndpointReport, Registry, HealthReport } from '../../src/core/registry.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { HealthReporter, type HealthSource } from '../../src/health/health-reporter.js';

/** One clerk that calls `/a`, and sees its endpoints as it is told to. */
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

test('who cannot be reached is reported soon, again and again, and no timer holds the process', async () => {
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

test('what was over before it could be said is never said', async () => {
  const { runtime, told, views, party, witness } = world();
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  views.set('b', 'reachable');
  await runtime.advance(60_000);
  expect(told).toEqual([]);
  expect(runtime.pendingTimers).toBe(0);
});

test('what is over is taken back soon, once', async () => {
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

test('a change that changes nothing is not said', async () => {
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

test('of what it calls no more it says no more', async () => {
  const { runtime, views, party, witness, words } = world();
  views.set('b', 'unreachable');
  witness.onUnreachable(party, 'b');
  await runtime.advance(1_300);
  views.delete('b');
  await runtime.advance(60_000);
  expect(words()).toEqual(['b-']);
  expect(runtime.pendingTimers).toBe(0);
});

test('who is asked says whom it reaches for as long as it is asked', async () => {
  const { runtime, views, party, witness, words } = world();
  views.set('b', 'reachable');
  witness.onQueried(party, ['b', 'c']);
  await runtime.advance(1_300);
  expect(words()).toEqual(['b+']);
  witness.onQueried(party, ['b', 'c']);
  await runtime.advance(6_000);
  expect(words()).toEqual(['b+']);
  // It is called now, and nobody has to ask again.
  views.set('c', 'reachable');
  await runtime.advance(6_000);
  expect(words().join(' ')).toContain('c+');
  witness.onQueried(party, []);
  await runtime.advance(60_000);
  expect(words()).toEqual([]);
  expect(runtime.pendingTimers).toBe(0);
});

test('all names go in one message, a hundred endpoints at most, and the rest goes next', async () => {
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

test('of several services all are spoken of, though one has too much to say', async () => {
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
  // Whoever is forgotten makes room.
  witness.remove(party);
  witness.onUnreachable(party, 'late');
  views.set('late', 'unreachable');
  told.length = 0;
  await runtime.advance(5_000);
  expect(told[0]!.words).toBe('late-');
});

test('a registry that refuses, throws or hangs is told how things are next time, one report at a time', async () => {
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

test('a port that throws on the spot harms nobody', async () => {
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

test('a closed clerk says nothing, and what it was saying is called off', async () => {
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

test('to a registry that hears nothing nothing is said, and no chance is drawn', async () => {
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

test('those that are well again make room for others', async () => {
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
