/** The health consensus as clients of the name server see it. */
import { describe, expect, test } from 'vitest';
import type { EndpointReport } from '../../../../src/core/registry.js';
import type { NameService } from '../../../../src/server/ports.js';
import { limits } from '../../../../src/protocol/limits.js';
import {
  ControllableStore,
  registration,
  localCaller,
  recordWatch,
  nameServerHarness,
  type NameServerHarness,
} from '../name-server-harness.js';

const verdictOf = { '-': 'unreachable', '+': 'reachable' } as const;

/** Client `clerk` reports endpoints of `/a` as unreachable (`b-`) or reachable (`b+`). */
function report(
  names: NameService,
  clerk: string,
  verdicts: string,
  more: Partial<EndpointReport> = {},
): void {
  const reports = verdicts.split(' ').map((text) => ({
    name: '/a',
    id: text.slice(0, -1),
    epoch: 'abcdefgh'.indexOf(text.charAt(0)) + 1,
    verdict: verdictOf[text.slice(-1) as '+' | '-'],
    ...more,
  }));
  names.report({ clerk, reports }, { principal: `address:${clerk.split('/')[0]}` });
}

/** A name server with `/a` and its endpoints `a`, `b` …, whose epochs are 1, 2 … */
async function fleet(ids: string, opened?: NameServerHarness): Promise<NameServerHarness> {
  const harness = opened ?? (await nameServerHarness());
  for (const id of ids)
    await harness.names.register(registration('/a', id, { leaseMs: 600_000 }), localCaller);
  return harness;
}

/** The endpoints of a service: `a b? c!` is a healthy, a reviewed and a suspect one. */
function statuses(names: NameService, name = '/a'): string {
  const { endpoints, healthQueried = [] } = names.resolve(name);
  return endpoints
    .map(({ id, state }) => id + (state === 'suspect' ? '!' : healthQueried.includes(id) ? '?' : ''))
    .join(' ');
}

/** A little longer than a review. */
const reviewMs = 2_100;

test('an unreachable report starts a review; the endpoint is suspect after 2 s', async () => {
  const { names, runtime } = await fleet('abc');
  const { lines } = recordWatch(names, ['/a']);
  await runtime.advance(10);
  lines();
  report(names, 'one', 'b-');
  await runtime.advance(10);
  expect(statuses(names)).toBe('a b? c');
  expect(lines()).toEqual(['/a = [a,b,c]']);
  await runtime.advance(1_900);
  expect(statuses(names)).toBe('a b? c');
  await runtime.advance(200);
  expect(statuses(names)).toBe('a b! c');
  expect(lines()).toEqual(['/a = [a,b suspect,c]']);
  expect(names.healthStats).toEqual({ reports: 1, endpointReports: 1, suspectTransitions: 1, suspects: 1 });
});

test('a tie of votes makes no endpoint suspect; one more unreachable vote does', async () => {
  const { names, runtime } = await fleet('ab');
  report(names, 'one', 'b-');
  report(names, 'two', 'b+');
  await runtime.advance(reviewMs);
  expect(statuses(names)).toBe('a b?');
  report(names, 'three', 'b-');
  await runtime.advance(10);
  expect(statuses(names)).toBe('a b!');
});

test('a reachable report without an unreachable one is ignored', async () => {
  const { names, runtime } = await fleet('ab');
  report(names, 'one', 'b+');
  await runtime.advance(10);
  report(names, 'two', 'b-');
  await runtime.advance(reviewMs);
  expect(statuses(names)).toBe('a b!');
});

test('an endpoint is healthy again when the report is withdrawn, after 2 s at the earliest', async () => {
  const { names, runtime } = await fleet('ab');
  report(names, 'one', 'b-');
  await runtime.advance(reviewMs);
  expect(statuses(names)).toBe('a b!');
  report(names, 'one', 'b+');
  await runtime.advance(1_500);
  expect(statuses(names)).toBe('a b!');
  await runtime.advance(600);
  expect(statuses(names)).toBe('a b');
  expect(names.healthStats.suspects).toBe(0);
});

test('a flapping endpoint changes its status at most every 2 s', async () => {
  const { names, runtime } = await fleet('ab');
  const { received } = recordWatch(names, ['/a']);
  report(names, 'one', 'b-');
  report(names, 'two', 'b-');
  await runtime.advance(reviewMs);
  received.length = 0;
  for (let i = 0; i < 200; i++) {
    report(names, 'two', i % 2 ? 'b-' : 'b+');
    await runtime.advance(50);
  }
  const puts = received.filter(({ event }) => event.type === 'put').length;
  expect(puts).toBeGreaterThan(1);
  expect(puts).toBeLessThanOrEqual(6);
});

test('reports that are not repeated expire after 10 s', async () => {
  const { names, runtime } = await fleet('ab');
  report(names, 'one', 'b-');
  await runtime.advance(9_000);
  report(names, 'one', 'b-');
  await runtime.advance(9_900);
  expect(statuses(names)).toBe('a b!');
  await runtime.advance(200);
  expect(statuses(names)).toBe('a b');
});

test('panic mode: while all endpoints are suspect, none is shown as suspect', async () => {
  const { names, runtime } = await fleet('ab');
  report(names, 'one', 'a- b-');
  await runtime.advance(reviewMs);
  expect(statuses(names)).toBe('a? b?');
  expect(names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] }).suspects).toBeUndefined();
  await names.register(registration('/a', 'c', { leaseMs: 600_000 }), localCaller);
  expect(statuses(names)).toBe('a! b! c');
  await names.withdraw({ name: '/a', id: 'c', epoch: 3 });
  expect(statuses(names)).toBe('a? b? c');
  await names.withdraw({ name: '/a', id: 'c', epoch: 3, now: true });
  expect(statuses(names)).toBe('a? b?');
});

test('search and list show suspects too', async () => {
  const { names, runtime } = await fleet('ab');
  expect(names.list('/a', undefined, 10).entries).toEqual([{ name: '/a', kind: 'service', endpoints: 2 }]);
  report(names, 'one', 'b-');
  await runtime.advance(reviewMs);
  expect(names.search('/a', {}).entries[0]!.endpoints.map(({ state }) => state)).toEqual(['up', 'suspect']);
  expect(names.list('/a', undefined, 10).entries).toEqual([
    { name: '/a', kind: 'service', endpoints: 2, suspects: 1 },
  ]);
});

test('reports count under every name of the service, and each client counts once', async () => {
  const { names, runtime } = await fleet('ab');
  await names.link({ name: '/link', target: '/a' });
  report(names, 'one', 'b-', { name: '/link' });
  report(names, 'one', 'b-');
  report(names, 'two', 'b+');
  await runtime.advance(reviewMs);
  expect(statuses(names, '/link')).toBe('a b?');
});

describe('an overdue lease', () => {
  const renew = (names: NameService, id: string, epoch: number) =>
    names.renew({ renewals: [{ name: '/a', id, epoch }] });
  const overdue = async (leaseMs = 9_000): Promise<NameServerHarness> => {
    const harness = await nameServerHarness();
    for (const id of 'ab') await harness.names.register(registration('/a', id, { leaseMs }), localCaller);
    return harness;
  };

  test('makes the endpoint suspect after two missed renewals, until it renews', async () => {
    const { names, runtime } = await overdue();
    for (let i = 0; i < 3; i++) {
      await runtime.advance(2_900);
      renew(names, 'a', 1);
      // One missed renewal has no effect.
      if (i < 2) expect(statuses(names)).toBe('a b');
    }
    expect(statuses(names)).toBe('a b!');
    expect(renew(names, 'b', 2)).toMatchObject({ results: ['renewed'], suspects: [0] });
    await runtime.advance(1_900);
    expect(statuses(names)).toBe('a b');
    expect(renew(names, 'b', 2).suspects).toBeUndefined();
  });

  test('ends when the endpoint registers again', async () => {
    const { names, runtime } = await overdue();
    await runtime.advance(4_000);
    renew(names, 'a', 1);
    await runtime.advance(4_000);
    expect(statuses(names)).toBe('a b!');
    await names.register(registration('/a', 'b', { leaseMs: 9_000, epoch: 2 }), localCaller);
    await runtime.advance(2_100);
    expect(statuses(names)).toBe('a b');
  });

  test('has no effect while the server itself was stalled', async () => {
    const { names, runtime } = await overdue();
    renew(names, 'a', 1);
    runtime.stall(7_000);
    await runtime.advance(100);
    expect(statuses(names)).toBe('a b');
  });

  test('has no effect when many leases are overdue at once', async () => {
    const { names, runtime } = await nameServerHarness();
    for (let i = 0; i < 40; i++)
      await names.register(registration('/a', `i${i}`, { leaseMs: 9_000 }), localCaller);
    await runtime.advance(4_000);
    for (let i = 8; i < 40; i++) renew(names, `i${i}`, i + 1);
    await runtime.advance(4_000);
    expect(statuses(names)).not.toContain('!');
  });

  test('a renewal does not outweigh the reports of clients', async () => {
    const { names, runtime } = await overdue();
    await runtime.advance(4_000);
    renew(names, 'a', 1);
    report(names, 'one', 'b-');
    await runtime.advance(4_000);
    expect(statuses(names)).toBe('a b!');
    renew(names, 'b', 2);
    await runtime.advance(2_500);
    expect(statuses(names)).toBe('a b!');
  });
});

describe('an endpoint that claims to be healthy', () => {
  const claim = (names: NameService) =>
    names.renew({ renewals: [{ name: '/a', id: 'b', epoch: 2, claimsHealthy: true }] }).suspects;

  test('is healthy at once, until a client reports it unreachable again', async () => {
    const { names, runtime } = await fleet('ab');
    report(names, 'one', 'b-');
    await runtime.advance(reviewMs);
    expect(claim(names)).toEqual([0]);
    await runtime.advance(1);
    expect(statuses(names)).toBe('a b');
    expect(claim(names)).toBeUndefined();
    report(names, 'one', 'b-');
    // The published status stays for 2 s before a new review ends.
    await runtime.advance(2_000 + reviewMs);
    expect(statuses(names)).toBe('a b!');
  });

  test('may clear itself less and less often when it becomes suspect again, down to once in 5 min', async () => {
    const { names, runtime } = await fleet('ab');
    const cleared: number[] = [];
    let before = statuses(names);
    for (let second = 0; second < 1_500; second++) {
      report(names, 'one', 'b-');
      claim(names);
      names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] });
      await runtime.advance(1_000);
      const now = statuses(names);
      if (before === 'a b!' && now !== before) cleared.push(second);
      before = now;
    }
    const gaps = cleared.slice(1).map((at, i) => at - cleared[i]!);
    expect(gaps.slice(0, 5)).toEqual([10, 20, 40, 80, 160].map((gap) => expect.closeTo(gap, -0.6)));
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(299);
    expect(gaps.at(-1)).toBeLessThanOrEqual(310);
  });

  test('clears no report before it is suspect', async () => {
    const { names, runtime } = await fleet('ab');
    report(names, 'one', 'b-');
    claim(names);
    await runtime.advance(reviewMs);
    expect(statuses(names)).toBe('a b!');
  });
});

describe('no endpoint becomes suspect', () => {
  test.each<[string, Partial<EndpointReport>]>([
    ['an unknown name', { name: '/unknown' }],
    ['an invalid name', { name: '/../a' }],
    ['an unknown instance', { id: 'z' }],
    ['an earlier epoch', { epoch: 1 }],
    ['a later epoch', { epoch: 3 }],
  ])('through a report on %s', async (_what, wrong) => {
    const { names, runtime, store } = await fleet('ab');
    const written = store.batches.length;
    report(names, 'one', 'b-', wrong);
    await runtime.advance(reviewMs);
    expect(statuses(names)).toBe('a b');
    expect(store.batches.length).toBe(written);
  });

  test('through many clients of one host, against one client of another', async () => {
    const { names, runtime } = await fleet('ab');
    for (let i = 0; i < 500; i++) report(names, `host/${i}`, 'b-');
    report(names, 'two', 'b+');
    await runtime.advance(reviewMs);
    expect(statuses(names)).toBe('a b?');
  });

  test('through reports on an earlier epoch', async () => {
    const { names, runtime } = await fleet('ab');
    report(names, 'one', 'b-');
    await runtime.advance(reviewMs);
    expect(statuses(names)).toBe('a b!');
    await names.register(registration('/a', 'b', { leaseMs: 600_000 }), localCaller);
    expect(statuses(names)).toBe('a b');
    await runtime.advance(reviewMs);
    expect(statuses(names)).toBe('a b');
  });

  test('while it drains', async () => {
    const { names, runtime } = await fleet('ab');
    report(names, 'one', 'b-');
    await runtime.advance(reviewMs);
    await names.withdraw({ name: '/a', id: 'b', epoch: 2 });
    expect(names.resolve('/a').endpoints.map(({ state }) => state)).toEqual(['up', 'draining']);
    expect(names.healthStats.suspects).toBe(0);
    report(names, 'one', 'b-');
    await runtime.advance(reviewMs);
    expect(statuses(names)).toBe('a b');
  });

  test('after a move, until it is reported under its new name', async () => {
    const { names, runtime } = await fleet('ab');
    report(names, 'one', 'b-');
    await runtime.advance(reviewMs);
    await names.move({ from: '/a', to: '/b' });
    expect(statuses(names)).toBe('a b');
    report(names, 'one', 'b-');
    await runtime.advance(reviewMs);
    expect(statuses(names, '/b')).toBe('a b!');
  });
});

test.each([
  [3, 'c!'],
  [2, 'c'],
])('at most %i reports of one principal are kept', async (maxReportsPerPrincipal, expected) => {
  const reached: string[] = [];
  const onLimit = (principal: string, { message }: Error) => void reached.push(`${principal}: ${message}`);
  const { names, runtime } = await fleet(
    'abcd',
    await nameServerHarness({ maxReportsPerPrincipal, onLimit }),
  );
  report(names, 'one', 'a- b- c-');
  const limit =
    'The server stores at most 2 health reports per principal and 100000 in total, and ignores further reports';
  expect(reached).toEqual(maxReportsPerPrincipal === 2 ? [expect.stringContaining(limit)] : []);
  await runtime.advance(reviewMs);
  expect(statuses(names)).toBe(`a! b! ${expected} d`);
  // A kept report can change. It makes room when it expires.
  report(names, 'one', 'a+');
  await runtime.advance(reviewMs);
  expect(statuses(names)).toBe(`a b! ${expected} d`);
  await runtime.advance(limits.reportTtlMs);
  report(names, 'one', 'c- d-');
  await runtime.advance(reviewMs);
  expect(statuses(names)).toBe('a b c! d!');
});

test('a status is not stored, but increments the revision, so that a resumed watch receives it', async () => {
  const { names, runtime, store } = await fleet('ab');
  const first = recordWatch(names, ['/a']);
  await runtime.advance(10);
  first.close();
  const { revision, incarnation } = names.status();
  const before = new Map(store.records);
  report(names, 'one', 'b-');
  await runtime.advance(reviewMs);
  const changed = [...store.records].filter(([key, value]) => before.get(key) !== value);
  expect(changed.map(([key]) => key)).toEqual(['m revision']);
  const { lines } = recordWatch(names, ['/a'], { since: { incarnation, revision } });
  await runtime.advance(10);
  expect(lines()).toEqual(['open resumed', '/a = [a,b suspect]', 'current /a']);
});

test('a restart clears all statuses; the same reports lead to the same status again', async () => {
  const harness = await fleet('ab');
  report(harness.names, 'one', 'b-');
  await harness.runtime.advance(reviewMs);
  await harness.restart();
  expect(statuses(harness.names)).toBe('a b');
  report(harness.names, 'one', 'b-');
  await harness.runtime.advance(reviewMs);
  expect(statuses(harness.names)).toBe('a b!');
});

test('a status that is written together with expiry and re-registration does not stay', async () => {
  const { names, runtime, store } = await nameServerHarness();
  for (const id of 'ab') await names.register(registration('/a', id, { leaseMs: 1_000 }), localCaller);
  const renewA = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 200) {
      names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] });
      await runtime.advance(200);
    }
  };
  await renewA(400);
  let open = (): void => {};
  store.writeGate = new Promise((resolve) => (open = resolve));
  const other = names.define({ name: '/b' });
  await renewA(200);
  // One batch: the expiry of the endpoint, its registration, and its status from before.
  const again = names.register(registration('/a', 'b', { leaseMs: 600_000, epoch: 2 }), localCaller);
  await renewA(1_200);
  open();
  await Promise.all([other, again]);
  await renewA(3_000);
  expect(names.healthStats.suspectTransitions).toBe(1);
  expect(statuses(names)).toBe('a b');
});

test('with a store that cannot be written an endpoint still becomes suspect', async () => {
  const store = new ControllableStore();
  const { names, runtime } = await fleet('ab', await nameServerHarness({ store }));
  store.failure = new Error('the disk is full');
  for (let i = 0; i < 5; i++) {
    report(names, `clerk${i}`, 'b-');
    await runtime.advance(1_000);
  }
  expect(statuses(names)).toBe('a b!');
  expect(names.status().degraded).toBe(true);
});

test('1,000 clients of 1,000 hosts with different views lead to one status', async () => {
  for (const [share, expected] of [
    [501, 'a b! c'],
    [500, 'a b? c'],
    [1, 'a b? c'],
  ] as const) {
    const { names, runtime } = await fleet('abc');
    const { received } = recordWatch(names, ['/a']);
    for (let round = 0; round < 3; round++)
      for (let i = 0; i < 1_000; i++) {
        const clerk = (i * 7 + round * 13) % 1_000;
        report(names, `clerk${clerk}`, clerk < share ? 'b-' : 'b+');
        if (i % 10 === 9) await runtime.advance(40);
      }
    expect(statuses(names), `${share} of 1,000`).toBe(expected);
    // The status is published a few times, not a thousand times.
    expect(received.length).toBeLessThan(12);
    await names.close();
  }
});

describe('an endpoint that counts its calls', () => {
  /** `/a` with `a` and `b`, which have leases of 10 s. `renew` renews both; `b` answered a call `servedAgoMs` ago. */
  async function countingFleet() {
    const harness = await nameServerHarness();
    const { names, runtime } = harness;
    const secrets: string[] = [];
    for (const id of ['a', 'b'])
      secrets.push((await names.register(registration('/a', id, { leaseMs: 10_000 }), localCaller)).secret);
    const renew = (servedAgoMs: number): void => {
      const renewals = ['a', 'b'].map((id, i) => ({
        ...{ name: '/a', id, epoch: i + 1, secret: secrets[i] as string },
        servedAgoMs: id === 'b' ? servedAgoMs : 0,
      }));
      names.renew({ renewals }, localCaller);
    };
    renew(1);
    return { names, runtime, renew };
  }

  test('is not suspect while it renews in time and has answered calls since the complaint', async () => {
    const { names, runtime, renew } = await countingFleet();
    for (let i = 0; i < 30; i++) {
      for (let clerk = 0; clerk < 11; clerk++) report(names, `one/${String(clerk)}`, 'b-');
      await runtime.advance(1_000);
      if (i % 3 === 2) renew(500);
      expect(statuses(names)).toBe('a b?');
    }
  });

  test.each([
    [{ countsCalls: true }, 'a b?'],
    [{}, 'a b!'],
  ])('that registers with %j and has not renewed is %s after a review', async (fields, expected) => {
    const { names, runtime } = await nameServerHarness();
    for (const id of ['a', 'b'])
      await names.register({ ...registration('/a', id, { leaseMs: 10_000 }), ...fields }, localCaller);
    report(names, 'one', 'b-');
    await runtime.advance(reviewMs);
    expect(statuses(names)).toBe(expected);
  });

  test('is suspect once a renewal shows no call since the complaint, whatever other clients of its principal claim', async () => {
    const { names, runtime, renew } = await countingFleet();
    const complain = (): void => {
      report(names, 'one/0', 'b-');
      for (let clerk = 1; clerk < 12; clerk++) report(names, `one/${String(clerk)}`, 'b+');
    };
    complain();
    await runtime.advance(reviewMs);
    expect(statuses(names)).toBe('a b?');
    renew(reviewMs + 1_000);
    await runtime.advance(10);
    expect(statuses(names)).toBe('a b!');
    complain();
    await runtime.advance(2_500);
    // A call that it answers later shows that it can be reached.
    renew(100);
    await runtime.advance(10);
    expect(statuses(names)).toBe('a b?');
  });

  test('is suspect again when its calls stop', async () => {
    const { names, runtime, renew } = await countingFleet();
    report(names, 'one', 'b-');
    await runtime.advance(3_000);
    renew(100);
    for (let seconds = 0; seconds < 15; seconds += 3) {
      await runtime.advance(3_000);
      report(names, 'one', 'b-');
      renew(seconds * 1_000 + 3_100);
    }
    await runtime.advance(10);
    expect(statuses(names)).toBe('a b!');
  });

  test('that does not renew in time is suspect without a report of its own', async () => {
    const { names, runtime } = await countingFleet();
    report(names, 'one', 'b-');
    await runtime.advance(5_400);
    expect(statuses(names)).toBe('a b?');
    await runtime.advance(200);
    report(names, 'one', 'b-');
    await runtime.advance(10);
    expect(statuses(names)).toBe('a b!');
  });
});
