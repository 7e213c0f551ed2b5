/** Silence is proved, not assumed: suspect endpoints, their probes and their ejection. */
import { expect, test } from 'vitest';
import { TableHarness, ids } from './table-harness.js';

test('a late attempt at an endpoint that has answered nothing since makes it suspect, and probes it at once', async () => {
  const harness = new TableHarness(ids(3));
  await harness.respond('e0', 2);
  await harness.late('e0', 25);
  expect(harness.suspects).toEqual(['e0']);
  expect(harness.ejected).toEqual([]);
  expect(harness.unreachable).toEqual([]);
  expect(harness.channel('e0').probes).toHaveLength(1);
  expect(harness.channel('e0').resets).toBe(1);
  expect(harness.recorder.of('suspect')).toEqual([
    { name: '/shop/orders', endpoint: 'e0', reason: 'timeout' },
  ]);
});

test.each(['respond', 'status'] as const)(
  'a late attempt at an endpoint that has answered another call since (%s) means nothing',
  async (answer) => {
    const harness = new TableHarness(ids(2));
    await harness.respond('e0', 5);
    const slow = harness.call('e0');
    await harness.runtime.advance(10);
    await (answer === 'respond' ? harness.respond('e0') : harness.fail('e0', 'status', 1));
    const { version } = harness.table;
    const latencyMs = harness.member('e0').latencyMs;
    await harness.runtime.advance(250);
    slow.late();
    expect(harness.suspects).toEqual([]);
    expect(harness.member('e0').latencyMs).toBe(latencyMs);
    expect(harness.table.version).toBe(version);
    expect(harness.channel('e0')).toMatchObject({ resets: 0, probes: [] });
  },
);

test('an answer to a probe or to a call ends the suspicion, without an ejection or a report', async () => {
  for (const answers of ['probe', 'late attempt', 'failing status'] as const) {
    const harness = new TableHarness(ids(2));
    await harness.respond('e0', 8);
    const late = harness.call('e0');
    await harness.runtime.advance(250);
    late.late();
    await harness.runtime.advance(600);
    expect(harness.suspects).toEqual(['e0']);
    const { version } = harness.table;
    if (answers === 'probe') harness.channel('e0').probes[0]?.succeed();
    else if (answers === 'late attempt') late.respond();
    else late.fail('status');
    await harness.runtime.advance(0);
    expect(harness.suspects).toEqual([]);
    expect(harness.member('e0').unhealthySince).toBe(0);
    expect(harness.table.version).toBeGreaterThan(version);
    // The measured latency stays.
    expect(harness.member('e0').latencyMs).toBeGreaterThanOrEqual(8);
    await harness.advanceWithCalls(5_000);
    expect(harness.channel('e0').probes).toHaveLength(1);
    expect(harness.recorder.events.map(({ event }) => event)).toEqual(['suspect']);
    expect(harness.unreachable).toEqual([]);
  }
});

test('a suspect endpoint is ejected and reported only after its probe was silent for 1 s', async () => {
  const harness = new TableHarness(ids(3));
  await harness.respond('e0', 2);
  const sentAt = harness.now;
  await harness.late('e0', 25);
  const [probe] = harness.channel('e0').probes;
  expect(probe?.timeoutMs).toBe(1_000);
  await harness.advanceWithCalls(999);
  expect(harness.ejected).toEqual([]);
  await harness.runtime.advance(1);
  probe?.fail();
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual(['e0']);
  expect(harness.suspects).toEqual([]);
  expect(harness.unreachable).toEqual(['e0']);
  expect(harness.recorder.of('ejected')).toMatchObject([{ endpoint: 'e0', reason: 'timeout' }]);
  expect(harness.now - sentAt).toBe(1_025);
});

test('a probe that fails at once does not eject an endpoint whose attempt is late, before 1 s of silence', async () => {
  const harness = new TableHarness(ids(2));
  await harness.respond('e0', 2);
  await harness.late('e0', 25);
  const { probes } = harness.channel('e0');
  const sentAt = [harness.now];
  const ejectedAt: number[] = [];
  probes[0]?.fail();
  for (let passed = 0; passed < 3_000 && ejectedAt.length === 0; passed += 10) {
    await harness.advanceWithCalls(10);
    if (probes.length > sentAt.length) {
      sentAt.push(harness.now);
      probes.at(-1)?.fail();
      await harness.runtime.advance(0);
    }
    if (harness.ejected.length > 0) ejectedAt.push(harness.now);
  }
  expect(sentAt.length).toBeGreaterThanOrEqual(3);
  for (let i = 1; i < sentAt.length; i++) expect(sentAt[i]! - sentAt[i - 1]!).toBeGreaterThanOrEqual(500);
  expect(ejectedAt[0]! - sentAt[0]!).toBeGreaterThanOrEqual(975);
});

test('probes of a suspect endpoint are at least 500 ms apart, however often its attempts are late', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const harness = new TableHarness(ids(2), seed);
    const { probes } = harness.channel('e0');
    const sentAt: number[] = [];
    for (let i = 0; i < 60; i++) {
      await harness.late('e0', 30);
      harness.table.attemptEnded(harness.member('e0'), false);
      await harness.advanceWithCalls(20);
      while (sentAt.length < probes.length) {
        sentAt.push(harness.now);
        probes.at(-1)?.succeed();
      }
    }
    expect(sentAt.length).toBeGreaterThan(3);
    for (let i = 1; i < sentAt.length; i++) expect(sentAt[i]! - sentAt[i - 1]!).toBeGreaterThanOrEqual(480);
    expect(harness.recorder.of('ejected')).toEqual([]);
  }
});

test('a lost connection makes an endpoint suspect; a probe that answers clears it', async () => {
  const harness = new TableHarness(ids(3));
  await harness.respond('e0', 2);
  await harness.fail('e0', 'reset', 1);
  expect(harness.suspects).toEqual(['e0']);
  expect(harness.unreachable).toEqual([]);
  harness.channel('e0').probes[0]?.succeed();
  await harness.runtime.advance(0);
  expect(harness.suspects).toEqual([]);
  expect(harness.recorder.of('ejected')).toEqual([]);
});

test('a lost connection and a probe that fails eject at once', async () => {
  const harness = new TableHarness(ids(3));
  const calls = Array.from({ length: 10 }, () => harness.call('e0'));
  await harness.runtime.advance(1);
  for (const call of calls) call.fail('reset');
  expect(harness.suspects).toEqual(['e0']);
  harness.channel('e0').probes[0]?.fail();
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual(['e0']);
  expect(harness.unreachable).toEqual(['e0']);
  expect(harness.recorder.of('ejected')).toMatchObject([{ reason: 'reset' }]);
});

test('a route that closes its connection ejects no endpoint that answers probes and other calls', async () => {
  const harness = new TableHarness(ids(3));
  for (let i = 0; i < 200; i++) {
    for (const id of ids(3)) await harness.respond(id, 2);
    const id = `e${String(i % 3)}`;
    await harness.fail(id, 'reset', 1);
    for (const probe of harness.channel(id).probes) probe.succeed();
    await harness.runtime.advance(5);
  }
  expect(harness.recorder.of('ejected')).toEqual([]);
});

test('an endpoint that answers probes but loses every call is ejected for its failures', async () => {
  const harness = new TableHarness(ids(2));
  const { probes } = harness.channel('e0');
  for (let i = 0; i < 5; i++) await harness.respond('e1');
  for (let i = 0; i < 5; i++) {
    await harness.fail('e0', 'reset', 1);
    while (!harness.ejected.includes('e0') && harness.suspects.length > 0) {
      await harness.advanceWithCalls(50);
      probes.at(-1)?.succeed();
      await harness.runtime.advance(0);
    }
  }
  expect(harness.recorder.of('ejected')).toMatchObject([{ endpoint: 'e0', reason: 'failures' }]);
});

test('twenty freezes are each noticed at the first late attempt, and ejected after 1 s of silence', async () => {
  const harness = new TableHarness(ids(3));
  const { probes } = harness.channel('e0');
  for (let freeze = 0; freeze < 20; freeze++) {
    await harness.respond('e0', 2);
    await harness.runtime.advance(70_000);
    const from = harness.now;
    await harness.late('e0', 25);
    expect(harness.suspects).toEqual(['e0']);
    await harness.advanceWithCalls(1_000);
    probes.at(-1)?.fail();
    await harness.runtime.advance(0);
    expect(harness.ejected).toEqual(['e0']);
    expect(harness.now - from).toBe(1_025);
    const sent = probes.length;
    while (probes.length === sent) await harness.advanceWithCalls(50);
    probes.at(-1)?.succeed();
    await harness.runtime.advance(0);
    expect(harness.ejected).toEqual([]);
  }
});

test('silence ejects all endpoints but one', async () => {
  const harness = new TableHarness(ids(4));
  const calls = ids(4).map((id) => harness.call(id));
  await harness.runtime.advance(25);
  for (const call of calls) call.late();
  expect(harness.suspects).toEqual(ids(4));
  await harness.advanceWithCalls(1_000);
  for (const id of ids(4)) harness.channel(id).probes[0]?.fail();
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual(ids(3));
  expect(harness.unreachable).toEqual(ids(4));
  // The last one stays suspect, and is probed.
  expect(harness.suspects).toEqual(['e3']);
  await harness.advanceWithCalls(1_000);
  expect(harness.channel('e3').probes).toHaveLength(2);
});

test('connections are reset once for attempts that were late together, and again for late attempts on new ones', async () => {
  const harness = new TableHarness(['only']);
  const calls = Array.from({ length: 10 }, () => harness.call('only'));
  await harness.runtime.advance(250);
  for (const call of calls) call.late();
  expect(harness.channel('only').resets).toBe(1);
  await harness.late('only');
  expect(harness.channel('only').resets).toBe(2);
});

test('after a failed probe one repeatable call may be the next probe, and its answer revives the endpoint', async () => {
  const harness = new TableHarness(ids(3));
  await harness.fail('e0', 'refused');
  const all = (): boolean => true;
  expect(harness.table.takeTrial(harness.now, all)).toBeUndefined();
  await harness.advanceWithCalls(500);
  harness.channel('e0').probes[0]?.fail();
  await harness.runtime.advance(200);
  expect(harness.table.trialDueAt).toBeLessThanOrEqual(harness.now);
  expect(harness.table.takeTrial(harness.now, () => false)).toBeUndefined();
  const trial = harness.table.takeTrial(harness.now, all);
  expect(trial).toBe(harness.member('e0'));
  expect(trial?.isTrial).toBe(true);
  // One call for each failed probe.
  expect(harness.table.takeTrial(harness.now, all)).toBeUndefined();
  await harness.respond('e0', 3);
  expect(harness.ejected).toEqual([]);
  expect(harness.member('e0').isTrial).toBe(false);
});

test('an endpoint whose probes are never answered comes back by a real call within 5 s of working', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const harness = new TableHarness(ids(2), seed);
    const { probes } = harness.channel('e0');
    await harness.fail('e0', 'refused');
    const failProbes = async (ms: number, call: () => Promise<void>): Promise<void> => {
      for (let passed = 0; passed < ms && harness.ejected.length > 0; passed += 50) {
        await harness.advanceWithCalls(50);
        for (const probe of probes) probe.fail();
        await harness.runtime.advance(0);
        if (harness.table.takeTrial(harness.now, () => true) !== undefined) await call();
      }
    };
    await failProbes(120_000, () => harness.fail('e0', 'refused'));
    const from = harness.now;
    await failProbes(20_000, () => harness.respond('e0', 2));
    expect(harness.ejected).toEqual([]);
    expect(harness.now - from).toBeLessThanOrEqual(5_000);
  }
});

test('a trial is a suitable endpoint that may be dialled', async () => {
  const harness = new TableHarness(ids(3), 3);
  await harness.fail('e0', 'refused');
  await harness.fail('e0', 'refused');
  await harness.advanceWithCalls(500);
  harness.channel('e0').probes[0]?.fail();
  await harness.runtime.advance(0);
  await harness.fail('e0', 'refused');
  expect(harness.table.canDial(harness.member('e0'), harness.now)).toBe(false);
  expect(harness.table.takeTrial(harness.now, () => true)).toBeUndefined();
  await harness.runtime.advance(5_000);
  expect(harness.table.takeTrial(harness.now, () => true)?.endpoint.id).toBe('e0');
});

test('the program may change the request of probes', async () => {
  const harness = new TableHarness(ids(2));
  harness.probe = { method: 'GET', path: '/healthz' };
  await harness.late('e0');
  expect(harness.channel('e0').probes[0]?.request).toEqual({ method: 'GET', path: '/healthz' });
});

test('without probes a late attempt makes suspect for 1 s, and a lost connection ejects for a time', async () => {
  const harness = new TableHarness(ids(3));
  harness.probe = false;
  await harness.respond('e0', 2);
  await harness.late('e0', 25);
  expect(harness.suspects).toEqual(['e0']);
  const trial = harness.table.takeTrial(harness.now, () => true);
  expect(trial).toMatchObject({ isTrial: true, endpoint: { id: 'e0' } });
  await harness.respond('e0', 2);
  expect(harness.suspects).toEqual([]);

  await harness.late('e0', 600);
  expect(harness.suspects).toEqual(['e0']);
  await harness.advanceWithCalls(1_000);
  // Nothing proves that the endpoint is silent.
  expect([harness.suspects, harness.ejected, harness.unreachable]).toEqual([[], [], []]);
  // A lost connection cannot be verified either, and ejects at once.
  await harness.fail('e0', 'reset', 1);
  expect(harness.ejected).toEqual(['e0']);
  await harness.advanceWithCalls(999);
  expect(harness.ejected).toEqual(['e0']);
  await harness.advanceWithCalls(1);
  expect(harness.ejected).toEqual([]);
  expect(harness.channel('e0').probes).toEqual([]);
});

test('a suspicion does not keep the process alive', async () => {
  const harness = new TableHarness(ids(3));
  await harness.late('e0');
  harness.probe = false;
  await harness.late('e1');
  expect(harness.runtime.refTimers).toBe(0);
});

test('a probe that fails because this host has no free file or port proves nothing, and is repeated', async () => {
  const harness = new TableHarness(ids(2));
  await harness.late('e0', 25);
  const { probes } = harness.channel('e0');
  probes[0]?.fail(Object.assign(new Error('too many open files'), { code: 'EMFILE' }));
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual([]);
  await harness.advanceWithCalls(650);
  expect(harness.ejected).toEqual([]);
  expect(probes).toHaveLength(2);
  probes[1]?.succeed();
  await harness.runtime.advance(0);
  expect(harness.suspects).toEqual([]);
});

test('a probe that ends late because the event loop was blocked proves nothing, and is repeated', async () => {
  const harness = new TableHarness(ids(2));
  await harness.late('e0', 25);
  const { probes } = harness.channel('e0');
  await harness.runtime.advance(1_100);
  probes[0]?.fail();
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual([]);
  await harness.advanceWithCalls(50);
  expect(probes).toHaveLength(2);
  await harness.runtime.advance(1_000);
  probes[1]?.fail();
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual(['e0']);
});

test('a probe that proves nothing is repeated without another call, until a probe proves something', async () => {
  const harness = new TableHarness(ids(2));
  const call = harness.call('e0');
  await harness.runtime.advance(25);
  call.late();
  call.abort();
  const { probes } = harness.channel('e0');
  for (let blocked = 1; blocked <= 5; blocked++) {
    // The first repetitions are sent at once. Later ones wait, as those of a longer outage.
    await harness.runtime.advance(1_100);
    expect(probes).toHaveLength(blocked);
    probes.at(-1)?.fail();
    await harness.runtime.advance(700);
  }
  expect(harness.ejected).toEqual([]);
  await harness.runtime.advance(300);
  probes.at(-1)?.fail();
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual(['e0']);
});

test('without further calls, a suspect endpoint is probed as long as a call waits for it', async () => {
  const harness = new TableHarness(['only']);
  const call = harness.call('only');
  await harness.runtime.advance(250);
  call.late();
  const { probes } = harness.channel('only');
  const run = async (seconds: number): Promise<number> => {
    const before = probes.length;
    for (let i = 0; i < seconds; i++) {
      await harness.runtime.advance(1_000);
      probes.at(-1)?.fail();
    }
    return probes.length - before;
  };
  expect(await run(20)).toBeGreaterThan(5);
  expect(harness.unreachable.length).toBeGreaterThan(5);
  call.abort();
  await run(10);
  expect(await run(60)).toBe(0);
});
