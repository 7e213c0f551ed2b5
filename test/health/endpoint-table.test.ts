import { expect, test } from 'vitest';
import type { Evidence } from '../../src/core/health.js';
import { TableHarness, ids } from './table-harness.js';

const hard = ['refused', 'reset', 'timeout'] as const satisfies readonly Evidence[];

test.each([1, 2, 3, 10])('of %i endpoints hard evidence sets aside all but one, at once', async (count) => {
  for (const evidence of hard) {
    const fleet = new TableHarness(ids(count));
    for (const id of ids(count)) await fleet.fail(id, evidence, 1);
    expect(fleet.ejected).toEqual(ids(count - 1));
    expect(fleet.table.ejectedCount).toBe(count - 1);
    expect(fleet.suspects).toEqual(ids(count));
    expect(fleet.recorder.of('ejected').map(({ endpoint, reason }) => [endpoint, reason])).toEqual(
      ids(count - 1).map((id) => [id, evidence]),
    );
    expect(fleet.recorder.of('suspect')).toHaveLength(count);
    // The last goes on being used however often it fails.
    for (let i = 0; i < 20; i++) await fleet.fail(`e${count - 1}`, evidence, 1);
    expect(fleet.table.ejectedCount).toBe(count - 1);
  }
});

test.each([
  [1, 0],
  [2, 1],
  [3, 1],
  [10, 5],
])('of %i endpoints failing answers set aside %i at most', async (count, most) => {
  const fleet = new TableHarness(ids(count));
  for (const id of ids(count)) for (let i = 0; i < 20; i++) await fleet.fail(id, 'status');
  expect(fleet.ejected).toEqual(ids(most));
  // An answer is an answer: nobody is suspected of being gone.
  expect(fleet.suspects).toEqual([]);
  expect(fleet.recorder.of('suspect')).toEqual([]);
});

test('hard evidence sets aside the rest, where rates have set aside half', async () => {
  const fleet = new TableHarness(ids(4));
  for (const id of ['e0', 'e1', 'e2']) for (let i = 0; i < 5; i++) await fleet.fail(id, 'status');
  expect(fleet.ejected).toEqual(['e0', 'e1']);
  await fleet.fail('e2', 'reset');
  await fleet.fail('e3', 'reset');
  expect(fleet.ejected).toEqual(['e0', 'e1', 'e2']);
});

test('five failing answers in a row set aside, four and a good one do not', async () => {
  const fleet = new TableHarness(ids(2));
  for (let i = 0; i < 100; i++) await fleet.respond('e0');
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 4; i++) await fleet.fail('e0', 'status');
    await fleet.respond('e0');
  }
  expect(fleet.ejected).toEqual([]);
  for (let i = 0; i < 5; i++) await fleet.fail('e0', 'status');
  expect(fleet.ejected).toEqual(['e0']);
});

test('fewer than four good answers in five set aside', async () => {
  const fleet = new TableHarness(ids(2));
  for (const good of [true, true, false, true])
    await (good ? fleet.respond('e0') : fleet.fail('e0', 'status'));
  expect(fleet.ejected).toEqual([]);
  await fleet.fail('e0', 'status');
  expect(fleet.ejected).toEqual(['e0']);
});

test('silence is hard evidence only if nothing was heard since the attempt began', async () => {
  const fleet = new TableHarness(ids(2));
  const slow = fleet.call('e0');
  await fleet.runtime.advance(10);
  await fleet.respond('e0');
  await fleet.runtime.advance(250);
  slow.fail('timeout');
  expect(fleet.ejected).toEqual([]);
  expect(fleet.channel('e0').resets).toBe(0);

  const late = fleet.call('e0');
  await fleet.runtime.advance(250);
  late.fail('timeout');
  expect(fleet.ejected).toEqual(['e0']);
  expect(fleet.channel('e0').resets).toBe(1);
});

test('a failing answer is a sign of life too', async () => {
  const fleet = new TableHarness(ids(2));
  const slow = fleet.call('e0');
  await fleet.fail('e0', 'status', 10);
  slow.fail('timeout');
  expect(fleet.ejected).toEqual([]);
});

test('one that was not waited for is not set aside', async () => {
  const fleet = new TableHarness(ids(2));
  for (let i = 0; i < 50; i++) await fleet.fail('e0', 'slow', 1);
  expect(fleet.ejected).toEqual([]);
  expect(fleet.suspects).toEqual([]);
});

test('many attempts that fell silent together give up one set of connections, not the next one too', async () => {
  const fleet = new TableHarness(['only']);
  const calls = Array.from({ length: 10 }, () => fleet.call('only'));
  await fleet.runtime.advance(250);
  for (const call of calls) call.fail('timeout');
  expect(fleet.channel('only').resets).toBe(1);
  // The new connections are silent as well.
  await fleet.fail('only', 'timeout', 250);
  expect(fleet.channel('only').resets).toBe(2);
});

test('a probe goes out within 500 ms, and brings the endpoint back', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    for (const evidence of hard) {
      const fleet = new TableHarness(ids(2), seed);
      await fleet.respond('e1', 8);
      await fleet.fail('e0', evidence, 1);
      const { version } = fleet.table;
      await fleet.runtime.advance(500);
      const [probe] = fleet.channel('e0').probes;
      expect(probe?.timeoutMs).toBe(250);
      expect(fleet.ejected).toEqual(['e0']);
      probe?.succeed();
      await fleet.runtime.advance(0);
      expect(fleet.ejected).toEqual([]);
      expect(fleet.table.ejectedCount).toBe(0);
      expect(fleet.table.version).toBeGreaterThan(version);
      expect(fleet.recorder.of('revived')).toEqual([{ name: '/shop/orders', endpoint: 'e0', afterMs: 500 }]);
      // What it was before counts no more, and how fast it is now nobody knows.
      expect(fleet.member('e0').latencyMs).toBe(0);
      await fleet.advanceWithCalls(20_000);
      expect(fleet.channel('e0').probes).toHaveLength(1);
    }
  }
});

test('the last endpoint is probed too, and one that answers is well again', async () => {
  const fleet = new TableHarness(['only']);
  await fleet.fail('only', 'refused');
  expect(fleet.ejected).toEqual([]);
  await fleet.runtime.advance(500);
  expect(fleet.table.canDial(fleet.member('only'), fleet.now)).toBe(true);
  fleet.channel('only').probes[0]?.succeed();
  await fleet.runtime.advance(0);
  expect(fleet.member('only')).toMatchObject({ consecutiveDialFailures: 0, unhealthySince: 0 });
  expect(fleet.recorder.of('revived')).toEqual([]);
});

test('probes that fail grow further apart, up to 5 s, and one is out at a time', async () => {
  const fleet = new TableHarness(ids(2));
  await fleet.fail('e0', 'refused');
  const { probes } = fleet.channel('e0');
  const at: number[] = [];
  let answered = 0;
  for (let passed = 0; passed < 120_000; passed += 50) {
    await fleet.advanceWithCalls(50);
    expect(probes.length).toBeLessThanOrEqual(answered + 1);
    if (probes.length > answered) {
      at.push(fleet.now);
      probes[answered++]?.fail();
    }
  }
  const gaps = at.map((now, i) => now - (at[i - 1] ?? now)).slice(1);
  // 250 ms ± a fifth, and what the steps of 50 ms add.
  expect(gaps[0]).toBeLessThanOrEqual(350);
  expect(Math.max(...gaps)).toBeGreaterThan(4_000);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(6_050);
  expect(gaps.at(-1)).toBeGreaterThan(gaps[0]! * 8);
  expect(probes.length).toBeLessThan(70);
});

test('while a probe is out no second one goes, however often the endpoint fails', async () => {
  const fleet = new TableHarness(['only']);
  await fleet.fail('only', 'reset');
  for (let i = 0; i < 100; i++) {
    await fleet.advanceWithCalls(50);
    await fleet.fail('only', 'reset');
  }
  expect(fleet.channel('only').probes).toHaveLength(1);
});

test('without calls there are no probes, and the next call sends one', async () => {
  const fleet = new TableHarness(ids(2));
  await fleet.fail('e0', 'refused');
  await fleet.runtime.advance(500);
  const { probes } = fleet.channel('e0');
  expect(probes).toHaveLength(1);
  probes[0]?.fail();
  await fleet.runtime.advance(3_600_000);
  expect(probes).toHaveLength(1);
  expect(fleet.runtime.pendingTimers).toBe(0);
  fleet.table.callStarted();
  expect(probes).toHaveLength(2);
  probes[1]?.succeed();
  await fleet.runtime.advance(0);
  expect(fleet.ejected).toEqual([]);
});

test('probing never keeps a process alive', async () => {
  const fleet = new TableHarness(ids(3));
  await fleet.fail('e0', 'refused');
  await fleet.fail('e1', 'timeout', 100);
  expect(fleet.runtime.pendingTimers).toBe(2);
  expect(fleet.runtime.refTimers).toBe(0);
});

test('a good answer brings back one that was set aside for being out of reach', async () => {
  const fleet = new TableHarness(ids(2));
  const other = fleet.call('e0');
  await fleet.runtime.advance(5);
  await fleet.fail('e0', 'reset');
  expect(fleet.ejected).toEqual(['e0']);
  other.respond();
  expect(fleet.ejected).toEqual([]);
  expect(fleet.runtime.pendingTimers).toBe(0);
});

test('an answer that was under way does not bring back one that fails every other call', async () => {
  const fleet = new TableHarness(ids(2));
  const older = fleet.call('e0');
  await fleet.runtime.advance(5);
  for (let i = 0; i < 5; i++) await fleet.fail('e0', 'status');
  expect(fleet.ejected).toEqual(['e0']);
  older.respond();
  expect(fleet.ejected).toEqual(['e0']);
  // What was asked afterwards, where nobody else was left, speaks for it.
  await fleet.runtime.advance(5);
  await fleet.respond('e0');
  expect(fleet.ejected).toEqual([]);
});

test('an answer to a probe is not believed over a failure that was seen after the probe was sent', async () => {
  for (const count of [1, 2]) {
    const fleet = new TableHarness(ids(count));
    await fleet.fail('e0', 'reset');
    await fleet.runtime.advance(500);
    const { probes } = fleet.channel('e0');
    await fleet.runtime.advance(10);
    await fleet.fail('e0', 'reset');
    probes[0]?.succeed();
    await fleet.runtime.advance(0);
    expect(fleet.member('e0').unhealthySince).not.toBe(0);
    await fleet.advanceWithCalls(500);
    expect(probes).toHaveLength(2);
    probes[1]?.succeed();
    await fleet.runtime.advance(0);
    expect(fleet.member('e0').unhealthySince).toBe(0);
  }
});

test('attempts that began before a probe do not outweigh its answer by having been silent', async () => {
  const fleet = new TableHarness(['only']);
  await fleet.fail('only', 'timeout', 250);
  const older = fleet.call('only');
  await fleet.runtime.advance(500);
  const { probes } = fleet.channel('only');
  await fleet.runtime.advance(5);
  older.fail('timeout');
  probes[0]?.succeed();
  await fleet.runtime.advance(0);
  expect(fleet.member('only').unhealthySince).toBe(0);
});

test('an endpoint that keeps coming and going is probed later and later, and forgiven in time', async () => {
  const fleet = new TableHarness(ids(2));
  const firstProbeAfter = async (): Promise<number> => {
    const { probes } = fleet.channel('e0');
    const [before, from] = [probes.length, fleet.now];
    await fleet.fail('e0', 'reset');
    while (probes.length === before) await fleet.advanceWithCalls(50);
    const after = fleet.now - from;
    probes.at(-1)?.succeed();
    await fleet.runtime.advance(0);
    expect(fleet.ejected).toEqual([]);
    return after;
  };
  const flapping: number[] = [];
  for (let i = 0; i < 5; i++) flapping.push(await firstProbeAfter());
  expect(flapping[0]).toBeLessThanOrEqual(500);
  expect(flapping[1]).toBeGreaterThanOrEqual(400);
  expect(flapping[2]).toBeGreaterThanOrEqual(800);
  expect(flapping[4]).toBeGreaterThanOrEqual(3_200);
  await fleet.advanceWithCalls(5 * 60_000);
  expect(await firstProbeAfter()).toBeLessThanOrEqual(500);
});

test('what fails fast does not look fast', async () => {
  for (const known of [true, false]) {
    const fleet = new TableHarness(ids(2));
    await fleet.respond('e1', 100);
    if (known) await fleet.respond('e0', 100);
    await fleet.fail('e0', 'status');
    const [failing, good] = [fleet.member('e0'), fleet.member('e1')];
    expect(failing.load(fleet.now)).toBeGreaterThan(10 * good.load(fleet.now));
    await fleet.runtime.advance(15_000);
    expect(failing.load(fleet.now)).toBeLessThan(1.1 * good.load(fleet.now));
  }
});

test('one that was not waited for is known to be slow', async () => {
  for (const evidence of ['slow', 'timeout'] as const) {
    const fleet = new TableHarness(ids(2));
    await fleet.respond('e0', 5);
    await fleet.fail('e0', evidence, 300);
    expect(fleet.member('e0').latencyMs).toBe(300);
  }
});

test('a slow one is tried again when its slowness has faded', async () => {
  const fleet = new TableHarness(ids(2));
  await fleet.respond('e0', 200);
  let until = 0;
  for (; until < 200 && fleet.member('e0').load(fleet.now) >= fleet.member('e1').load(fleet.now); until++) {
    await fleet.runtime.advance(90);
    await fleet.respond('e1', 5);
  }
  // ln(200 / 5) lifetimes of 1.5 s, 95 ms a round.
  expect(until).toBeGreaterThan(50);
  expect(until).toBeLessThan(65);
});

test('one that refuses is dialled by one attempt at a time, further and further apart', async () => {
  const fleet = new TableHarness(['only']);
  const one = fleet.member('only');
  const rests: number[] = [];
  for (let round = 0; round < 12; round++) {
    await fleet.runtime.advance(Math.max(0, fleet.table.nextDialAt(one) - fleet.now));
    expect(fleet.table.canDial(one, fleet.now)).toBe(true);
    const dial = fleet.call('only');
    if (round > 0) expect(fleet.table.canDial(one, fleet.now)).toBe(false);
    dial.fail('refused');
    rests.push(fleet.table.nextDialAt(one) - fleet.now);
    if (rests.at(-1)! > 0) expect(fleet.table.canDial(one, fleet.now)).toBe(false);
  }
  for (const [i, rest] of rests.entries()) {
    expect(rest).toBeGreaterThanOrEqual(0);
    expect(rest).toBeLessThanOrEqual(Math.min(5_000, 100 * 2 ** i));
  }
  expect(Math.max(...rests)).toBeGreaterThan(1_000);
  expect(one.consecutiveDialFailures).toBe(12);
});

test('one that lets nobody in is dialled by one attempt at a time too, further and further apart', async () => {
  const fleet = new TableHarness(['only'], 5);
  const one = fleet.member('only');
  const rests: number[] = [];
  for (let round = 0; round < 8; round++) {
    await fleet.runtime.advance(Math.max(0, fleet.table.nextDialAt(one) - fleet.now));
    expect(fleet.table.canDial(one, fleet.now)).toBe(true);
    // Until it is known, any number; from then on one.
    const dials = Array.from({ length: round === 0 ? 10 : 1 }, () => fleet.call('only'));
    if (round > 0) expect(fleet.table.canDial(one, fleet.now)).toBe(false);
    await fleet.runtime.advance(250);
    for (const dial of dials) dial.fail('connect-timeout');
    expect(one.consecutiveDialFailures).toBe(round + 1);
    rests.push(fleet.table.nextDialAt(one) - fleet.now);
  }
  for (const [i, rest] of rests.entries()) expect(rest).toBeLessThanOrEqual(Math.min(5_000, 100 * 2 ** i));
  expect(Math.max(...rests)).toBeGreaterThan(500);
  expect(fleet.recorder.of('suspect')).toMatchObject([{ reason: 'timeout' }]);
  // Somebody was let in: it is well.
  await fleet.respond('only');
  expect(one.consecutiveDialFailures).toBe(0);
});

test('dials that end in the rest, or began before it, belong to the round that led to it', async () => {
  const fleet = new TableHarness(['only']);
  const one = fleet.member('only');
  const early = fleet.call('only');
  await fleet.runtime.advance(240);
  const late = fleet.call('only');
  await fleet.runtime.advance(10);
  early.fail('connect-timeout');
  await fleet.runtime.advance(250);
  expect(fleet.now).toBeGreaterThan(fleet.table.nextDialAt(one));
  late.fail('connect-timeout');
  expect(one.consecutiveDialFailures).toBe(1);
  expect(fleet.table.canDial(one, fleet.now)).toBe(true);
});

test('a dial that nobody waited for says little, and one that others have overtaken says nothing', async () => {
  const fleet = new TableHarness(['a', 'b']);
  await fleet.fail('a', 'connect-timeout', 249);
  expect(fleet.ejected).toEqual(['a']);
  expect(fleet.table.canDial(fleet.member('a'), fleet.now)).toBe(true);
  const slow = fleet.call('b');
  await fleet.respond('b', 300);
  slow.fail('connect-timeout');
  expect(fleet.ejected).toEqual(['a']);
  expect(fleet.member('b').consecutiveDialFailures).toBe(0);
});

test('attempts that were under way when it began to refuse count as one refusal, and are not the dial', async () => {
  const fleet = new TableHarness(['only'], 3);
  const one = fleet.member('only');
  const older = Array.from({ length: 20 }, () => fleet.call('only'));
  await fleet.runtime.advance(1);
  for (const call of older.slice(0, 10)) call.fail('refused');
  expect(one.consecutiveDialFailures).toBe(1);
  const rest = fleet.table.nextDialAt(one) - fleet.now;
  expect(rest).toBeGreaterThan(0);
  await fleet.runtime.advance(rest);
  expect(fleet.table.canDial(one, fleet.now)).toBe(true);
  const dial = fleet.call('only');
  expect(fleet.table.canDial(one, fleet.now)).toBe(false);
  // Older ones end meanwhile: the dial is still out.
  older[10]?.abort();
  expect(fleet.table.canDial(one, fleet.now)).toBe(false);
  // The dial fails: the next one follows after its rest, though others are still under way.
  dial.fail('refused');
  expect(one.consecutiveDialFailures).toBe(2);
  await fleet.runtime.advance(200);
  expect(fleet.table.canDial(one, fleet.now)).toBe(true);
  fleet.call('only').respond();
  expect(fleet.table.canDial(one, fleet.now)).toBe(true);
  expect(fleet.table.nextDialAt(one)).toBe(0);
});

test('a dial that its caller gave up does not bar the next one for ever', async () => {
  const fleet = new TableHarness(['only']);
  const one = fleet.member('only');
  await fleet.fail('only', 'refused');
  await fleet.runtime.advance(100);
  fleet.call('only').abort();
  expect(fleet.table.canDial(one, fleet.now)).toBe(true);
  // Also where the end cannot be told from that of another attempt.
  fleet.call('only');
  fleet.call('only').abort();
  expect(fleet.table.canDial(one, fleet.now)).toBe(false);
  await fleet.runtime.advance(5_000);
  expect(fleet.table.canDial(one, fleet.now)).toBe(true);
});

test('a new set keeps what stays, and lets go of what is gone', async () => {
  const fleet = new TableHarness(['a', 'b', 'c']);
  await fleet.respond('a', 7);
  await fleet.fail('b', 'refused');
  const [a, b, c] = ['a', 'b', 'c'].map((id) => fleet.member(id));
  const { changes } = fleet;
  fleet.update('c', { id: 'a', weight: 3 }, 'new');
  expect(fleet.table.members.map(({ endpoint }) => endpoint.id)).toEqual(['c', 'a', 'new']);
  expect(fleet.member('a')).toBe(a);
  expect(a).toMatchObject({ latencyMs: 7, endpoint: { weight: 3 } });
  expect(fleet.member('c')).toBe(c);
  expect(b).toMatchObject({ isListed: false, channel: { closed: true } });
  expect(fleet.changes).toBeGreaterThan(changes);
  expect(fleet.table.ejectedCount).toBe(0);
  expect(fleet.runtime.pendingTimers).toBe(0);
});

test('what is gone teaches nothing any more', async () => {
  const fleet = new TableHarness(['a', 'b']);
  const gone = fleet.member('a');
  const call = fleet.call('a');
  fleet.update('b');
  call.fail('reset');
  fleet.table.responseReceived(gone, 3, fleet.now);
  expect(fleet.suspects).toEqual([]);
  expect(fleet.runtime.pendingTimers).toBe(0);
  expect(fleet.recorder.events).toEqual([]);
});

test('an answer of one that was set aside and is gone is not counted for anybody else', async () => {
  const fleet = new TableHarness(ids(4));
  const gone = fleet.member('e0');
  const older = fleet.call('e0');
  await fleet.fail('e0', 'reset');
  await fleet.fail('e1', 'reset');
  fleet.update('e1', 'e2', 'e3');
  older.respond();
  expect(fleet.table.ejectedCount).toBe(1);
  expect(gone.status).toBe('closed');
});

test('the answer to a probe of one that is gone brings nobody back', async () => {
  const fleet = new TableHarness(ids(3));
  await fleet.fail('e0', 'refused');
  await fleet.runtime.advance(500);
  const [probe] = fleet.channel('e0').probes;
  fleet.update('e1', 'e2');
  probe?.succeed();
  await fleet.runtime.advance(0);
  expect(fleet.recorder.of('revived')).toEqual([]);
  expect(fleet.table.ejectedCount).toBe(0);
});

test('the same id with a new epoch or new addresses is somebody else, and starts fresh', async () => {
  for (const other of [
    { id: 'a', epoch: 2 },
    { id: 'a', address: 'http://a:81' },
    { id: 'a', addresses: ['http://a:80', 'http://a:81'] },
  ]) {
    const fleet = new TableHarness(['a', 'b']);
    await fleet.fail('a', 'refused');
    const before = fleet.member('a');
    fleet.update(other, 'b');
    expect(fleet.member('a')).not.toBe(before);
    expect(fleet.member('a')).toMatchObject({ status: 'open', consecutiveDialFailures: 0, unhealthySince: 0 });
    expect(before).toMatchObject({ isListed: false, channel: { closed: true } });
  }
});

test('one that left and came back is not held to what it was', async () => {
  const fleet = new TableHarness(['a', 'b']);
  await fleet.fail('a', 'refused');
  fleet.update('b');
  fleet.update('a', 'b');
  expect(fleet.ejected).toEqual([]);
  expect(fleet.channel('a').closed).toBe(false);
});

test('where all that are left are set aside, none is', async () => {
  const fleet = new TableHarness(ids(3));
  await fleet.fail('e0', 'refused');
  await fleet.fail('e1', 'refused');
  expect(fleet.ejected).toEqual(['e0', 'e1']);
  fleet.update('e0', 'e1');
  expect(fleet.ejected).toEqual([]);
  expect(fleet.table.ejectedCount).toBe(0);
  // They are still asked for a sign of life, and still set aside by what calls see.
  await fleet.runtime.advance(500);
  expect(fleet.channel('e0').probes).toHaveLength(1);
  await fleet.fail('e0', 'refused');
  expect(fleet.ejected).toEqual(['e0']);
});

test('the count of those set aside is right whatever happens', async () => {
  for (let seed = 1; seed <= 5; seed++) {
    const fleet = new TableHarness(ids(5), seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(fleet.runtime.random() * list.length)]!;
    for (let i = 0; i < 300; i++) {
      const id = pick(fleet.table.members).endpoint.id;
      const what = pick([
        'refused',
        'reset',
        'timeout',
        'slow',
        'status',
        'status',
        'answer',
        'answer',
        'probe',
        'update',
        'pass',
      ] as const);
      if (what === 'answer') await fleet.respond(id);
      else if (what === 'update')
        fleet.update(...ids(6).filter(() => fleet.runtime.random() < 0.8), 'always');
      else if (what === 'pass') await fleet.advanceWithCalls(400);
      else if (what === 'probe') pick([...fleet.channel(id).probes, { succeed: () => {} }]).succeed();
      else await fleet.fail(id, what);
      expect(fleet.table.ejectedCount).toBe(fleet.ejected.length);
      expect(fleet.ejected.length).toBeLessThan(fleet.table.members.length);
      for (const member of fleet.table.members) expect(member.pending).toBe(0);
    }
  }
});

test('a table that was stopped probes nobody any more', async () => {
  const fleet = new TableHarness(ids(3));
  await fleet.fail('e0', 'refused');
  await fleet.fail('e1', 'refused');
  await fleet.runtime.advance(500);
  const [probe] = fleet.channel('e0').probes;
  fleet.table.stop();
  expect(fleet.runtime.pendingTimers).toBe(0);
  probe?.succeed();
  fleet.channel('e1').probes[0]?.fail();
  await fleet.advanceWithCalls(10_000);
  expect(fleet.ejected).toEqual(['e0', 'e1']);
  expect(fleet.channel('e1').probes).toHaveLength(1);
  await fleet.fail('e2', 'refused');
  expect(fleet.runtime.pendingTimers).toBe(0);
});

test('an empty set is a set', () => {
  const fleet = new TableHarness([]);
  expect(fleet.table.members).toEqual([]);
  fleet.update('a');
  fleet.update();
  expect(fleet.table.ejectedCount).toBe(0);
  fleet.table.callStarted();
});

test('whoever the registry names is warming up since then; the same instance goes on', async () => {
  const fleet = new TableHarness(ids(2));
  const { slowStart } = fleet.member('e0');
  expect(slowStart).toEqual({ startedAt: 1_000, windowMs: 30_000 });
  expect(fleet.member('e1').slowStart).toBe(slowStart);
  await fleet.runtime.advance(5_000);
  fleet.update('e0', { id: 'e1', epoch: 2 }, 'e2');
  expect(fleet.member('e0').slowStart).toBe(slowStart);
  expect(fleet.member('e1').slowStart).toEqual({ startedAt: 6_000, windowMs: 30_000 });
  expect(fleet.member('e2').slowStart).toEqual({ startedAt: 6_000, windowMs: 30_000 });
});

test('one that is back warms up in a second, unless it is new anyway', async () => {
  const fleet = new TableHarness(ids(2));
  const { slowStart } = fleet.member('e0');
  await fleet.fail('e0', 'reset');
  await fleet.respond('e0');
  expect(fleet.member('e0').slowStart).toBe(slowStart);
  await fleet.runtime.advance(60_000);
  await fleet.fail('e0', 'reset');
  expect(fleet.member('e0').slowStart).toBe(slowStart);
  await fleet.respond('e0');
  expect(fleet.member('e0').slowStart).toEqual({ startedAt: fleet.now, windowMs: 1_000 });
  // It was in trouble, and never set aside: the last one.
  const only = new TableHarness(['only']);
  const before = only.member('only').slowStart;
  await only.runtime.advance(60_000);
  await only.fail('only', 'reset');
  await only.respond('only');
  expect(only.member('only').slowStart).toBe(before);
});

/** So many answers of each, spread over ten seconds, of which some fail: never five in a row, never one in five. */
async function asked(fleet: TableHarness, failsOf: (i: number) => number, each = 120): Promise<void> {
  const count = fleet.table.members.length;
  for (let call = 0; call < each; call++) {
    for (let i = 0; i < count; i++) {
      if (fleet.ejected.includes(`e${String(i)}`)) continue;
      const every = failsOf(i);
      const fails = every > 0 && call % every === every - 1;
      await (fails ? fleet.fail(`e${String(i)}`, 'status') : fleet.respond(`e${String(i)}`, 0));
    }
    await fleet.runtime.advance(10_000 / each);
  }
}

test.each([5, 20, 200])(
  'of %i the one that fails more than the rest is set aside, though it mostly answers',
  async (count) => {
    const fleet = new TableHarness(ids(count));
    await asked(fleet, (i) => (i === 3 ? 8 : 0));
    expect(fleet.ejected).toEqual(['e3']);
    expect(fleet.recorder.of('ejected').map(({ endpoint, reason }) => [endpoint, reason])).toEqual([
      ['e3', 'failures'],
    ]);
  },
);

test('of four it is not: who is unusual among so few', async () => {
  const fleet = new TableHarness(ids(4));
  await asked(fleet, (i) => (i === 3 ? 8 : 0));
  expect(fleet.ejected).toEqual([]);
});

test('where all fail as often, nobody is set aside for it', async () => {
  const fleet = new TableHarness(ids(20));
  await asked(fleet, () => 8);
  expect(fleet.ejected).toEqual([]);
});

test('what was answered more than half a minute ago is past for those who were not asked since, too', async () => {
  const fleet = new TableHarness(ids(6));
  // All of them were well once, and nobody has asked but one of them since: it is compared with nobody.
  await asked(fleet, () => 0);
  await fleet.runtime.advance(40_000);
  for (let call = 0; call < 200; call++)
    await (call % 8 === 7 ? fleet.fail('e0', 'status') : fleet.respond('e0', 0));
  expect(fleet.recorder.of('ejected')).toEqual([]);
});

test('two hundred: those that fail are set aside one by one, and never more than half', async () => {
  const fleet = new TableHarness(ids(200));
  for (let i = 0; i < 200; i++)
    for (let fails = 0; fails < 5; fails++) await fleet.fail(`e${String(i)}`, 'status');
  expect(fleet.ejected).toEqual(ids(100));
});
