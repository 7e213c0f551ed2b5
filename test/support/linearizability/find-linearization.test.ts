import { expect, test } from 'vitest';
import { seededRandom } from '../../../src/testing/seeded-random.js';
import { findLinearization, unlinearizableKeys } from './find-linearization.js';
import { writtenHistories, type NameOperation } from './history-rules.js';
import { nameModel, type NameInput, type NameState } from './registry-model.js';

test('more than 200 written histories are judged as their rules say', () => {
  expect(writtenHistories.length).toBeGreaterThanOrEqual(200);
  const wrong = writtenHistories.filter(
    ({ isRight, operations }) => (findLinearization(nameModel, operations) !== undefined) !== isRight,
  );
  expect(wrong.map(({ rule }) => rule)).toEqual([]);
  const right = writtenHistories.filter(({ isRight }) => isRight).length;
  expect(Math.min(right, writtenHistories.length - right)).toBeGreaterThanOrEqual(80);
});

/** Tries every order of every subset that contains the operations with known outputs. */
function isLinearizableByForce(operations: readonly NameOperation[]): boolean {
  const tryNext = (state: NameState, rest: readonly NameOperation[]): boolean => {
    if (rest.every(({ output }) => output === undefined)) return true;
    return rest.some((operation) => {
      const others = rest.filter((each) => each !== operation);
      const mustWait = others.some(
        ({ output, returnedAt }) => output !== undefined && returnedAt < operation.calledAt,
      );
      if (mustWait) return false;
      return nameModel
        .apply(state, operation.input, operation.output)
        .some((after) => tryNext(after, others));
    });
  };
  return tryNext(nameModel.initial, operations);
}

test('random histories are judged as by trying every order', () => {
  const random = seededRandom(7);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const counts = { right: 0, wrong: 0 };
  for (let round = 0; round < 2_000; round++) {
    const operations = Array.from({ length: 2 + Math.floor(random() * 5) }, (): NameOperation => {
      const kind = pick(['link', 'remove', 'read', 'register'] as const);
      const output = {
        link: ['ok'],
        remove: ['ok', 'absent'],
        read: ['a', 'b', 'absent'],
        register: [1, 2, 3],
      };
      const calledAt = Math.floor(random() * 12);
      return {
        input: { kind, key: '/n', ...(kind === 'link' && { target: pick(['a', 'b']) }) } as NameInput,
        output: random() < 0.15 && kind !== 'read' ? undefined : pick<string | number>(output[kind]),
        calledAt,
        returnedAt: calledAt + 1 + Math.floor(random() * 6),
      };
    });
    const expected = isLinearizableByForce(operations);
    counts[expected ? 'right' : 'wrong']++;
    expect(findLinearization(nameModel, operations) !== undefined, JSON.stringify(operations)).toBe(expected);
  }
  expect(Math.min(counts.right, counts.wrong)).toBeGreaterThan(200);
});

test('a key that fails is named, and the others are not', () => {
  const of = (key: string, kind: 'register', output: number, calledAt: number) => ({
    input: { kind, key },
    output,
    calledAt,
    returnedAt: calledAt + 1,
  });
  const operations = [
    of('/a', 'register', 1, 0),
    of('/b', 'register', 2, 0),
    of('/a', 'register', 2, 3),
    of('/b', 'register', 1, 3),
  ];
  expect(unlinearizableKeys(nameModel, operations)).toEqual(['/b']);
});
