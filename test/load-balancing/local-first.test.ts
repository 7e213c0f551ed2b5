import { expect, test } from 'vitest';
import type { Policy } from '../../src/core/policy.js';
import { localFirst } from '../../src/load-balancing/local-first.js';
import { toPolicy } from '../../src/load-balancing/to-policy.js';
import { random } from '../../src/load-balancing/random.js';
import { PolicyHarness, fleet } from './candidates.js';
import { chiSquareP } from './chi-square.js';

test('its name contains the inner policy, unless that is the default', () => {
  expect(localFirst().name).toBe('local-first');
  expect(localFirst(random()).name).toBe('local-first(random)');
});

test('one random number picks the tier, and none is drawn while the nearest takes all calls', () => {
  const inner: Policy = {
    name: 'first',
    prepare:
      ({ candidates }) =>
      () =>
        candidates[0],
  };
  const given = [...fleet(4, { host: 'here' }, 'h'), 'far'];
  const harness = new PolicyHarness(localFirst(inner), given, { seed: 1 });
  harness.picks(100);
  expect(harness.draws).toBe(0);
  harness.excluding('h0', 'h1').picks(100);
  expect(harness.draws).toBe(100);
});

test('the inner policy gets the candidates and all endpoints of one tier', () => {
  const seen: string[] = [];
  const inner: Policy = {
    name: 'noting',
    prepare({ candidates, all }) {
      const ids = (list: typeof all): string => list.map(({ endpoint }) => endpoint.id).join(',');
      seen.push(`${ids(candidates)} of ${ids(all)}`);
      return () => candidates[0];
    },
  };
  new PolicyHarness(
    localFirst(inner),
    ['f', { id: 'h', host: 'here' }, { id: 'i', host: 'here', closed: true }, { id: 'z', zone: 'z' }],
    { seed: 1, locality: { zone: 'z' } },
  );
  expect(seen).toEqual(['h of h,i', 'z of z', 'f of f']);
});

test('the local share is 1.4 times the remaining local weight, up to all calls', () => {
  const given = [...fleet(10, { host: 'here' }, 'h'), 'far'];
  for (let gone = 1; gone < 10; gone++) {
    const harness = new PolicyHarness(localFirst(random()), given, { seed: gone });
    harness.excluding(...fleet(gone, {}, 'h').map(({ id }) => id));
    const { far = 0 } = harness.counts(100_000);
    const stays = Math.min(1, (1.4 * (10 - gone)) / 10);
    if (stays === 1) expect(far).toBe(0);
    else
      expect(chiSquareP({ near: 100_000 - far, far }, { near: stays, far: 1 - stays })).toBeGreaterThan(
        0.001,
      );
  }
});

test('a local queue grows to four times that of an equal endpoint elsewhere, and to at least eight calls', () => {
  const harness = new PolicyHarness(localFirst(), [{ id: 'near', host: 'here' }, 'far'], { seed: 2 });
  for (let call = 0; call < 500; call++) {
    const picked = harness.pick()!;
    picked.pending++;
    picked.loadNow = picked.pending + 1;
    if (call < 8) expect(picked.endpoint.id).toBe('near');
  }
  expect(harness.at('near').pending / harness.at('far').pending).toBeCloseTo(4, 1);
});

test('a tier whose inner policy picks no endpoint passes the call on', () => {
  const notHere = toPolicy((candidates) => candidates.find(({ endpoint }) => endpoint.host !== 'here'));
  const given = [...fleet(2, { host: 'here' }, 'h'), 'far'];
  expect(new PolicyHarness(localFirst(notHere), given, { seed: 1 }).picks(2)).toEqual(['far', 'far']);
  const notNear = toPolicy((candidates) => candidates.find(({ endpoint }) => endpoint.zone !== 'z'));
  const busy = [{ id: 'here', host: 'here', pending: 9, load: 9 }, { id: 'near', zone: 'z' }, 'far'];
  const harness = new PolicyHarness(localFirst(notNear), busy, { seed: 1, locality: { zone: 'z' } });
  expect(harness.picks(2)).toEqual(['far', 'far']);
});

test('ejected endpoints that are candidates again get calls like any others', () => {
  const panic = [...fleet(1, { host: 'here', closed: true }, 'h'), ...fleet(1, { closed: true }, 'f')];
  const { all } = new PolicyHarness(random(), panic, { seed: 1 });
  const picker = localFirst().prepare({
    candidates: all,
    all,
    locality: { host: 'here', zone: undefined },
  });
  expect(picker({ now: 0, random: () => 0.999, affinity: undefined })?.endpoint.id).toBe('h0');
});

test('an endpoint of weight 0 among the candidates gets no calls while others have a weight', () => {
  const { all } = new PolicyHarness(random(), [{ id: 'standby', host: 'here', weight: 0 }, 'far'], {
    seed: 1,
  });
  const picker = localFirst().prepare({
    candidates: all,
    all,
    locality: { host: 'here', zone: undefined },
  });
  for (const drawn of [0, 0.5, 0.999]) {
    expect(picker({ now: 0, random: () => drawn, affinity: undefined })?.endpoint.id).toBe('far');
  }
});

test('describe gives the tier, host and zone of an endpoint, and for a candidate the share of the calls of its tier', () => {
  const policy = localFirst();
  const given = [
    { id: 'a', host: 'here', zone: 'z1' },
    { id: 'b', host: 'here', zone: 'z1', closed: true },
    { id: 'c', host: 'there', zone: 'z1' },
    { id: 'd', host: 'far' },
  ];
  const harness = new PolicyHarness(policy, given, { seed: 1, locality: { zone: 'z1' } });
  harness.picks(1);
  expect(harness.all.map((one) => policy.describe?.(one))).toEqual([
    'this host (host here, zone z1), which gets 70 % of the calls',
    'this host (host here, zone z1)',
    'this zone (host there, zone z1), which gets 30 % of the calls',
    'elsewhere (host far, zone unknown), which gets 0 % of the calls',
  ]);
});

test('describe adds the note of the inner policy, and knows a single tier', () => {
  const inner: Policy = { ...random(), describe: ({ endpoint }) => `note on ${endpoint.id}` };
  const policy = localFirst(inner);
  const { all } = new PolicyHarness(policy, ['a', 'b'], { seed: 1 });
  expect(policy.describe?.(all[1]!)).toBe(
    'elsewhere (host elsewhere, zone unknown), which gets 100 % of the calls, shared by 2 endpoints, note on b',
  );
});
