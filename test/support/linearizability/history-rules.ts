/** Histories of one name, written as rules: each says why it is right or wrong. */
import type { Operation } from './find-linearization.js';
import type { NameInput, NameOutput } from './registry-model.js';

export type NameOperation = Operation<NameInput, NameOutput>;

export interface WrittenHistory {
  readonly rule: string;
  readonly isRight: boolean;
  readonly operations: readonly NameOperation[];
}

const key = '/n';

const at = (
  calledAt: number,
  returnedAt: number,
  input: object,
  output: NameOutput | undefined,
): NameOperation => ({
  input: { key, ...input } as NameInput,
  output,
  calledAt,
  returnedAt,
});
const link = (from: number, to: number, target: string, isKnown = true) =>
  at(from, to, { kind: 'link', target }, isKnown ? 'ok' : undefined);
const remove = (from: number, to: number, output: 'ok' | 'absent' | undefined) =>
  at(from, to, { kind: 'remove' }, output);
const read = (from: number, to: number, output: string) => at(from, to, { kind: 'read' }, output);
const register = (from: number, to: number, epoch: number | undefined) =>
  at(from, to, { kind: 'register' }, epoch);

/** Each rule is written for a number of earlier changes, which must not matter. */
type Rule = readonly [rule: string, isRight: boolean, history: (t: number) => readonly NameOperation[]];

const rules: readonly Rule[] = [
  ['a read after a link shows the link', true, (t) => [link(t, t + 1, 'a'), read(t + 2, t + 3, 'a')]],
  ['a read after a link shows nothing', false, (t) => [link(t, t + 1, 'a'), read(t + 2, t + 3, 'absent')]],
  ['a read after a link shows another target', false, (t) => [link(t, t + 1, 'a'), read(t + 2, t + 3, 'b')]],
  ['a read beside a link shows it', true, (t) => [link(t, t + 5, 'a'), read(t + 1, t + 2, 'a')]],
  [
    'a read beside a link shows the target before it',
    true,
    (t) => [link(t, t + 1, 'a'), link(t + 2, t + 7, 'b'), read(t + 3, t + 4, 'a')],
  ],
  [
    'two reads beside a link go back from the new target to the old one',
    false,
    (t) => [link(t, t + 1, 'a'), link(t + 2, t + 9, 'b'), read(t + 3, t + 4, 'b'), read(t + 5, t + 6, 'a')],
  ],
  [
    'two reads beside a link that overlap may differ in any order',
    true,
    (t) => [link(t, t + 1, 'a'), link(t + 2, t + 9, 'b'), read(t + 3, t + 6, 'b'), read(t + 4, t + 7, 'a')],
  ],
  [
    'the last of two links in a row decides',
    true,
    (t) => [link(t, t + 1, 'a'), link(t + 2, t + 3, 'b'), read(t + 4, t + 5, 'b')],
  ],
  [
    'an overwritten target comes back',
    false,
    (t) => [link(t, t + 1, 'a'), link(t + 2, t + 3, 'b'), read(t + 4, t + 5, 'a')],
  ],
  [
    'of two links at once either decides',
    true,
    (t) => [link(t, t + 5, 'a'), link(t + 1, t + 6, 'b'), read(t + 7, t + 8, 'a')],
  ],
  [
    'of two links at once both decide in turn',
    false,
    (t) => [link(t, t + 5, 'a'), link(t + 1, t + 6, 'b'), read(t + 7, t + 8, 'a'), read(t + 9, t + 10, 'b')],
  ],
  [
    'a removal after a link removes it',
    true,
    (t) => [link(t, t + 1, 'a'), remove(t + 2, t + 3, 'ok'), read(t + 4, t + 5, 'absent')],
  ],
  [
    'a removed link comes back',
    false,
    (t) => [link(t, t + 1, 'a'), remove(t + 2, t + 3, 'ok'), read(t + 4, t + 5, 'a')],
  ],
  [
    'two removals of one link succeed',
    false,
    (t) => [link(t, t + 1, 'a'), remove(t + 2, t + 6, 'ok'), remove(t + 3, t + 7, 'ok')],
  ],
  [
    'of two removals at once one finds the link',
    true,
    (t) => [link(t, t + 1, 'a'), remove(t + 2, t + 6, 'absent'), remove(t + 3, t + 7, 'ok')],
  ],
  [
    'a removal misses a link that was acknowledged',
    false,
    (t) => [link(t, t + 1, 'a'), remove(t + 2, t + 3, 'absent')],
  ],
  [
    'a removal beside a link may miss it',
    true,
    (t) => [link(t, t + 5, 'a'), remove(t + 2, t + 3, 'absent'), read(t + 6, t + 7, 'a')],
  ],
  [
    'a removal beside a link misses it, and the link is gone',
    false,
    (t) => [link(t, t + 5, 'a'), remove(t + 2, t + 3, 'absent'), read(t + 6, t + 7, 'absent')],
  ],
  [
    'a link with an unknown outcome may be shown',
    true,
    (t) => [link(t, t + 1, 'a', false), read(t + 2, t + 3, 'a')],
  ],
  [
    'a link with an unknown outcome may be missing',
    true,
    (t) => [link(t, t + 1, 'a', false), read(t + 2, t + 3, 'absent')],
  ],
  [
    'a link with an unknown outcome may come late',
    true,
    (t) => [link(t, t + 1, 'a', false), read(t + 2, t + 3, 'absent'), read(t + 4, t + 5, 'a')],
  ],
  [
    'a link with an unknown outcome takes effect twice',
    false,
    (t) => [
      link(t, t + 1, 'a', false),
      read(t + 2, t + 3, 'a'),
      remove(t + 4, t + 5, 'ok'),
      read(t + 6, t + 7, 'absent'),
      read(t + 8, t + 9, 'a'),
    ],
  ],
  [
    'a link with an unknown outcome is shown before its call',
    false,
    (t) => [read(t, t + 1, 'a'), link(t + 2, t + 3, 'a', false)],
  ],
  [
    'a removal with an unknown outcome may have found the link',
    true,
    (t) => [link(t, t + 1, 'a'), remove(t + 2, t + 3, undefined), read(t + 4, t + 5, 'absent')],
  ],
  [
    'a removal with an unknown outcome takes back a later link',
    true,
    (t) => [
      link(t, t + 1, 'a'),
      remove(t + 2, t + 3, undefined),
      link(t + 4, t + 5, 'b'),
      read(t + 6, t + 7, 'absent'),
    ],
  ],
  ['two registrations get rising epochs', true, (t) => [register(t, t + 1, 1), register(t + 2, t + 3, 2)]],
  [
    'two registrations in a row get falling epochs',
    false,
    (t) => [register(t, t + 1, 2), register(t + 2, t + 3, 1)],
  ],
  ['two registrations get the same epoch', false, (t) => [register(t, t + 5, 1), register(t + 1, t + 6, 1)]],
  [
    'two registrations at once get epochs in any order',
    true,
    (t) => [register(t, t + 5, 2), register(t + 1, t + 6, 1)],
  ],
  [
    'an epoch is left out for a registration with an unknown outcome',
    true,
    (t) => [register(t, t + 1, 1), register(t + 2, t + 3, undefined), register(t + 4, t + 5, 3)],
  ],
  [
    'of three registrations the last gets an epoch between the others',
    false,
    (t) => [register(t, t + 1, 1), register(t + 2, t + 3, 3), register(t + 4, t + 5, 2)],
  ],
  [
    'a registration that overlaps two others gets an epoch between theirs',
    true,
    (t) => [register(t, t + 1, 1), register(t + 2, t + 9, 2), register(t + 3, t + 4, 3)],
  ],
  [
    'a registration that overlaps two others gets an epoch below both, although it was called after one',
    false,
    (t) => [register(t, t + 1, 2), register(t + 2, t + 9, 1), register(t + 3, t + 4, 3)],
  ],
  [
    'a chain of overlaps explains a late read',
    true,
    (t) => [link(t, t + 3, 'a'), link(t + 2, t + 5, 'b'), link(t + 4, t + 7, 'c'), read(t + 6, t + 8, 'b')],
  ],
  [
    'a chain of overlaps does not explain a read of the first link',
    false,
    (t) => [link(t, t + 3, 'a'), link(t + 2, t + 5, 'b'), link(t + 4, t + 7, 'c'), read(t + 8, t + 9, 'a')],
  ],
];

/** Changes before the history that a rule describes, all acknowledged, after which the name is absent. */
function prelude(rounds: number): readonly NameOperation[] {
  return Array.from({ length: rounds }, (_, i) => [
    link(10 * i, 10 * i + 1, `old${i}`),
    read(10 * i + 2, 10 * i + 3, `old${i}`),
    remove(10 * i + 4, 10 * i + 5, 'ok'),
  ]).flat();
}

/** Each rule after 0 to 2 rounds of other changes, with the operations in the order of their calls and in the reverse order. */
export const writtenHistories: readonly WrittenHistory[] = rules.flatMap(([rule, isRight, history]) =>
  [0, 1, 2].flatMap((rounds) =>
    [false, true].map((isReversed) => {
      const operations = [...prelude(rounds), ...history(10 * rounds)];
      return { rule, isRight, operations: isReversed ? operations.reverse() : operations };
    }),
  ),
);
