import { expect, test } from 'vitest';
import { TableHarness, ids } from './table-harness.js';

test.each([1, 2, 3, 10])('refused connections eject all but one of %i endpoints, at once', async (count) => {
  const harness = new TableHarness(ids(count));
  for (const id of ids(count)) await harness.fail(id, 'refused', 1);
  expect(harness.ejected).toEqual(ids(count - 1));
  expect(harness.table.ejectedCount).toBe(count - 1);
  expect(harness.unreachable).toEqual(ids(count));
  expect(harness.recorder.of('ejected').map(({ endpoint, reason }) => [endpoint, reason])).toEqual(
    ids(count - 1).map((id) => [id, 'refused']),
  );
  expect(harness.recorder.of('suspect')).toHaveLength(count);
  // The last one stays open however often it fails.
  for (let i = 0; i < 20; i++) await harness.fail(`e${count - 1}`, 'refused', 1);
  expect(harness.table.ejectedCount).toBe(count - 1);
});

test('an ejected endpoint is probed within 500 ms, and any answer revives it', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const harness = new TableHarness(ids(2), seed);
    await harness.respond('e1', 8);
    await harness.fail('e0', 'refused', 1);
    const { version } = harness.table;
    await harness.runtime.advance(500);
    const [probe] = harness.channel('e0').probes;
    expect(probe?.timeoutMs).toBe(1_000);
    expect(harness.ejected).toEqual(['e0']);
    probe?.succeed();
    await harness.runtime.advance(0);
    expect(harness.ejected).toEqual([]);
    expect(harness.table.ejectedCount).toBe(0);
    expect(harness.table.version).toBeGreaterThan(version);
    expect(harness.recorder.of('revived')).toEqual([{ name: '/shop/orders', endpoint: 'e0', afterMs: 500 }]);
    // The latency average is cleared.
    expect(harness.member('e0').latencyMs).toBe(0);
    await harness.advanceWithCalls(20_000);
    expect(harness.channel('e0').probes).toHaveLength(1);
  }
});

test('the delay between failing probes grows from 500 ms to 4 s, with one probe at a time', async () => {
  const harness = new TableHarness(ids(2));
  await harness.fail('e0', 'refused');
  const { probes } = harness.channel('e0');
  const at: number[] = [];
  let answered = 0;
  for (let passed = 0; passed < 120_000; passed += 50) {
    await harness.advanceWithCalls(50);
    expect(probes.length).toBeLessThanOrEqual(answered + 1);
    if (probes.length > answered) {
      at.push(harness.now);
      probes[answered++]?.fail();
    }
  }
  const gaps = at.map((now, i) => now - (at[i - 1] ?? now)).slice(1);
  // The harness sees a probe up to 50 ms after it was sent.
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(450);
  expect(gaps[0]).toBeLessThanOrEqual(650);
  expect(Math.max(...gaps)).toBeGreaterThan(3_500);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(4_100);
  expect(probes.length).toBeLessThan(70);
});

test('no second probe is sent while one is in flight, however often the endpoint fails', async () => {
  const harness = new TableHarness(['only']);
  await harness.fail('only', 'refused');
  for (let i = 0; i < 100; i++) {
    await harness.advanceWithCalls(50);
    await harness.fail('only', i % 2 === 0 ? 'reset' : 'refused');
  }
  expect(harness.channel('only').probes).toHaveLength(1);
});

test('an answer to a call revives an endpoint that was ejected as unreachable', async () => {
  const harness = new TableHarness(ids(2));
  const other = harness.call('e0');
  await harness.runtime.advance(5);
  await harness.fail('e0', 'refused');
  expect(harness.ejected).toEqual(['e0']);
  other.respond();
  expect(harness.ejected).toEqual([]);
  expect(harness.runtime.pendingTimers).toBe(0);
});

test('an answer to a probe does not outweigh a failure seen after the probe was sent', async () => {
  for (const count of [1, 2]) {
    const harness = new TableHarness(ids(count));
    await harness.fail('e0', 'refused');
    await harness.runtime.advance(500);
    const { probes } = harness.channel('e0');
    await harness.runtime.advance(10);
    await harness.fail('e0', 'refused');
    probes[0]?.succeed();
    await harness.runtime.advance(0);
    expect(harness.member('e0').unhealthySince).not.toBe(0);
    await harness.advanceWithCalls(650);
    expect(probes).toHaveLength(2);
    probes[1]?.succeed();
    await harness.runtime.advance(0);
    expect(harness.member('e0').unhealthySince).toBe(0);
  }
});

test('the probe delay grows for a flapping endpoint, and shrinks again with time', async () => {
  const harness = new TableHarness(ids(2));
  const firstProbeAfter = async (): Promise<number> => {
    const { probes } = harness.channel('e0');
    const [before, from] = [probes.length, harness.now];
    await harness.fail('e0', 'refused');
    while (probes.length === before) await harness.advanceWithCalls(50);
    const after = harness.now - from;
    probes.at(-1)?.succeed();
    await harness.runtime.advance(0);
    expect(harness.ejected).toEqual([]);
    return after;
  };
  const flapping: number[] = [];
  for (let i = 0; i < 5; i++) flapping.push(await firstProbeAfter());
  expect(flapping[0]).toBeLessThanOrEqual(500);
  expect(flapping[1]).toBeGreaterThanOrEqual(400);
  expect(flapping[2]).toBeGreaterThanOrEqual(800);
  expect(flapping[4]).toBeGreaterThanOrEqual(3_200);
  await harness.advanceWithCalls(5 * 60_000);
  expect(await firstProbeAfter()).toBeLessThanOrEqual(500);
});

test('the last endpoint is probed too, and healthy again after a successful probe', async () => {
  const harness = new TableHarness(['only']);
  await harness.fail('only', 'refused');
  expect(harness.ejected).toEqual([]);
  await harness.runtime.advance(500);
  expect(harness.table.canDial(harness.member('only'), harness.now)).toBe(true);
  harness.channel('only').probes[0]?.succeed();
  await harness.runtime.advance(0);
  expect(harness.member('only')).toMatchObject({ consecutiveDialFailures: 0, unhealthySince: 0 });
  expect(harness.recorder.of('revived')).toEqual([]);
});

test('without calls no probes are sent, and the next call sends one', async () => {
  const harness = new TableHarness(ids(2));
  await harness.fail('e0', 'refused');
  await harness.runtime.advance(500);
  const { probes } = harness.channel('e0');
  expect(probes).toHaveLength(1);
  probes[0]?.fail();
  await harness.runtime.advance(3_600_000);
  expect(probes).toHaveLength(1);
  expect(harness.runtime.pendingTimers).toBe(0);
  harness.table.callStarted();
  expect(probes).toHaveLength(2);
  probes[1]?.succeed();
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual([]);
});

test('probing does not keep the process alive', async () => {
  const harness = new TableHarness(ids(3));
  await harness.fail('e0', 'refused');
  await harness.fail('e1', 'refused');
  expect(harness.runtime.pendingTimers).toBe(2);
  expect(harness.runtime.refTimers).toBe(0);
});

test('an endpoint that fails fast does not look fast', async () => {
  for (const known of [true, false]) {
    const harness = new TableHarness(ids(2));
    await harness.respond('e1', 100);
    if (known) await harness.respond('e0', 100);
    await harness.fail('e0', 'status');
    const [failing, good] = [harness.member('e0'), harness.member('e1')];
    expect(failing.load(harness.now)).toBeGreaterThan(10 * good.load(harness.now));
    await harness.runtime.advance(15_000);
    expect(failing.load(harness.now)).toBeLessThan(1.1 * good.load(harness.now));
  }
});

test('a slow endpoint is tried again when its latency has decayed', async () => {
  const harness = new TableHarness(ids(2));
  await harness.respond('e0', 200);
  let until = 0;
  for (
    ;
    until < 200 && harness.member('e0').load(harness.now) >= harness.member('e1').load(harness.now);
    until++
  ) {
    await harness.runtime.advance(90);
    await harness.respond('e1', 5);
  }
  // ln(200 / 5) lifetimes of 1.5 s, 95 ms a round.
  expect(until).toBeGreaterThan(50);
  expect(until).toBeLessThan(65);
});

test('an endpoint that refuses is dialled by one attempt at a time, with growing backoff', async () => {
  const harness = new TableHarness(['only']);
  const one = harness.member('only');
  const backoffs: number[] = [];
  for (let round = 0; round < 12; round++) {
    await harness.runtime.advance(Math.max(0, harness.table.nextDialAt(one) - harness.now));
    expect(harness.table.canDial(one, harness.now)).toBe(true);
    const dial = harness.call('only');
    if (round > 0) expect(harness.table.canDial(one, harness.now)).toBe(false);
    dial.fail('refused');
    backoffs.push(harness.table.nextDialAt(one) - harness.now);
    if (backoffs.at(-1)! > 0) expect(harness.table.canDial(one, harness.now)).toBe(false);
  }
  for (const [i, backoff] of backoffs.entries()) {
    expect(backoff).toBeGreaterThanOrEqual(0);
    expect(backoff).toBeLessThanOrEqual(Math.min(5_000, 100 * 2 ** i));
  }
  expect(Math.max(...backoffs)).toBeGreaterThan(1_000);
  expect(one.consecutiveDialFailures).toBe(12);
});

test('an endpoint whose dials time out is dialled by one attempt at a time, with growing backoff', async () => {
  const harness = new TableHarness(['only'], 5);
  const one = harness.member('only');
  const backoffs: number[] = [];
  for (let round = 0; round < 8; round++) {
    await harness.runtime.advance(Math.max(0, harness.table.nextDialAt(one) - harness.now));
    expect(harness.table.canDial(one, harness.now)).toBe(true);
    // Any number before the first failure, one afterwards.
    const dials = Array.from({ length: round === 0 ? 10 : 1 }, () => harness.call('only'));
    if (round > 0) expect(harness.table.canDial(one, harness.now)).toBe(false);
    await harness.runtime.advance(250);
    for (const dial of dials) dial.fail('connect-timeout');
    expect(one.consecutiveDialFailures).toBe(round + 1);
    backoffs.push(harness.table.nextDialAt(one) - harness.now);
  }
  for (const [i, backoff] of backoffs.entries())
    expect(backoff).toBeLessThanOrEqual(Math.min(5_000, 100 * 2 ** i));
  expect(Math.max(...backoffs)).toBeGreaterThan(500);
  expect(harness.recorder.of('suspect')).toMatchObject([{ reason: 'timeout' }]);
  // A success clears the backoff.
  await harness.respond('only');
  expect(one.consecutiveDialFailures).toBe(0);
});

test('dials that end during the backoff, or started before it, count as the same failure', async () => {
  const harness = new TableHarness(['only']);
  const one = harness.member('only');
  const early = harness.call('only');
  await harness.runtime.advance(240);
  const late = harness.call('only');
  await harness.runtime.advance(10);
  early.fail('connect-timeout');
  await harness.runtime.advance(250);
  expect(harness.now).toBeGreaterThan(harness.table.nextDialAt(one));
  late.fail('connect-timeout');
  expect(one.consecutiveDialFailures).toBe(1);
  expect(harness.table.canDial(one, harness.now)).toBe(true);
});

test('a dial with a short timeout starts no backoff, and one overtaken by a success counts for nothing', async () => {
  const harness = new TableHarness(['a', 'b']);
  await harness.fail('a', 'connect-timeout', 249);
  expect(harness.suspects).toEqual(['a']);
  expect(harness.table.canDial(harness.member('a'), harness.now)).toBe(true);
  const slow = harness.call('b');
  await harness.respond('b', 300);
  slow.fail('connect-timeout');
  expect(harness.suspects).toEqual(['a']);
  expect(harness.member('b').consecutiveDialFailures).toBe(0);
});

test('attempts in flight at the first refusal count as one failed dial, and are not the next dial', async () => {
  const harness = new TableHarness(['only'], 3);
  const one = harness.member('only');
  const older = Array.from({ length: 20 }, () => harness.call('only'));
  await harness.runtime.advance(1);
  for (const call of older.slice(0, 10)) call.fail('refused');
  expect(one.consecutiveDialFailures).toBe(1);
  const backoffMs = harness.table.nextDialAt(one) - harness.now;
  expect(backoffMs).toBeGreaterThan(0);
  await harness.runtime.advance(backoffMs);
  expect(harness.table.canDial(one, harness.now)).toBe(true);
  const dial = harness.call('only');
  expect(harness.table.canDial(one, harness.now)).toBe(false);
  // Older attempts end: the dial is still in flight.
  older[10]?.abort();
  expect(harness.table.canDial(one, harness.now)).toBe(false);
  // The dial fails: the next one follows after the backoff, although older attempts are in flight.
  dial.fail('refused');
  expect(one.consecutiveDialFailures).toBe(2);
  await harness.runtime.advance(200);
  expect(harness.table.canDial(one, harness.now)).toBe(true);
  harness.call('only').respond();
  expect(harness.table.canDial(one, harness.now)).toBe(true);
  expect(harness.table.nextDialAt(one)).toBe(0);
});

test('a dial aborted by its caller does not block the next one', async () => {
  const harness = new TableHarness(['only']);
  const one = harness.member('only');
  await harness.fail('only', 'refused');
  await harness.runtime.advance(100);
  harness.call('only').abort();
  expect(harness.table.canDial(one, harness.now)).toBe(true);
  // Nor if its end cannot be distinguished from that of another attempt.
  harness.call('only');
  harness.call('only').abort();
  expect(harness.table.canDial(one, harness.now)).toBe(false);
  await harness.runtime.advance(5_000);
  expect(harness.table.canDial(one, harness.now)).toBe(true);
});

test('update keeps listed instances and removes the others', async () => {
  const harness = new TableHarness(['a', 'b', 'c']);
  await harness.respond('a', 7);
  await harness.fail('b', 'refused');
  const [a, b, c] = ['a', 'b', 'c'].map((id) => harness.member(id));
  const { changes } = harness;
  harness.update('c', { id: 'a', weight: 3 }, 'new');
  expect(harness.table.members.map(({ endpoint }) => endpoint.id)).toEqual(['c', 'a', 'new']);
  expect(harness.member('a')).toBe(a);
  expect(a).toMatchObject({ latencyMs: 7, endpoint: { weight: 3 } });
  expect(harness.member('c')).toBe(c);
  expect(b).toMatchObject({ isListed: false, channel: { closed: true } });
  expect(harness.changes).toBeGreaterThan(changes);
  expect(harness.table.ejectedCount).toBe(0);
  expect(harness.runtime.pendingTimers).toBe(0);
});

test('results of a removed endpoint are ignored', async () => {
  const harness = new TableHarness(['a', 'b']);
  const gone = harness.member('a');
  const call = harness.call('a');
  harness.update('b');
  call.fail('reset');
  harness.table.responseReceived(gone, 3, harness.now);
  expect(harness.unreachable).toEqual([]);
  expect(harness.runtime.pendingTimers).toBe(0);
  expect(harness.recorder.events).toEqual([]);
});

test('a success of a removed, ejected endpoint does not change the count of ejected ones', async () => {
  const harness = new TableHarness(ids(4));
  const gone = harness.member('e0');
  const older = harness.call('e0');
  await harness.fail('e0', 'refused');
  await harness.fail('e1', 'refused');
  harness.update('e1', 'e2', 'e3');
  older.respond();
  expect(harness.table.ejectedCount).toBe(1);
  expect(gone.status).toBe('closed');
});

test('a successful probe of a removed endpoint revives none', async () => {
  const harness = new TableHarness(ids(3));
  await harness.fail('e0', 'refused');
  await harness.runtime.advance(500);
  const [probe] = harness.channel('e0').probes;
  harness.update('e1', 'e2');
  probe?.succeed();
  await harness.runtime.advance(0);
  expect(harness.recorder.of('revived')).toEqual([]);
  expect(harness.table.ejectedCount).toBe(0);
});

test('the same id with a new epoch or new addresses is a new endpoint', async () => {
  for (const other of [
    { id: 'a', epoch: 2 },
    { id: 'a', address: 'http://a:81' },
    { id: 'a', addresses: ['http://a:80', 'http://a:81'] },
  ]) {
    const harness = new TableHarness(['a', 'b']);
    await harness.fail('a', 'refused');
    const before = harness.member('a');
    harness.update(other, 'b');
    expect(harness.member('a')).not.toBe(before);
    expect(harness.member('a')).toMatchObject({
      status: 'open',
      consecutiveDialFailures: 0,
      unhealthySince: 0,
    });
    expect(before).toMatchObject({ isListed: false, channel: { closed: true } });
  }
});

test('the same addresses in another order are the same endpoint, whose connections follow the order', async () => {
  const harness = new TableHarness([]);
  const addresses = ['http://a:80', 'http://a:81'] as const;
  const reversed = ['http://a:81', 'http://a:80'] as const;
  harness.update({ id: 'a', addresses }, 'b');
  await harness.respond('a', 8);
  const [member, channel] = [harness.member('a'), harness.channel('a')];
  harness.update({ id: 'a', addresses: reversed }, 'b');
  expect(harness.member('a')).toBe(member);
  expect(member).toMatchObject({ latencyMs: 8, endpoint: { addresses: reversed } });
  expect(channel.closed).toBe(true);
  expect(harness.channel('a').closed).toBe(false);

  await harness.fail('a', 'refused');
  const probed = harness.channel('a');
  harness.update({ id: 'a', addresses }, 'b');
  expect(harness.ejected).toEqual(['a']);
  expect(harness.channel('a')).toBe(probed);
  await harness.runtime.advance(500);
  probed.probes[0]?.succeed();
  await harness.runtime.advance(0);
  expect(harness.ejected).toEqual([]);
  harness.update({ id: 'a', addresses }, 'b');
  expect(probed.closed).toBe(true);
  expect(harness.member('a')).toBe(member);
});

test('an endpoint that was removed and added again starts healthy', async () => {
  const harness = new TableHarness(['a', 'b']);
  await harness.fail('a', 'refused');
  harness.update('b');
  harness.update('a', 'b');
  expect(harness.ejected).toEqual([]);
  expect(harness.channel('a').closed).toBe(false);
});

test('when only ejected endpoints are left, all are reopened', async () => {
  const harness = new TableHarness(ids(3));
  await harness.fail('e0', 'refused');
  await harness.fail('e1', 'refused');
  expect(harness.ejected).toEqual(['e0', 'e1']);
  harness.update('e0', 'e1');
  expect(harness.ejected).toEqual([]);
  expect(harness.table.ejectedCount).toBe(0);
  // They are still probed, and can be ejected again.
  await harness.runtime.advance(500);
  expect(harness.channel('e0').probes).toHaveLength(1);
  await harness.fail('e0', 'refused');
  expect(harness.ejected).toEqual(['e0']);
});

test('the count of ejected endpoints is right after any sequence of events', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const harness = new TableHarness(ids(5), seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(harness.runtime.random() * list.length)]!;
    for (let i = 0; i < 300; i++) {
      const id = pick(harness.table.members).endpoint.id;
      const action = pick([
        'refused',
        'reset',
        'connect-timeout',
        'late',
        'status',
        'status',
        'success',
        'success',
        'probe',
        'update',
        'pass',
      ] as const);
      if (action === 'success') await harness.respond(id);
      else if (action === 'update')
        harness.update(...ids(6).filter(() => harness.runtime.random() < 0.8), 'always');
      else if (action === 'pass') await harness.advanceWithCalls(400);
      else if (action === 'probe') pick([...harness.channel(id).probes, { succeed: () => {} }]).succeed();
      else if (action === 'late') {
        const call = harness.call(id);
        await harness.runtime.advance(250);
        call.late();
        call.abort();
      } else await harness.fail(id, action);
      expect(harness.table.ejectedCount).toBe(harness.ejected.length);
      expect(harness.ejected.length).toBeLessThan(harness.table.members.length);
      for (const member of harness.table.members) expect(member.pending).toBe(0);
    }
  }
});

test('a stopped table sends no probes', async () => {
  const harness = new TableHarness(ids(3));
  await harness.fail('e0', 'refused');
  await harness.fail('e1', 'refused');
  await harness.runtime.advance(500);
  const [probe] = harness.channel('e0').probes;
  harness.table.stop();
  expect(harness.runtime.pendingTimers).toBe(0);
  probe?.succeed();
  harness.channel('e1').probes[0]?.fail();
  await harness.advanceWithCalls(10_000);
  expect(harness.ejected).toEqual(['e0', 'e1']);
  expect(harness.channel('e1').probes).toHaveLength(1);
  await harness.fail('e2', 'refused');
  expect(harness.runtime.pendingTimers).toBe(0);
});

test('an empty set is valid', () => {
  const harness = new TableHarness([]);
  expect(harness.table.members).toEqual([]);
  harness.update('a');
  harness.update();
  expect(harness.table.ejectedCount).toBe(0);
  harness.table.callStarted();
});

test('added endpoints are in slow start; a listed instance keeps its slow start', async () => {
  const harness = new TableHarness(ids(2));
  const { slowStart } = harness.member('e0');
  expect(slowStart).toEqual({ startedAt: 1_000, windowMs: 30_000 });
  expect(harness.member('e1').slowStart).toBe(slowStart);
  await harness.runtime.advance(5_000);
  harness.update('e0', { id: 'e1', epoch: 2 }, 'e2');
  expect(harness.member('e0').slowStart).toBe(slowStart);
  expect(harness.member('e1').slowStart).toEqual({ startedAt: 6_000, windowMs: 30_000 });
  expect(harness.member('e2').slowStart).toEqual({ startedAt: 6_000, windowMs: 30_000 });
});

test('a revived endpoint has a slow start of one second, unless its first one is still running', async () => {
  const harness = new TableHarness(ids(2));
  const { slowStart } = harness.member('e0');
  await harness.fail('e0', 'refused');
  await harness.respond('e0');
  expect(harness.member('e0').slowStart).toBe(slowStart);
  await harness.runtime.advance(60_000);
  await harness.fail('e0', 'refused');
  expect(harness.member('e0').slowStart).toBe(slowStart);
  await harness.respond('e0');
  expect(harness.member('e0').slowStart).toEqual({ startedAt: harness.now, windowMs: 1_000 });
  // The last endpoint was unhealthy but never ejected.
  const only = new TableHarness(['only']);
  const before = only.member('only').slowStart;
  await only.runtime.advance(60_000);
  await only.fail('only', 'refused');
  await only.respond('only');
  expect(only.member('only').slowStart).toBe(before);
});
