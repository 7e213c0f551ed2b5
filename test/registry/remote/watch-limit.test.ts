import { expect, test } from 'vitest';
import type { Snapshot } from '../../../src/core/registry.js';
import { WatchState } from '../../../src/registry/remote/watch-state.js';

const position = { incarnation: 'a', revision: '1' };

/** A state with watches of names, of which those in `bound` exist. */
function watched(maxGlobs: number) {
  const state = new WatchState(maxGlobs);
  const errors: string[] = [];
  const snapshots: string[] = [];
  const add = (text: string): (() => void) =>
    state.add(
      text,
      (snapshot: Snapshot) =>
        void snapshots.push(`${text} ${[...(snapshot as Map<string, unknown>).keys()].join()}`),
      (error) => void errors.push(`${text} ${String((error as { code?: string }).code)}`),
    );
  /** As after the snapshots of the server. */
  const complete = (bound: readonly string[]): void => {
    const all = [...state.globs].filter((text) => !state.isCurrent(text));
    for (const name of bound) if (all.includes(name)) state.put(name, { kind: 'link', target: '/t' });
    for (const name of bound)
      if (all.includes(name)) state.put(name, { kind: 'bound', endpoints: [] } as never);
    state.markCurrent(all, position);
  };
  return { state, errors, snapshots, add, complete };
}

test('above the limit, absent names make room for new names', async () => {
  const { state, errors, add, complete } = watched(3);
  for (const name of ['/absent-1', '/bound', '/absent-2']) add(name);
  complete(['/bound']);
  const first = state.identityOf('/absent-1');
  const removeNew = add('/new-1');
  expect([...state.globs]).toEqual(['/bound', '/absent-2', '/new-1']);
  expect(state.identityOf('/absent-1')).toBeUndefined();
  complete(['/new-1']);
  add('/new-2');
  complete(['/new-2']);
  const remove = add('/**');
  await Promise.resolve();
  expect(errors).toEqual(['/** LIMIT_EXCEEDED']);
  expect([...state.globs]).toEqual(['/bound', '/new-1', '/new-2']);
  remove();
  expect([...state.globs]).toHaveLength(3);
  removeNew();
  expect([...state.globs]).toContain('/absent-1');
  // The server must send another snapshot.
  expect(state.identityOf('/absent-1')).toBeDefined();
  expect(state.identityOf('/absent-1')).not.toBe(first);
});

test('a removed watch makes room for a name above the limit, which needs a new snapshot', async () => {
  const { state, errors, snapshots, add, complete } = watched(1);
  const remove = add('/a');
  complete(['/a']);
  add('/b');
  await Promise.resolve();
  await Promise.resolve();
  expect(errors).toEqual(['/b LIMIT_EXCEEDED']);
  remove();
  expect([...state.globs]).toEqual(['/b']);
  expect(state.isCurrent('/b')).toBe(false);
  complete(['/b']);
  await Promise.resolve();
  expect(snapshots.at(-1)).toBe('/b /b');
});

test('globs that the server refuses are not watched, and the others stay', () => {
  const { state, errors, add, complete } = watched(100);
  for (const name of ['/a', '/b', '/c']) add(name);
  complete(['/a', '/b']);
  state.refuse(['/c']);
  expect(errors).toEqual(['/c LIMIT_EXCEEDED']);
  expect([...state.globs]).toEqual(['/a', '/b']);
  expect(state.isCurrent('/a')).toBe(true);
});
