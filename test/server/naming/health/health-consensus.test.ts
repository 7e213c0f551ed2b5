/** Shared judgement over the names themselves, in virtual time. */
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

const verdicts = { '-': 'unreachable', '+': 'reachable' } as const;

/** Clerk `who` says of an endpoint of `/a` that it cannot be reached (`b-`), or can (`b+`). */
function say(names: NameService, who: string, what: string, more: Partial<EndpointReport> = {}): void {
  const opinions = what.split(' ').map((word) => ({
    name: '/a',
    id: word.slice(0, -1),
    epoch: 'abcdefgh'.indexOf(word.charAt(0)) + 1,
    verdict: verdicts[word.slice(-1) as '+' | '-'],
    ...more,
  }));
  names.report({ clerk: who, reports: opinions }, { principal: `address:${who.split('/')[0]}` });
}

/** `/a` with endpoints `a`, `b` …, whose epochs are 1, 2 … */
async function fleet(ids: string, made?: NameServerHarness): Promise<NameServerHarness> {
  const around = made ?? (await nameServerHarness());
  for (const id of ids)
    await around.names.register(registration('/a', id, { leaseMs: 600_000 }), localCaller);
  return around;
}

/** The endpoints of a service: `a b? c!` is one that is well, one that is doubted and one that is marked. */
function standing(names: NameService, name = '/a'): string {
  const { endpoints, healthQueried = [] } = names.resolve(name);
  return endpoints
    .map(({ id, state }) => id + (state === 'suspect' ? '!' : healthQueried.includes(id) ? '?' : ''))
    .join(' ');
}

const hearingMs = 2_100;

test('one complaint asks all who call it, and marks nobody before they could answer', async () => {
  const { names, runtime } = await fleet('abc');
  const { lines } = recordWatch(names, ['/a']);
  await runtime.advance(10);
  lines();
  say(names, 'one', 'b-');
  await runtime.advance(10);
  expect(standing(names)).toBe('a b? c');
  expect(lines()).toEqual(['/a = [a,b,c]']);
  await runtime.advance(1_900);
  expect(standing(names)).toBe('a b? c');
  await runtime.advance(200);
  expect(standing(names)).toBe('a b! c');
  expect(lines()).toEqual(['/a = [a,b suspect,c]']);
  expect(names.healthStats).toEqual({ reports: 1, endpointReports: 1, suspectTransitions: 1, suspects: 1 });
});

test('a complaint against which as many speak marks nobody, and one more does', async () => {
  const { names, runtime } = await fleet('ab');
  say(names, 'one', 'b-');
  say(names, 'two', 'b+');
  await runtime.advance(hearingMs);
  expect(standing(names)).toBe('a b?');
  say(names, 'three', 'b-');
  await runtime.advance(10);
  expect(standing(names)).toBe('a b!');
});

test('praise alone is not kept', async () => {
  const { names, runtime } = await fleet('ab');
  say(names, 'one', 'b+');
  await runtime.advance(10);
  say(names, 'two', 'b-');
  await runtime.advance(hearingMs);
  expect(standing(names)).toBe('a b!');
});

test('a mark ends when it is taken back, and not before two seconds are over', async () => {
  const { names, runtime } = await fleet('ab');
  say(names, 'one', 'b-');
  await runtime.advance(hearingMs);
  expect(standing(names)).toBe('a b!');
  say(names, 'one', 'b+');
  await runtime.advance(1_500);
  expect(standing(names)).toBe('a b!');
  await runtime.advance(600);
  expect(standing(names)).toBe('a b');
  expect(names.healthStats.suspects).toBe(0);
});

test('what wavers is told at most every two seconds', async () => {
  const { names, runtime } = await fleet('ab');
  const { told } = recordWatch(names, ['/a']);
  say(names, 'one', 'b-');
  say(names, 'two', 'b-');
  await runtime.advance(hearingMs);
  told.length = 0;
  for (let i = 0; i < 200; i++) {
    say(names, 'two', i % 2 ? 'b-' : 'b+');
    await runtime.advance(50);
  }
  const puts = told.filter(({ event }) => event.type === 'put').length;
  expect(puts).toBeGreaterThan(1);
  expect(puts).toBeLessThanOrEqual(6);
});

test('opinions that are not repeated are forgotten after ten seconds', async () => {
  const { names, runtime } = await fleet('ab');
  say(names, 'one', 'b-');
  await runtime.advance(9_000);
  say(names, 'one', 'b-');
  await runtime.advance(9_900);
  expect(standing(names)).toBe('a b!');
  await runtime.advance(200);
  expect(standing(names)).toBe('a b');
});

test('when everybody is suspect nobody is marked, and when somebody comes who is not, they are', async () => {
  const { names, runtime } = await fleet('ab');
  say(names, 'one', 'a- b-');
  await runtime.advance(hearingMs);
  expect(standing(names)).toBe('a? b?');
  expect(names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] }).suspects).toBeUndefined();
  await names.register(registration('/a', 'c', { leaseMs: 600_000 }), localCaller);
  expect(standing(names)).toBe('a! b! c');
  await names.withdraw({ name: '/a', id: 'c', epoch: 3 });
  expect(standing(names)).toBe('a? b? c');
  await names.withdraw({ name: '/a', id: 'c', epoch: 3, now: true });
  expect(standing(names)).toBe('a? b?');
});

test('a search and a listing say it too', async () => {
  const { names, runtime } = await fleet('ab');
  expect(names.list('/a', undefined, 10).entries).toEqual([{ name: '/a', kind: 'service', endpoints: 2 }]);
  say(names, 'one', 'b-');
  await runtime.advance(hearingMs);
  expect(names.search('/a', {}).entries[0]!.endpoints.map(({ state }) => state)).toEqual(['up', 'suspect']);
  expect(names.list('/a', undefined, 10).entries).toEqual([
    { name: '/a', kind: 'service', endpoints: 2, suspects: 1 },
  ]);
});

test('it counts under every name that leads there, and each clerk once', async () => {
  const { names, runtime } = await fleet('ab');
  await names.link({ name: '/link', target: '/a' });
  say(names, 'one', 'b-', { name: '/link' });
  say(names, 'one', 'b-');
  say(names, 'two', 'b+');
  await runtime.advance(hearingMs);
  expect(standing(names, '/link')).toBe('a b?');
});

describe('a lease that falters', () => {
  const renew = (names: NameService, id: string, epoch: number) =>
    names.renew({ renewals: [{ name: '/a', id, epoch }] });
  const falling = async (leaseMs = 9_000): Promise<NameServerHarness> => {
    const made = await nameServerHarness();
    for (const id of 'ab') await made.names.register(registration('/a', id, { leaseMs }), localCaller);
    return made;
  };

  test('marks after two missed renewals, and one renewal ends that', async () => {
    const { names, runtime } = await falling();
    for (let i = 0; i < 3; i++) {
      await runtime.advance(2_900);
      renew(names, 'a', 1);
      // One missed renewal is an accident.
      if (i < 2) expect(standing(names)).toBe('a b');
    }
    expect(standing(names)).toBe('a b!');
    expect(renew(names, 'b', 2)).toMatchObject({ results: ['renewed'], suspects: [0] });
    await runtime.advance(1_900);
    expect(standing(names)).toBe('a b');
    expect(renew(names, 'b', 2).suspects).toBeUndefined();
  });

  test('is over when it is registered again', async () => {
    const { names, runtime } = await falling();
    await runtime.advance(4_000);
    renew(names, 'a', 1);
    await runtime.advance(4_000);
    expect(standing(names)).toBe('a b!');
    await names.register(registration('/a', 'b', { leaseMs: 9_000, epoch: 2 }), localCaller);
    await runtime.advance(2_100);
    expect(standing(names)).toBe('a b');
  });

  test('marks nobody while the server itself stood still', async () => {
    const { names, runtime } = await falling();
    renew(names, 'a', 1);
    runtime.stall(7_000);
    await runtime.advance(100);
    expect(standing(names)).toBe('a b');
  });

  test('marks nobody where many falter at once: that is not their doing', async () => {
    const { names, runtime } = await nameServerHarness();
    for (let i = 0; i < 40; i++)
      await names.register(registration('/a', `i${i}`, { leaseMs: 9_000 }), localCaller);
    await runtime.advance(4_000);
    for (let i = 8; i < 40; i++) renew(names, `i${i}`, i + 1);
    await runtime.advance(4_000);
    expect(standing(names)).not.toContain('!');
  });

  test('a renewal does not outweigh what callers say', async () => {
    const { names, runtime } = await falling();
    await runtime.advance(4_000);
    renew(names, 'a', 1);
    say(names, 'one', 'b-');
    await runtime.advance(4_000);
    expect(standing(names)).toBe('a b!');
    renew(names, 'b', 2);
    await runtime.advance(2_500);
    expect(standing(names)).toBe('a b!');
  });
});

describe('an endpoint that says it is well', () => {
  const well = (names: NameService) =>
    names.renew({ renewals: [{ name: '/a', id: 'b', epoch: 2, claimsHealthy: true }] }).suspects;

  test('is believed at once, until somebody complains again', async () => {
    const { names, runtime } = await fleet('ab');
    say(names, 'one', 'b-');
    await runtime.advance(hearingMs);
    expect(well(names)).toEqual([0]);
    await runtime.advance(1);
    expect(standing(names)).toBe('a b');
    expect(well(names)).toBeUndefined();
    say(names, 'one', 'b-');
    // What was told stays for two seconds, and so does the question.
    await runtime.advance(2_000 + hearingMs);
    expect(standing(names)).toBe('a b!');
  });

  test('is believed less and less often when it is always marked again, down to once in five minutes', async () => {
    const { names, runtime } = await fleet('ab');
    const cleared: number[] = [];
    let was = standing(names);
    for (let second = 0; second < 1_500; second++) {
      say(names, 'one', 'b-');
      well(names);
      names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] });
      await runtime.advance(1_000);
      const is = standing(names);
      if (was === 'a b!' && is !== was) cleared.push(second);
      was = is;
    }
    const gaps = cleared.slice(1).map((at, i) => at - cleared[i]!);
    expect(gaps.slice(0, 5)).toEqual([10, 20, 40, 80, 160].map((gap) => expect.closeTo(gap, -0.6)));
    expect(gaps.at(-1)).toBeGreaterThanOrEqual(299);
    expect(gaps.at(-1)).toBeLessThanOrEqual(310);
  });

  test('clears nothing where it was never marked', async () => {
    const { names, runtime } = await fleet('ab');
    say(names, 'one', 'b-');
    well(names);
    await runtime.advance(hearingMs);
    expect(standing(names)).toBe('a b!');
  });
});

describe('nothing is marked wrongly', () => {
  test.each<[string, Partial<EndpointReport>]>([
    ['an unknown name', { name: '/nobody' }],
    ['a name that is none', { name: '/../a' }],
    ['an unknown instance', { id: 'z' }],
    ['an earlier life', { epoch: 1 }],
    ['a later life', { epoch: 3 }],
  ])('by %s', async (_what, wrong) => {
    const { names, runtime, store } = await fleet('ab');
    const written = store.batches.length;
    say(names, 'one', 'b-', wrong);
    await runtime.advance(hearingMs);
    expect(standing(names)).toBe('a b');
    expect(store.batches.length).toBe(written);
  });

  test('by many clerks of one host, against one of another', async () => {
    const { names, runtime } = await fleet('ab');
    for (let i = 0; i < 500; i++) say(names, `host/${i}`, 'b-');
    say(names, 'two', 'b+');
    await runtime.advance(hearingMs);
    expect(standing(names)).toBe('a b?');
  });

  test('by who said it of an earlier life', async () => {
    const { names, runtime } = await fleet('ab');
    say(names, 'one', 'b-');
    await runtime.advance(hearingMs);
    expect(standing(names)).toBe('a b!');
    await names.register(registration('/a', 'b', { epoch: 7, leaseMs: 600_000 }), localCaller);
    expect(standing(names)).toBe('a b');
    await runtime.advance(hearingMs);
    expect(standing(names)).toBe('a b');
  });

  test('of whom leaves', async () => {
    const { names, runtime } = await fleet('ab');
    say(names, 'one', 'b-');
    await runtime.advance(hearingMs);
    await names.withdraw({ name: '/a', id: 'b', epoch: 2 });
    expect(names.resolve('/a').endpoints.map(({ state }) => state)).toEqual(['up', 'draining']);
    expect(names.healthStats.suspects).toBe(0);
    say(names, 'one', 'b-');
    await runtime.advance(hearingMs);
    expect(standing(names)).toBe('a b');
  });

  test('of whom has moved', async () => {
    const { names, runtime } = await fleet('ab');
    say(names, 'one', 'b-');
    await runtime.advance(hearingMs);
    await names.move({ from: '/a', to: '/b' });
    expect(standing(names)).toBe('a b');
    say(names, 'one', 'b-');
    await runtime.advance(hearingMs);
    expect(standing(names, '/b')).toBe('a b!');
  });
});

test.each([
  [3, 'c!'],
  [2, 'c'],
])('of one principal %i opinions are kept', async (mostHeard, expected) => {
  const { names, runtime } = await fleet(
    'abcd',
    await nameServerHarness({ maxReportsPerPrincipal: mostHeard }),
  );
  say(names, 'one', 'a- b- c-');
  await runtime.advance(hearingMs);
  expect(standing(names)).toBe(`a! b! ${expected} d`);
  // What is kept may be changed, and makes room when it is forgotten.
  say(names, 'one', 'a+');
  await runtime.advance(hearingMs);
  expect(standing(names)).toBe(`a b! ${expected} d`);
  await runtime.advance(limits.reportTtlMs);
  say(names, 'one', 'c- d-');
  await runtime.advance(hearingMs);
  expect(standing(names)).toBe('a b c! d!');
});

test('a mark is never written, and moves the revision, so that a watch that goes on hears of it', async () => {
  const { names, runtime, store } = await fleet('ab');
  const first = recordWatch(names, ['/a']);
  await runtime.advance(10);
  first.close();
  const { revision, incarnation } = names.status();
  const before = new Map(store.records);
  say(names, 'one', 'b-');
  await runtime.advance(hearingMs);
  const changed = [...store.records].filter(([key, value]) => before.get(key) !== value);
  expect(changed.map(([key]) => key)).toEqual(['m revision']);
  const { lines } = recordWatch(names, ['/a'], { since: { incarnation, revision } });
  await runtime.advance(10);
  expect(lines()).toEqual(['open, resumed', '/a = [a,b suspect]', 'current /a']);
});

test('after a restart nothing is known of it, and the same reports come to the same view', async () => {
  const made = await fleet('ab');
  say(made.names, 'one', 'b-');
  await made.runtime.advance(hearingMs);
  await made.restart();
  expect(standing(made.names)).toBe('a b');
  say(made.names, 'one', 'b-');
  await made.runtime.advance(hearingMs);
  expect(standing(made.names)).toBe('a b!');
});

test('a mark that is overtaken by the end and the return of an endpoint does not stay on who came back', async () => {
  const { names, runtime, store } = await nameServerHarness();
  for (const id of 'ab') await names.register(registration('/a', id, { leaseMs: 1_000 }), localCaller);
  const live = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 200) {
      names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] });
      await runtime.advance(200);
    }
  };
  await live(400);
  let open = (): void => {};
  store.writeGate = new Promise((resolve) => (open = resolve));
  const other = names.define({ name: '/b' });
  await live(200);
  // One batch then: its end, its return, and the mark from before.
  const again = names.register(registration('/a', 'b', { leaseMs: 600_000, epoch: 2 }), localCaller);
  await live(1_200);
  open();
  await Promise.all([other, again]);
  await live(3_000);
  expect(names.healthStats.suspectTransitions).toBe(1);
  expect(standing(names)).toBe('a b');
});

test('with a store that cannot be written nothing is marked, and look-ups go on', async () => {
  const store = new ControllableStore();
  const { names, runtime } = await fleet('ab', await nameServerHarness({ store }));
  store.failure = new Error('the disk is full');
  for (let i = 0; i < 5; i++) {
    say(names, `clerk${i}`, 'b-');
    await runtime.advance(1_000);
  }
  expect(standing(names)).toBe('a b');
  expect(names.status().degraded).toBe(true);
});

test('a thousand clerks of as many hosts with different views come to one', async () => {
  for (const [share, expected] of [
    [501, 'a b! c'],
    [500, 'a b? c'],
    [1, 'a b? c'],
  ] as const) {
    const { names, runtime } = await fleet('abc');
    const { told } = recordWatch(names, ['/a']);
    for (let round = 0; round < 3; round++)
      for (let i = 0; i < 1_000; i++) {
        const clerk = (i * 7 + round * 13) % 1_000;
        say(names, `clerk${clerk}`, clerk < share ? 'b-' : 'b+');
        if (i % 10 === 9) await runtime.advance(40);
      }
    expect(standing(names), `${share} of 1,000`).toBe(expected);
    // One view, told a few times and not a thousand.
    expect(told.length).toBeLessThan(12);
    await names.close();
  }
});
