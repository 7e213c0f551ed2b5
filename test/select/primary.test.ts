import { expect, test } from 'vitest';
import { primary } from '../../src/select/primary.js';
import { PolicyHarness, fleet, type CandidateSpec } from './candidates.js';

/** A primary at work: whom the calls go to after each thing that happens, and who it is for `explain`. */
class Story {
  readonly policy = primary();
  readonly choosing: PolicyHarness;

  constructor(given: readonly (string | CandidateSpec)[]) {
    this.choosing = new PolicyHarness(this.policy, given, { seed: 1 });
  }

  get calls(): string {
    const [id = ''] = this.choosing.excluding().picks(1);
    expect(new Set(this.choosing.picks(20))).toEqual(new Set([id]));
    expect(this.choosing.draws).toBe(0);
    return id;
  }

  /** The same, where nobody goes round anybody. */
  get holds(): string {
    const { calls } = this;
    expect(this.named).toEqual([calls]);
    return calls;
  }

  get named(): readonly string[] {
    const { all } = this.choosing;
    return all
      .filter((one) => this.policy.describe?.(one) === 'the primary')
      .map(({ endpoint }) => endpoint.id);
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

function newcomer(id: string): PolicyHarness['all'][number] {
  return new PolicyHarness(primary(), [id], { seed: 1 }).all[0]!;
}

test('the first in the order of the registry, whatever its load, weight or nearness', () => {
  const story = new Story([
    { id: 'a', weight: 0.1, load: 1e6, pending: 500 },
    { id: 'b', host: 'here' },
    'c',
  ]);
  expect(story.holds).toBe('a');
});

test('it is gone round while it is set aside, and stays the primary', () => {
  const story = new Story(['a', 'b', 'c']);
  expect(story.holds).toBe('a');
  expect(story.fails('a').calls).toBe('b');
  expect(story.named).toEqual(['a']);
  expect(story.fails('b').calls).toBe('c');
  expect(story.recovers('b').calls).toBe('b');
  expect(story.recovers('a').holds).toBe('a');
});

test('whoever begins while it is set aside comes to it like everybody', () => {
  const story = new Story([{ id: 'a', closed: true }, 'b']);
  expect(story.calls).toBe('b');
  expect(story.recovers('a').holds).toBe('a');
});

test('who comes to stand before it changes nothing, nor does its own new epoch', () => {
  const story = new Story(['b']);
  expect(story.holds).toBe('b');
  expect(story.names('a', 'b').holds).toBe('b');
  expect(story.says('b', { epoch: 3 }).holds).toBe('b');
});

test.each([
  ['gone', (story: Story) => story.names('b', 'c'), (story: Story) => story.names('a', 'b', 'c')],
  [
    'draining',
    (story: Story) => story.says('a', { state: 'draining' }),
    (story: Story) => story.says('a', { state: 'up' }),
  ],
  [
    'suspect',
    (story: Story) => story.says('a', { state: 'suspect' }),
    (story: Story) => story.says('a', { state: 'up' }),
  ],
  [
    'weight 0',
    (story: Story) => story.says('a', { weight: 0 }),
    (story: Story) => story.says('a', { weight: 1 }),
  ],
] as const)(
  'it moves when the registry says that it is %s, and not back when it takes that back',
  (_, says, unsays) => {
    const story = new Story(['a', 'b', 'c']);
    expect(story.holds).toBe('a');
    expect(says(story).holds).toBe('b');
    expect(unsays(story).holds).toBe('b');
  },
);

test('it moves to one that is set aside, since others may reach it, and goes round that', () => {
  const story = new Story(['a', 'b', 'c']);
  expect(story.holds).toBe('a');
  expect(story.fails('b').names('b', 'c').calls).toBe('c');
  expect(story.named).toEqual(['b']);
  expect(story.recovers('b').holds).toBe('b');
});

test('it moves past whom the registry marks', () => {
  const story = new Story(['a', { id: 'b', state: 'suspect' }, { id: 'c', weight: 0 }, 'd']);
  expect(story.holds).toBe('a');
  expect(story.says('a', { state: 'draining' }).holds).toBe('d');
});

test('a mark on all of them moves nothing', () => {
  const story = new Story(['a', 'b']);
  expect(story.holds).toBe('a');
  expect(story.says('a', { state: 'draining' }).holds).toBe('b');
  story.says('a', { state: 'suspect' }).says('b', { state: 'suspect' });
  expect(story.holds).toBe('b');
});

test('a call that failed goes to another, and the next one to the same as before', () => {
  const { choosing } = new Story(['a', 'b', 'c']);
  expect(choosing.picks(1)).toEqual(['a']);
  expect(choosing.excluding('a').picks(2)).toEqual(['b', 'b']);
  expect(choosing.excluding('a', 'b').picks(1)).toEqual(['c']);
  expect(choosing.excluding().picks(2)).toEqual(['a', 'a']);
});

test('nobody open: the one it has goes on being tried, and nothing is forgotten', () => {
  const { all } = new PolicyHarness(primary(), fleet(3), { seed: 1 });
  const policy = primary();
  const pick = (...candidates: typeof all): unknown =>
    policy.prepare({ candidates, all, locality: { host: 'here', zone: undefined } })({
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
