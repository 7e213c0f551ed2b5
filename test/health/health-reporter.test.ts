/** What a clerk reports to its registry, and when. In virtual time. */
import { expect, test } from 'vitest';
import type { EndpointReport, Registry, HealthReport } from '../../src/core/registry.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { HealthReporter, type HealthSource } from '../../src/health/health-reporter.js';

/** One reporter for the service `/a`, whose verdicts the test sets. */
function setup({ onReport = async () => {} }: { onReport?: (report: HealthReport) => Promise<void> } = {}) {
  const runtime = createFakeRuntime({ seed: 3, startAt: 1_000 });
  const sent: { readonly at: number; readonly text: string; readonly clerk: string }[] = [];
  const controller = new AbortController();
  const verdicts = new Map<string, EndpointReport['verdict']>();
  const source: HealthSource = {
    endpointReports: (ids) =>
      [...ids.keys()].flatMap((id) => {
        const verdict = verdicts.get(id);
        return verdict === undefined ? [] : [{ name: '/a', id, epoch: 1, verdict }];
      }),
  };
  const registry: Registry = {
    resolve: () => ({ kind: 'absent' }),
    report(report) {
      const text = report.reports.map(({ id, verdict }) => id + (verdict === 'reachable' ? '+' : '-'));
      sent.push({ at: runtime.now(), text: text.join(' '), clerk: report.clerk });
      return onReport(report);
    },
  };
  const reporter = new HealthReporter({ clock: runtime, registry, signal: controller.signal });
  return {
    runtime,
    sent,
    verdicts,
    source,
    reporter,
    registry,
    controller,
    takeSent: () => sent.splice(0).map(({ text }) => text),
  };
}

test('an unreachable endpoint is reported soon and repeatedly, without keeping the process alive', async () => {
  const { runtime, sent, verdicts, source, reporter } = setup();
  verdicts.set('b', 'unreachable');
  reporter.onUnreachable(source, 'b');
  expect(runtime.refTimers).toBe(0);
  await runtime.advance(249);
  expect(sent).toEqual([]);
  await runtime.advance(1_001);
  expect(sent).toHaveLength(1);
  await runtime.advance(60_000);
  const gaps = sent.slice(1).map(({ at }, i) => at - sent[i]!.at);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(2_500);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(5_000);
  expect(new Set(sent.map(({ text }) => text))).toEqual(new Set(['b-']));
  expect(new Set(sent.map(({ clerk }) => clerk)).size).toBe(1);
  expect(sent[0]!.clerk).toMatch(/^[0-9a-z]{24}$/);
  expect(runtime.refTimers).toBe(0);
});

test('a failure that ends before the report is not reported', async () => {
  const { runtime, sent, verdicts, source, reporter } = setup();
  verdicts.set('b', 'unreachable');
  reporter.onUnreachable(source, 'b');
  verdicts.set('b', 'reachable');
  await runtime.advance(60_000);
  expect(sent).toEqual([]);
  expect(runtime.pendingTimers).toBe(0);
});

test('a recovery is reported soon, once', async () => {
  const { runtime, verdicts, source, reporter, takeSent } = setup();
  verdicts.set('b', 'unreachable');
  reporter.onUnreachable(source, 'b');
  await runtime.advance(1_300);
  expect(takeSent()).toEqual(['b-']);
  verdicts.set('b', 'reachable');
  reporter.onHealthChanged(source);
  await runtime.advance(2_300);
  expect(takeSent()).toEqual(['b+']);
  await runtime.advance(60_000);
  expect(takeSent()).toEqual([]);
});

test('a health change without a new verdict is not reported', async () => {
  const { runtime, verdicts, source, reporter, takeSent } = setup();
  verdicts.set('b', 'unreachable');
  reporter.onUnreachable(source, 'b');
  await runtime.advance(1_300);
  for (let i = 0; i < 100; i++) {
    reporter.onHealthChanged(source);
    reporter.onUnreachable(source, 'b');
    await runtime.advance(100);
  }
  expect(takeSent().length).toBeLessThanOrEqual(4);
});

test('an endpoint without recent evidence is no longer reported', async () => {
  const { runtime, verdicts, source, reporter, takeSent } = setup();
  verdicts.set('b', 'unreachable');
  reporter.onUnreachable(source, 'b');
  await runtime.advance(1_300);
  verdicts.delete('b');
  await runtime.advance(60_000);
  expect(takeSent()).toEqual(['b-']);
  expect(runtime.pendingTimers).toBe(0);
});

test('a queried endpoint is reported reachable for as long as it is queried', async () => {
  const { runtime, verdicts, source, reporter, takeSent } = setup();
  verdicts.set('b', 'reachable');
  reporter.onQueried(source, ['b', 'c']);
  await runtime.advance(1_300);
  expect(takeSent()).toEqual(['b+']);
  reporter.onQueried(source, ['b', 'c']);
  await runtime.advance(6_000);
  expect(takeSent()).toEqual(['b+']);
  // It is called now, without a further query.
  verdicts.set('c', 'reachable');
  await runtime.advance(6_000);
  expect(takeSent().join(' ')).toContain('c+');
  reporter.onQueried(source, []);
  await runtime.advance(60_000);
  expect(takeSent()).toEqual([]);
  expect(runtime.pendingTimers).toBe(0);
});

test('one message covers all services, at most 100 endpoints; the others follow in the next', async () => {
  const { runtime, sent, verdicts, source, reporter } = setup();
  const ids = Array.from({ length: 250 }, (_, i) => `i${i}`);
  for (const id of ids) {
    verdicts.set(id, 'unreachable');
    reporter.onUnreachable(source, id);
  }
  await runtime.advance(10_000);
  for (const { text } of sent) expect(text.split(' ').length).toBeLessThanOrEqual(100);
  expect(new Set(sent.flatMap(({ text }) => text.split(' '))).size).toBe(250);
  for (const [i, { at }] of sent.slice(1).entries()) expect(at - sent[i]!.at).toBeGreaterThanOrEqual(1_000);
});

test('all services are reported although one exceeds the limit of a message', async () => {
  const { runtime, sent, verdicts, source, reporter } = setup();
  const other: HealthSource = {
    endpointReports: () => [{ name: '/b', id: 'other', epoch: 1, verdict: 'unreachable' }],
  };
  for (let i = 0; i < 900; i++) {
    verdicts.set(`i${i}`, 'unreachable');
    reporter.onUnreachable(source, `i${i}`);
  }
  reporter.onUnreachable(other, 'other');
  await runtime.advance(15_000);
  expect(sent.filter(({ text }) => text.includes('other-')).length).toBeGreaterThan(0);
});

test.each([
  [999, 999],
  [1_000, 1_000],
  [1_001, 1_000],
])('of %i unreachable endpoints, %i are reported', async (count, expected) => {
  const { runtime, sent, verdicts, source, reporter } = setup();
  for (let i = 0; i < count; i++) {
    verdicts.set(`i${i}`, 'unreachable');
    reporter.onUnreachable(source, `i${i}`);
  }
  await runtime.advance(30_000);
  expect(new Set(sent.flatMap(({ text }) => text.split(' '))).size).toBe(expected);
  // A removed service makes room.
  reporter.remove(source);
  reporter.onUnreachable(source, 'late');
  verdicts.set('late', 'unreachable');
  sent.length = 0;
  await runtime.advance(5_000);
  expect(sent[0]!.text).toBe('late-');
});

test('after a failed message the next one carries the current state, one at a time', async () => {
  let underWay = 0;
  let most = 0;
  let round = 0;
  const { runtime, sent, verdicts, source, reporter } = setup({
    onReport: async () => {
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
    verdicts.set(`b${i}`, 'unreachable');
    reporter.onUnreachable(source, `b${i}`);
    await runtime.advance(500);
  }
  expect(sent.length).toBeGreaterThanOrEqual(5);
  expect(most).toBe(1);
});

test('a registry port that throws synchronously is tolerated', async () => {
  const { runtime, verdicts, source, reporter, registry } = setup();
  let reports = 0;
  registry.report = () => {
    reports++;
    throw new TypeError('broken');
  };
  verdicts.set('b', 'unreachable');
  reporter.onUnreachable(source, 'b');
  await runtime.advance(20_000);
  expect(reports).toBeGreaterThan(3);
});

test('closing the clerk aborts the message in progress and stops reporting', async () => {
  const signals: AbortSignal[] = [];
  const { runtime, sent, verdicts, source, reporter, controller, registry } = setup();
  const report = registry.report!.bind(registry);
  registry.report = (what, context) => {
    signals.push(context.signal);
    void report(what, context);
    return new Promise(() => {});
  };
  verdicts.set('b', 'unreachable');
  reporter.onUnreachable(source, 'b');
  await runtime.advance(1_300);
  expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
  controller.abort();
  expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  reporter.onUnreachable(source, 'c');
  reporter.onQueried(source, ['b']);
  await runtime.advance(60_000);
  expect(sent).toHaveLength(1);
});

test('a registry without a report method gets no reports, and no randomness is drawn', async () => {
  const { runtime, verdicts, source, reporter, registry } = setup();
  delete registry.report;
  const { random } = runtime;
  let drawn = 0;
  Object.assign(runtime, {
    random: () => {
      drawn++;
      return random();
    },
  });
  verdicts.set('b', 'unreachable');
  reporter.onUnreachable(source, 'b');
  reporter.onQueried(source, ['b']);
  reporter.onHealthChanged(source);
  expect([drawn, runtime.pendingTimers]).toEqual([0, 0]);
});

test('recovered endpoints make room for others', async () => {
  const { runtime, verdicts, source, reporter, takeSent } = setup();
  for (let i = 0; i < 1_000; i++) {
    verdicts.set(`i${i}`, i % 2 ? 'unreachable' : 'reachable');
    reporter.onUnreachable(source, `i${i}`);
  }
  await runtime.advance(20_000);
  for (const id of verdicts.keys()) verdicts.set(id, 'reachable');
  reporter.onHealthChanged(source);
  await runtime.advance(20_000);
  takeSent();
  for (let i = 0; i < 1_000; i++) {
    verdicts.set(`j${i}`, 'unreachable');
    reporter.onUnreachable(source, `j${i}`);
  }
  await runtime.advance(30_000);
  expect(new Set(takeSent().flatMap((line) => line.split(' '))).size).toBe(1_000);
});
