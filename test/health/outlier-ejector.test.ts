/** What the statuses of answers do to an endpoint: ejection for a time, return, and use in proportion. */
import { expect, test } from 'vitest';
import type { EndpointState } from '../../src/health/endpoint-state.js';
import { TableHarness, ids } from './table-harness.js';

/** Answers five calls to each other open endpoint well, so that failing answers of the endpoint can be compared. */
async function answerElsewhere(harness: TableHarness, id: string): Promise<void> {
  for (const { endpoint, status } of harness.table.members)
    if (endpoint.id !== id && status === 'open')
      for (let i = 0; i < 5; i++) await harness.respond(endpoint.id, 0);
}

/** Fails calls to an endpoint until it is ejected; returns when. */
async function eject(harness: TableHarness, id: string): Promise<number> {
  await answerElsewhere(harness, id);
  for (let i = 0; i < 5 && !harness.ejected.includes(id); i++) await harness.fail(id, 'status');
  expect(harness.ejected).toContain(id);
  return harness.now;
}

/** Advances until an endpoint is open; returns how long that took. */
async function untilOpen(harness: TableHarness, id: string): Promise<number> {
  const from = harness.now;
  while (harness.ejected.includes(id)) await harness.runtime.advance(10);
  return harness.now - from;
}

test.each([
  [1, 0],
  [2, 1],
  [3, 1],
  [10, 5],
])('of %i endpoints failure responses eject at most %i', async (count, most) => {
  const harness = new TableHarness(ids(count));
  for (const id of ids(count)) for (let i = 0; i < 20; i++) await harness.fail(id, 'status');
  expect(harness.ejected).toEqual(ids(most));
  // A failure response is a sign of life: no endpoint is suspected of being unreachable.
  expect(harness.unreachable).toEqual([]);
  expect(harness.recorder.of('suspect')).toEqual([]);
});

test('hard evidence ejects further endpoints after success rates have ejected half', async () => {
  const harness = new TableHarness(ids(4));
  await answerElsewhere(harness, '');
  for (const id of ['e0', 'e1', 'e2']) for (let i = 0; i < 5; i++) await harness.fail(id, 'status');
  expect(harness.ejected).toEqual(['e0', 'e1']);
  await harness.fail('e2', 'refused');
  await harness.fail('e3', 'refused');
  expect(harness.ejected).toEqual(['e0', 'e1', 'e2']);
});

test('five failure responses in a row eject, four and a success do not', async () => {
  const harness = new TableHarness(ids(2));
  for (let i = 0; i < 100; i++) await harness.respond('e0');
  await answerElsewhere(harness, 'e0');
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 4; i++) await harness.fail('e0', 'status');
    await harness.respond('e0');
  }
  expect(harness.ejected).toEqual([]);
  for (let i = 0; i < 5; i++) await harness.fail('e0', 'status');
  expect(harness.ejected).toEqual(['e0']);
});

/** Sends calls to each endpoint over ten seconds. Some fail: never five in a row, and at most one in eight. */
async function callAll(harness: TableHarness, failsOf: (i: number) => number, each = 120): Promise<void> {
  const count = harness.table.members.length;
  for (let call = 0; call < each; call++) {
    for (let i = 0; i < count; i++) {
      if (harness.ejected.includes(`e${String(i)}`)) continue;
      const every = failsOf(i);
      const fails = every > 0 && call % every === every - 1;
      await (fails ? harness.fail(`e${String(i)}`, 'status') : harness.respond(`e${String(i)}`, 0));
    }
    await harness.runtime.advance(10_000 / each);
  }
}

test.each([5, 20, 200])(
  'of %i endpoints the one that fails more often than the others is ejected, although it mostly succeeds',
  async (count) => {
    const harness = new TableHarness(ids(count));
    await callAll(harness, (i) => (i === 3 ? 8 : 0));
    expect(harness.ejected).toEqual(['e3']);
    expect(
      new Set(harness.recorder.of('ejected').map(({ endpoint, reason }) => `${endpoint} ${reason}`)),
    ).toEqual(new Set(['e3 failures']));
  },
);

test('of four endpoints none is an outlier', async () => {
  const harness = new TableHarness(ids(4));
  await callAll(harness, (i) => (i === 3 ? 8 : 0));
  expect(harness.ejected).toEqual([]);
});

test('no endpoint is ejected when all fail equally often', async () => {
  const harness = new TableHarness(ids(20));
  await callAll(harness, () => 8);
  expect(harness.ejected).toEqual([]);
});

test('responses older than 30 s do not count, also for endpoints without calls since', async () => {
  const harness = new TableHarness(ids(6));
  // All succeeded long ago, and only one has had calls since: there are no others to compare it with.
  await callAll(harness, () => 0);
  await harness.runtime.advance(40_000);
  for (let call = 0; call < 200; call++)
    await (call % 8 === 7 ? harness.fail('e0', 'status') : harness.respond('e0', 0));
  expect(harness.recorder.of('ejected')).toEqual([]);
});

test('of 200 failing endpoints at most half are ejected', async () => {
  const harness = new TableHarness(ids(200));
  for (let i = 0; i < 200; i++)
    for (let fails = 0; fails < 20; fails++) await harness.fail(`e${String(i)}`, 'status');
  expect(harness.ejected).toEqual(ids(100));
});

test('two bad of the first five answers do not eject, a success rate below 0.8 over twenty does', async () => {
  const harness = new TableHarness(ids(2));
  for (let i = 0; i < 60; i++) await harness.respond('e1');
  for (let i = 0; i < 4; i++)
    for (const isGood of [true, false, true, false, true]) {
      expect(harness.ejected).toEqual([]);
      await (isGood ? harness.respond('e0') : harness.fail('e0', 'status'));
    }
  await harness.fail('e0', 'status');
  expect(harness.ejected).toEqual(['e0']);
});

test('while other endpoints have no answers, a success rate ejects none, and twenty failures in a row do', async () => {
  const harness = new TableHarness(ids(3));
  for (let i = 0; i < 100; i++) await (i % 3 === 2 ? harness.respond('e0') : harness.fail('e0', 'status'));
  expect(harness.ejected).toEqual([]);
  await harness.respond('e0');
  for (let i = 0; i < 20; i++) {
    expect(harness.ejected).toEqual([]);
    await harness.fail('e0', 'status');
  }
  expect(harness.ejected).toEqual(['e0']);
});

test('five of twenty bad answers eject only if the other endpoint has enough answers to compare with', async () => {
  for (const [answers, ejected] of [
    [5, []],
    [60, ['e0']],
  ] as const) {
    const harness = new TableHarness(ids(2));
    for (let i = 0; i < answers; i++) await harness.respond('e1');
    for (let i = 0; i < 22; i++) await (i % 4 === 3 ? harness.fail('e0', 'status') : harness.respond('e0'));
    for (let i = 0; i < 2; i++) await harness.fail('e0', 'status');
    expect(harness.ejected, String(answers)).toEqual(ejected);
  }
});

test('one failure of each other endpoint shows that a route may fail everywhere', async () => {
  const harness = new TableHarness(ids(3));
  await harness.fail('e1', 'status');
  await harness.fail('e2', 'status');
  for (let i = 0; i < 10; i++) await harness.fail('e0', 'status');
  expect(harness.ejected).toEqual([]);
});

test('a route that fails at every endpoint ejects none, however many calls use it', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const harness = new TableHarness(ids(5), seed);
    for (let i = 0; i < 2_000; i++) {
      const id = `e${String(i % 5)}`;
      await (harness.runtime.random() < 0.5 ? harness.fail(id, 'status') : harness.respond(id, 0));
      await harness.runtime.advance(2);
      // The first calls alone do not show that the other endpoints fail too.
      if (i === 100) harness.recorder.events.length = 0;
    }
    expect(harness.recorder.of('ejected')).toEqual([]);
  }
});

test('an endpoint ejected for failing answers is not probed, and an answer does not shorten its stay', async () => {
  const harness = new TableHarness(ids(2));
  const older = harness.call('e0');
  await harness.runtime.advance(5);
  await eject(harness, 'e0');
  older.respond();
  await harness.respond('e0');
  expect(harness.ejected).toEqual(['e0']);
  await harness.advanceWithCalls(990);
  expect(harness.ejected).toEqual(['e0']);
  await harness.advanceWithCalls(10);
  expect(harness.ejected).toEqual([]);
  expect(harness.channel('e0').probes).toEqual([]);
  expect(harness.recorder.of('revived')).toMatchObject([{ endpoint: 'e0' }]);
});

test('after its return one bad answer ejects again, and the stay doubles from 1 s to 30 s', async () => {
  const harness = new TableHarness(ids(2));
  await eject(harness, 'e0');
  const stays: number[] = [];
  for (let i = 0; i < 8; i++) {
    stays.push(await untilOpen(harness, 'e0'));
    await answerElsewhere(harness, 'e0');
    for (let good = 0; good < i % 5; good++) await harness.respond('e0', 0);
    await harness.fail('e0', 'status');
    expect(harness.ejected).toEqual(['e0']);
  }
  expect(stays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
});

test('after five good answers a single bad one no longer ejects', async () => {
  const harness = new TableHarness(ids(2));
  await eject(harness, 'e0');
  await untilOpen(harness, 'e0');
  for (let i = 0; i < 5; i++) await harness.respond('e0');
  await harness.fail('e0', 'status');
  expect(harness.ejected).toEqual([]);
});

test('after 60 good seconds a stay is 1 s again', async () => {
  for (const [goodMs, ejectionMs] of [
    [59_000, 2_000],
    [60_000, 1_000],
  ] as const) {
    const harness = new TableHarness(ids(2));
    await eject(harness, 'e0');
    await untilOpen(harness, 'e0');
    for (let passed = 0; passed < goodMs; passed += 1_000) await harness.respond('e0', 1_000);
    await eject(harness, 'e0');
    expect(await untilOpen(harness, 'e0')).toBe(ejectionMs);
  }
});

test('bad answers to calls sent before the ejection do not prolong it', async () => {
  const harness = new TableHarness(ids(2));
  await answerElsewhere(harness, 'e0');
  const older = Array.from({ length: 20 }, () => harness.call('e0'));
  await harness.runtime.advance(5);
  for (const call of older.slice(0, 10)) call.fail('status');
  expect(await untilOpen(harness, 'e0')).toBe(1_000);
  for (const call of older.slice(10)) call.fail('status');
  expect(harness.member('e0').ejectionMs).toBe(1_000);
});

test('an ejection for failing answers does not keep the process alive, and ends with the table', async () => {
  const harness = new TableHarness(ids(2));
  await eject(harness, 'e0');
  expect(harness.runtime.pendingTimers).toBe(1);
  expect(harness.runtime.refTimers).toBe(0);
  harness.table.stop();
  expect(harness.runtime.pendingTimers).toBe(0);
});

test('an endpoint ejected for failing answers that refuses is probed from then on', async () => {
  const harness = new TableHarness(ids(3));
  await eject(harness, 'e0');
  await harness.fail('e0', 'refused');
  await harness.advanceWithCalls(5_000);
  expect(harness.ejected).toEqual(['e0']);
  harness.channel('e0').probes.at(-1)?.succeed();
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual([]);
});

/** How many of 1,000 picks of a failing endpoint it gets. */
const taken = (harness: TableHarness, one: EndpointState): number =>
  Array.from({ length: 1_000 }, () => harness.table.takesCall(one, harness.now)).filter(Boolean).length;

test('an endpoint that fails every call but may not be ejected gets one call when its stay would have ended', async () => {
  const harness = new TableHarness(ids(3));
  for (let i = 0; i < 10; i++) await harness.respond('e2');
  await eject(harness, 'e0');
  for (let i = 0; i < 5; i++) await harness.fail('e1', 'status');
  const one = harness.member('e1');
  expect(one).toMatchObject({ status: 'open', isFailing: true, achieved: 0 });
  expect(taken(harness, one)).toBe(0);
  const between: number[] = [];
  for (let i = 0; i < 5; i++) {
    const from = harness.now;
    while (!harness.table.takesCall(one, harness.now)) {
      await harness.runtime.advance(10);
      if (harness.now % 1_000 < 10) for (let good = 0; good < 5; good++) await harness.respond('e2', 0);
    }
    between.push(harness.now - from);
    // The ejected endpoint fails as well, so that the failing one still may not be ejected.
    await harness.respond('e2', 0);
    if (harness.ejected.length === 0) await harness.fail('e0', 'status');
    await harness.fail('e1', 'status');
  }
  expect(between).toEqual([1_000, 2_000, 4_000, 8_000, 16_000]);
});

test('an endpoint that fails a part of its calls but may not be ejected gets the part that it answers well', async () => {
  const harness = new TableHarness(ids(3), 5);
  for (let i = 0; i < 40; i++) await harness.respond('e2');
  await eject(harness, 'e0');
  for (let i = 0; !harness.member('e1').isFailing; i++)
    await (i % 5 < 2 ? harness.fail('e1', 'status') : harness.respond('e1', 0));
  const share = taken(harness, harness.member('e1')) / 1_000;
  expect(share).toBeGreaterThan(0.45);
  expect(share).toBeLessThan(0.75);
});

test('a failing endpoint that works again gets its calls back, and old failures do not count', async () => {
  const harness = new TableHarness(ids(3));
  await eject(harness, 'e0');
  for (let i = 0; i < 50; i++) await harness.fail('e1', 'status');
  const one = harness.member('e1');
  const { version } = harness.table;
  for (let i = 0; one.isFailing; i++) {
    expect(i).toBeLessThan(40);
    await harness.respond('e1', 0);
  }
  expect(harness.table.version).toBeGreaterThan(version);
  await harness.fail('e1', 'status');
  expect(one).toMatchObject({ status: 'open', isFailing: false });
});

test('a failing endpoint that answers one call well gets the next one at once', async () => {
  const harness = new TableHarness(ids(3));
  await eject(harness, 'e0');
  for (let i = 0; i < 30; i++) await harness.fail('e1', 'status');
  const one = harness.member('e1');
  expect(one).toMatchObject({ isFailing: true, achieved: 0 });
  await harness.runtime.advance(one.ejectionMs);
  for (let i = 0; i < 5; i++) {
    expect(harness.table.takesCall(one, harness.now)).toBe(true);
    await harness.respond('e1', 0);
  }
  expect(taken(harness, one)).toBeGreaterThan(1);
});

test('a failing endpoint is ejected by its next bad answer as soon as one more endpoint may be', async () => {
  const harness = new TableHarness(ids(3));
  await eject(harness, 'e0');
  for (let i = 0; i < 5; i++) await harness.fail('e1', 'status');
  await untilOpen(harness, 'e0');
  await harness.fail('e1', 'status');
  expect(harness.ejected).toEqual(['e1']);
  expect(harness.member('e1').isFailing).toBe(false);
});

test('the only endpoint of a service never counts as failing', async () => {
  const harness = new TableHarness(['only']);
  for (let i = 0; i < 50; i++) await harness.fail('only', 'status');
  expect(harness.member('only')).toMatchObject({ status: 'open', isFailing: false });
});

test('failures that the program reports eject, but are not a sign of life', async () => {
  const harness = new TableHarness(ids(3));
  await answerElsewhere(harness, 'e0');
  for (let i = 0; i < 5; i++) await harness.fail('e0', 'failure');
  expect(harness.recorder.of('ejected')).toMatchObject([{ endpoint: 'e0', reason: 'failures' }]);
  await harness.fail('e1', 'refused');
  await harness.fail('e1', 'failure');
  expect(harness.ejected).toEqual(['e0', 'e1']);
});

/** Fails a call at one endpoint and then at another one. */
async function failTwice(harness: TableHarness, first: string, second: string): Promise<void> {
  const startedAt = harness.now;
  await harness.fail(first, 'status');
  await harness.runtime.advance(1);
  await harness.fail(second, 'repeated');
  harness.table.callFailed([first, second], startedAt, harness.now);
}

test('an endpoint is doubted after two failing answers in a row, until a good one', async () => {
  const harness = new TableHarness(ids(2));
  const one = harness.member('e0');
  await harness.fail('e0', 'status');
  expect(one.isDoubted).toBe(false);
  await harness.fail('e0', 'status');
  expect(one.isDoubted).toBe(true);
  await harness.respond('e0');
  expect(one.isDoubted).toBe(false);
});

test('a failing answer does not count if the call fails at an endpoint that works too', async () => {
  const harness = new TableHarness(ids(3));
  await answerElsewhere(harness, '');
  for (let i = 0; i < 100; i++) await failTwice(harness, 'e0', 'e1');
  expect(harness.ejected).toEqual([]);
  expect(harness.member('e0').consecutiveFailures).toBe(0);
});

test('a failing answer counts if the other endpoint fails as well', async () => {
  const harness = new TableHarness(ids(3));
  await answerElsewhere(harness, '');
  await harness.fail('e1', 'status');
  for (let i = 0; i < 5; i++) await failTwice(harness, 'e0', 'e1');
  expect(harness.ejected).toEqual(['e0']);
});

test('each retraction of a doubted answer doubles the number of failing answers until the next doubt, up to 16', async () => {
  const harness = new TableHarness(ids(2));
  await answerElsewhere(harness, '');
  const one = harness.member('e0');
  const runs: number[] = [];
  for (let round = 0; round < 5; round++) {
    // Enough good answers that the success rate does not eject.
    for (let i = 0; i < 100; i++) await harness.respond('e0', 0);
    let run = 0;
    // The other endpoint fails too, so that runs do not eject.
    for (; !one.isDoubted; run++) {
      await harness.fail('e1', 'repeated');
      await harness.fail('e0', 'status');
    }
    runs.push(run);
    harness.table.callFailed(['e0', 'e1'], harness.now, harness.now);
  }
  expect(runs).toEqual([2, 4, 8, 16, 16]);
  await harness.respond('e0', 30_001);
  for (let i = 0; i < 2; i++) await harness.fail('e0', 'status');
  expect(one.isDoubted).toBe(true);
});

test('an ejection ends at once if the call that caused it fails at an endpoint that works too', async () => {
  const harness = new TableHarness(ids(2));
  await eject(harness, 'e0');
  await untilOpen(harness, 'e0');
  await answerElsewhere(harness, 'e0');
  expect(harness.member('e0').isOnProbation).toBe(true);
  await failTwice(harness, 'e0', 'e1');
  expect(harness.ejected).toEqual([]);
  expect(harness.member('e0')).toMatchObject({ ejectionMs: 1_000, isOnProbation: true });
  await harness.runtime.advance(1);
  await harness.fail('e0', 'status');
  expect(harness.ejected).toEqual(['e0']);
});
