import { expect, test } from 'vitest';
import { primary } from '../../src/select/primary.js';
import { Choosing, fleet, type Given } from './candidates.js';

/** A primary at work: whom it holds after each thing that happens. */
class Story {
  readonly choosing: Choosing;

  constructor(given: readonly (string | Given)[]) {
    this.choosing = new Choosing(primary(), given, { seed: 1 });
  }

  get holds(): string {
    const [id = ''] = this.choosing.without().picks(1);
    expect(new Set(this.choosing.picks(20))).toEqual(new Set([id]));
    expect(this.choosing.draws).toBe(0);
    return id;
  }

  fails(...ids: string[]): this {
    for (const id of ids) this.choosing.at(id).status = 'closed';
    return this;
  }

  recovers(...ids: string[]): this {
    for (const id of ids) this.choosing.at(id).status = 'open';
    return this;
  }

  /** The registry changes what it says of one. */
  says(
    id: string,
    labels: Partial<{ epoch: number; state: 'up' | 'draining' | 'suspect'; weight: number }>,
  ): this {
    const one = this.choosing.at(id);
    one.endpoint = { ...one.endpoint, ...labels };
    return this;
  }

  /** The registry gives another list. */
  names(...ids: string[]): this {
    const { all } = this.choosing;
    const now = ids.map((id) => all.find(({ endpoint }) => endpoint.id === id) ?? newcomer(id));
    all.splice(0, all.length, ...now);
    return this;
  }
}

function newcomer(id: string): Choosing['all'][number] {
  return new Choosing(primary(), [id], { seed: 1 }).all[0]!;
}

test('the first in the order of the registry, whatever its load, weight or nearness', () => {
  const story = new Story([
    { id: 'a', weight: 0.1, load: 1e6, pending: 500 },
    { id: 'b', host: 'here' },
    'c',
  ]);
  expect(story.holds).toBe('a');
});

test('it moves on when it is set aside, and does not come back by itself', () => {
  const story = new Story(['a', 'b', 'c']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
  expect(story.recovers('a').holds).toBe('b');
  expect(story.holds).toBe('b');
});

test('it moves to who was not left before', () => {
  const story = new Story(['a', 'b', 'c']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
  expect(story.recovers('a').fails('b').holds).toBe('c');
});

test('and to one that was, if nobody else is open', () => {
  const story = new Story(['a', 'b']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
  expect(story.recovers('a').fails('b').holds).toBe('a');
  // Only the last one left is remembered then: it goes round once a failure, not once a call.
  expect(story.recovers('b').holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
});

test('it comes back to one that has registered anew, if that stands before it', () => {
  const story = new Story(['a', 'b', 'c']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
  expect(story.recovers('a').says('a', { epoch: 1 }).holds).toBe('a');
  // Left once more, with the new epoch: that one counts now.
  expect(story.fails('a').holds).toBe('b');
  expect(story.recovers('a').holds).toBe('b');
  expect(story.says('a', { epoch: 2 }).holds).toBe('a');
});

test('it stays where the one that has registered anew stands behind it, as with a registry by age', () => {
  const story = new Story(['a', 'b']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
  expect(story.recovers('a').names('b', 'a').says('a', { epoch: 1 }).holds).toBe('b');
  // And it is no longer one that was left.
  story.names('b', 'a', 'c');
  expect(story.fails('b').holds).toBe('a');
});

test('an instance that was gone for a while and has registered anew is known again', () => {
  const story = new Story(['a', 'b']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
  expect(story.names('b').holds).toBe('b');
  expect(story.names('a', 'b').holds).toBe('b');
  expect(story.says('a', { epoch: 7 }).holds).toBe('a');
});

test('who comes to stand before it changes nothing, nor does its own new epoch', () => {
  const story = new Story(['b']);
  expect(story.holds).toBe('b');
  expect(story.names('a', 'b').holds).toBe('b');
  expect(story.says('b', { epoch: 3 }).holds).toBe('b');
});

test.each([
  ['gone', (story: Story) => story.names('a', 'c')],
  ['draining', (story: Story) => story.says('b', { state: 'draining' })],
  ['suspect', (story: Story) => story.says('b', { state: 'suspect' })],
  ['weight 0', (story: Story) => story.says('b', { weight: 0 })],
] as const)(
  'when the registry says that it is %s, the first in order is taken, as if nothing had been',
  (_, says) => {
    const story = new Story(['a', 'b', 'c']);
    expect(story.holds).toBe('a');
    expect(story.fails('a').holds).toBe('b');
    expect(says(story.recovers('a')).holds).toBe('a');
  },
);

test('as if nothing had been: who was left before is next again', () => {
  const story = new Story(['a', 'b', 'c', 'd']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
  expect(story.fails('b').holds).toBe('c');
  expect(story.recovers('a', 'b').says('c', { state: 'draining' }).holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
});

test('once round, everything begins anew: who comes later stands behind those who were there', () => {
  const story = new Story(['a', 'b', 'c']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
  expect(story.fails('b').holds).toBe('c');
  expect(story.recovers('a', 'b').fails('c').holds).toBe('a');
  expect(story.recovers('c').names('a', 'b', 'c', 'd').fails('a').holds).toBe('b');
});

test('a mark on all of them moves nothing', () => {
  const story = new Story(['a', 'b']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').holds).toBe('b');
  story.recovers('a').says('a', { state: 'suspect' }).says('b', { state: 'suspect' });
  expect(story.holds).toBe('b');
});

test('a call that failed goes to another, and the next one to the same as before', () => {
  const { choosing } = new Story(['a', 'b', 'c']);
  expect(choosing.picks(1)).toEqual(['a']);
  expect(choosing.without('a').picks(2)).toEqual(['b', 'b']);
  expect(choosing.without('a', 'b').picks(1)).toEqual(['c']);
  expect(choosing.without().picks(2)).toEqual(['a', 'a']);
});

test('nobody open: the one it has goes on being tried, and nothing is forgotten', () => {
  const { all } = new Choosing(primary(), fleet(3), { seed: 1 });
  const policy = primary();
  const pick = (...candidates: typeof all): unknown =>
    policy.prepare({ candidates, all, standpoint: { host: 'here', zone: undefined } })({
      now: 1,
      random: () => 0,
      affinity: undefined,
    });
  expect(pick(...all)).toBe(all[0]);
  for (const one of all) one.status = 'closed';
  expect(pick(...all)).toBe(all[0]);
  expect(pick(all[1]!, all[2]!)).toBe(all[1]);
  expect(pick()).toBeUndefined();
  for (const one of all) one.status = 'open';
  expect(pick(...all)).toBe(all[0]);
});

test('instances that come and go for ever are not remembered for ever', () => {
  const story = new Story(['n0', 'spare']);
  for (let i = 0; i < 1_200; i++) {
    expect(story.holds).toBe(`n${String(i)}`);
    story.fails(`n${String(i)}`).names(`n${String(i)}`, `n${String(i + 1)}`);
  }
  // The first of them was forgotten, so that with another epoch it is a stranger; the last was not.
  expect(story.holds).toBe('n1200');
  expect(story.names('n0', 'n1200').says('n0', { epoch: 1 }).holds).toBe('n1200');
  expect(story.names('n1199', 'n1200').says('n1199', { epoch: 1 }).holds).toBe('n1199');
});
