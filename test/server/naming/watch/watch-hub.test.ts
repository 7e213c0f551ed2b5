import fc from 'fast-check';
import { expect, test } from 'vitest';
import { definedFields } from '../../../../src/core/defined-fields.js';
import type { NameService, WatchOptions } from '../../../../src/server/ports.js';
import { limits } from '../../../../src/protocol/limits.js';
import type { WatchEvent } from '../../../../src/protocol/watch-messages.js';
import { codeOf, registration, localCaller, recordWatch, nameServerHarness } from '../name-server-harness.js';

/** A large batch waits for turns of other work. */
async function settled<T>(runtime: { advance(ms: number): Promise<void> }, change: Promise<T>): Promise<T> {
  let isDone = false;
  const done = change.finally(() => (isDone = true));
  while (!isDone) await runtime.advance(0);
  return done;
}

test('a watch sends a snapshot, and then every change', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/shop/orders', 'a'), localCaller);
  await names.link({ name: '/shop/old', target: '/shop/orders' });
  const watch = recordWatch(names, ['/shop/*', '/none']);
  expect(watch.lines()).toEqual([]);
  await runtime.advance(1);
  expect(watch.lines()).toEqual([
    'open',
    '/shop/old -> /shop/orders',
    '/shop/orders = [a]',
    'current /shop/*,/none',
  ]);
  await names.register(registration('/shop/orders', 'b'), localCaller);
  await names.withdraw({ name: '/shop/orders', id: 'a', epoch: 1 });
  await names.define({ name: '/elsewhere' });
  await names.define({ name: '/none' });
  expect(watch.lines()).toEqual(['/shop/orders = [a,b]', '/shop/orders = [a draining,b]', '/none = []']);
  await names.remove({ name: '/shop', recursive: true, force: true });
  expect(watch.lines()).toEqual(['/shop/old deleted', '/shop/orders deleted']);
});

test('a watch of an exact name follows its links, however they change', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/one/x', 'a'), localCaller);
  await names.register(registration('/two/x', 'b'), localCaller);
  const watch = recordWatch(names, ['/alias/x']);
  await runtime.advance(1);
  await names.link({ name: '/alias', target: '/one' });
  await names.register(registration('/one/x', 'c'), localCaller);
  await runtime.advance(6_000);
  await names.link({ name: '/alias', target: '/two' });
  await names.register(registration('/one/x', 'd'), localCaller);
  await names.move({ from: '/two', to: '/three' });
  await names.register(registration('/three/x', 'e'), localCaller);
  expect(watch.lines().filter((line) => line !== 'heartbeat')).toEqual([
    'open',
    'current /alias/x',
    '/alias/x = /one/x [a]',
    '/alias/x = /one/x [a,c]',
    '/alias/x = /two/x [b]',
    '/alias/x = /three/x [b]',
    '/alias/x = /three/x [b,e]',
  ]);
});

test('changes that lookups do not show are not sent', async () => {
  const { names, runtime } = await nameServerHarness();
  const { epoch } = await names.register(registration('/a', 'i'), localCaller);
  const watch = recordWatch(names, ['/a', '/*']);
  await runtime.advance(1);
  watch.lines();
  await names.register(registration('/a', 'i', { epoch }), localCaller);
  await names.define({ name: '/a' });
  await Promise.all([names.define({ name: '/b' }), names.remove({ name: '/b' })]);
  expect(names.status().revision).toBe('5');
  expect(watch.lines()).toEqual([]);
});

test('a watched directory without an entry exists while there are names below it', async () => {
  const { names, runtime } = await nameServerHarness();
  const watch = recordWatch(names, ['/d']);
  await runtime.advance(1);
  watch.lines();
  await names.define({ name: '/d/x' });
  await names.define({ name: '/d/y' });
  await names.remove({ name: '/d/x' });
  await names.remove({ name: '/d/y' });
  expect(watch.lines()).toEqual(['/d = []', '/d deleted']);
});

test('a watch resumes from its revision; after a gap it receives resync and a snapshot', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.define({ name: '/a' });
  const first = recordWatch(names, ['/**']);
  await runtime.advance(1);
  const { revision } = first.received.at(-1)!;
  first.close();
  await names.define({ name: '/b' });
  await names.remove({ name: '/a', force: true });
  const { incarnation } = names.status();
  const reopened = async (since: WatchOptions['since']) => {
    const watch = recordWatch(names, ['/**'], { since });
    await runtime.advance(1);
    return watch.lines();
  };
  expect(await reopened({ incarnation, revision })).toEqual([
    'open resumed',
    '/b = []',
    '/a deleted',
    'current /**',
  ]);
  const snapshot = ['/b = []', 'current /**'];
  expect(await reopened({ incarnation: 'other', revision })).toEqual([
    'open',
    'resync: the registry has another incarnation than the client requested',
    ...snapshot,
  ]);
  for (const unknown of ['99', 'x', '-1', '1e3', ''])
    expect(await reopened({ incarnation, revision: unknown })).toEqual([
      'open',
      'resync: the registry does not have all changes since the requested revision',
      ...snapshot,
    ]);
  for (let i = 0; i < 40; i++)
    await settled(
      runtime,
      Promise.all(
        Array.from({ length: 1_000 }, () => names.register(registration(`/n${i}`, 'x'), localCaller)).map(
          codeOf,
        ),
      ),
    );
  expect((await reopened({ incarnation, revision }))[0]).toBe('open resumed');
});

test('a watch that is interrupted within a batch misses no event of it', async () => {
  const { names, runtime } = await nameServerHarness();
  const watch = recordWatch(names, ['/**']);
  await runtime.advance(1);
  watch.lines();
  await Promise.all([names.define({ name: '/a' }), names.define({ name: '/b' })]);
  const { incarnation } = names.status();
  const [first, last] = watch.received.map(({ revision }) => ({ incarnation, revision }));
  for (const [since, missed] of [
    [first, ['/a = []', '/b = []']],
    [last, []],
  ] as const) {
    const resumed = recordWatch(names, ['/**'], { since });
    await runtime.advance(1);
    expect(resumed.lines()).toEqual(['open resumed', ...missed, 'current /**']);
  }
});

test('a watch receives a snapshot when the change log does not reach back to its revision', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.define({ name: '/a' });
  const { incarnation, revision } = names.status();
  const lines = Array.from({ length: 40_000 }, (_, i) => ({ kind: 'service', name: `/s${i}` }) as const);
  for (let i = 0; i < lines.length; i += limits.maxChangedNames)
    await settled(runtime, names.importLines(lines.slice(i, i + limits.maxChangedNames)));
  const watch = recordWatch(names, ['/a'], { since: { incarnation, revision } });
  await runtime.advance(1);
  expect(watch.lines()).toEqual([
    'open',
    'resync: the registry does not have all changes since the requested revision',
    '/a = []',
    'current /a',
  ]);
});

test('names can be added to and removed from an open watch', async () => {
  const { names, runtime } = await nameServerHarness();
  for (const name of ['/a', '/b', '/c']) await names.define({ name });
  const watch = recordWatch(names, ['/a']);
  await runtime.advance(1);
  watch.edit(['/b', '/c*'], ['/a']);
  await runtime.advance(1);
  expect(watch.lines()).toEqual(['open', '/a = []', 'current /a', '/b = []', '/c = []', 'current /b,/c*']);
  for (const name of ['/a', '/b', '/c']) await names.register(registration(name, 'i'), localCaller);
  expect(watch.lines()).toEqual(['/b = [i]', '/c = [i]']);
  expect(() => watch.edit(['//'], [])).toThrow(/^Glob/);
  watch.resync('you were slow');
  await runtime.advance(1);
  expect(watch.lines()).toEqual(['resync: you were slow', '/b = [i]', '/c = [i]', 'current /c*,/b']);
  watch.close();
  await names.register(registration('/b', 'j'), localCaller);
  await runtime.advance(60_000);
  expect(watch.lines()).toEqual([]);
});

test('an idle watch receives heartbeats with the present revision', async () => {
  const { names, runtime } = await nameServerHarness();
  const watch = recordWatch(names, ['/a']);
  await runtime.advance(1);
  await names.define({ name: '/b' });
  watch.received.length = 0;
  await runtime.advance(4 * limits.heartbeatMs);
  expect(watch.received.length).toBeGreaterThanOrEqual(3);
  expect(watch.received.at(-1)).toEqual({ event: { type: 'heartbeat' }, revision: '1' });
});

test.each([100, 60_000])(
  'with heartbeats of %i ms, an idle watch receives one per interval',
  async (heartbeatMs) => {
    const { names, runtime } = await nameServerHarness({ heartbeatMs });
    const watch = recordWatch(names, ['/a']);
    await runtime.advance(1);
    expect(watch.received[0]?.event).toMatchObject({ type: 'open', heartbeatMs });
    watch.received.length = 0;
    await runtime.advance(6 * heartbeatMs);
    expect([5, 6]).toContain(watch.received.length);
    expect(watch.received.every(({ event }) => event.type === 'heartbeat')).toBe(true);
  },
);

test('a snapshot is sent in slices, each after the client has taken the previous one', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.importLines(Array.from({ length: 300 }, (_, i) => ({ kind: 'service', name: `/s${i}` })));
  let drain = (): void => {};
  const whenDrained = (): Promise<void> => new Promise((resolve) => (drain = resolve));
  const watch = recordWatch(names, ['/**'], { whenDrained });
  await runtime.advance(1);
  const first = watch.received.length;
  expect(first).toBeGreaterThan(10);
  expect(first).toBeLessThan(98);
  // /s99 changes before it is sent and /s0 after it; /s99 is sent once.
  await names.register(registration('/s99', 'i'), localCaller);
  await names.register(registration('/s0', 'i'), localCaller);
  expect(watch.received).toHaveLength(first);
  for (let i = 0; i < 10; i++) {
    drain();
    await runtime.advance(1);
  }
  const lines = watch.lines();
  expect(lines.filter((line) => line.startsWith('/s99 '))).toEqual(['/s99 = [i]']);
  expect(lines.filter((line) => line.startsWith('/s0 '))).toEqual(['/s0 = []', '/s0 = [i]']);
  expect(lines.slice(-2)).toEqual(['current /**', '/s0 = [i]']);
});

/** A client that applies every event. */
class WatchClient {
  readonly known = new Map<string, string>();
  snapshot: Map<string, string> | undefined;
  position = '';
  readonly errors: string[] = [];
  /** Until `current`, a resumed client may receive names that changed and changed back. */
  #isCatchingUp = false;
  #reached = 0;
  readonly #lastEvents = new Map<string, string>();

  readonly onEvent = (event: WatchEvent, revision: string): void => {
    if (event.type === 'open') this.#isCatchingUp = event.resumed;
    if (event.type === 'resync' || (event.type === 'open' && !event.resumed)) {
      this.snapshot = new Map();
      this.#lastEvents.clear();
    }
    if (event.type === 'current') {
      this.#isCatchingUp = false;
      if (this.snapshot) {
        this.known.clear();
        for (const [name, state] of this.snapshot) this.known.set(name, state);
        this.snapshot = undefined;
        this.#reached = 0;
      }
    } else if (event.type === 'put' || event.type === 'delete') {
      const map = this.snapshot ?? this.known;
      const state = event.type === 'put' ? stateOf(event.entry) : undefined;
      // A repeated event must differ, or a `delete` must have come between.
      const json = JSON.stringify(event);
      if (event.type === 'put' && !this.#isCatchingUp && this.#lastEvents.get(event.name) === json)
        this.errors.push(`${event.name} was sent twice`);
      this.#lastEvents.set(event.name, json);
      if (state === undefined) map.delete(event.name);
      else map.set(event.name, state);
    }
    if (!this.snapshot && Number(revision) < this.#reached)
      this.errors.push(`${revision} is before ${this.#reached}`);
    if (!this.snapshot) this.#reached = Number(revision);
    this.position = revision;
  };
}

const stateOf = (entry: object): string =>
  JSON.stringify({ ...entry, revision: '', mark: '', incarnation: '', guaranteedMs: 0, ttlMs: 0 });

/** The state that a new watch shows. */
async function newSnapshot(names: NameService, globs: readonly string[], settle: () => Promise<void>) {
  const client = new WatchClient();
  const watch = names.watch({ id: 'new', globs, since: undefined, onEvent: client.onEvent });
  await settle();
  watch.close();
  return Object.fromEntries([...client.known].sort());
}

/** Only a watch of the name itself receives an event when just `namesBelow` changes. */
function withoutNamesBelow(known: Readonly<Record<string, string>>, globs: readonly string[]): object {
  const entries = Object.entries(known).map(([name, json]) => [
    name,
    globs.includes(name) ? json : json.replace(/"namesBelow":(true|false),/, ''),
  ]);
  return Object.fromEntries(entries) as object;
}

test.each([
  ['whole', undefined],
  ['in slices', -1],
])(
  'a client that applies every event has the present state, with batches %s',
  async (_, maxUndividedCost) => {
    const name = fc.constantFrom('/a', '/a/b', '/a/b/c', '/d', '/d/e', '/l', '/l/b');
    const globs = fc.uniqueArray(
      fc.constantFrom('/**', '/a/*', '/l/**', '/a/b', '/l/b', '/l', '/d', '/*/b'),
      {
        minLength: 1,
        maxLength: 4,
      },
    );
    const step = fc.oneof(
      fc.record({ do: fc.constant('register' as const), name, id: fc.constantFrom('i', 'j') }),
      fc.record({ do: fc.constant('define' as const), name }),
      fc.record({ do: fc.constant('link' as const), name, target: name }),
      fc.record({ do: fc.constant('move' as const), name, target: name }),
      fc.record({ do: fc.constant('remove' as const), name }),
      fc.record({ do: fc.constant('interrupt' as const) }),
      fc.record({ do: fc.constant('resync' as const) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 6_000) }),
    );
    await fc.assert(
      fc.asyncProperty(globs, fc.array(step, { maxLength: 40, size: 'max' }), async (over, steps) => {
        const { names, runtime } = await nameServerHarness(definedFields({ maxUndividedCost }));
        const client = new WatchClient();
        const open = (since?: WatchOptions['since']) =>
          names.watch({ id: 'w', globs: over, since, onEvent: client.onEvent });
        let watch = open();
        for (const what of steps) {
          // Some steps run at once, some one after the other.
          if (what.do === 'register')
            void codeOf(names.register(registration(what.name, what.id), localCaller));
          else if (what.do === 'define') void codeOf(names.define({ name: what.name }));
          else if (what.do === 'link') void codeOf(names.link({ name: what.name, target: what.target }));
          else if (what.do === 'move') void codeOf(names.move({ from: what.name, to: what.target }));
          else if (what.do === 'remove')
            void codeOf(names.remove({ name: what.name, recursive: true, force: true }));
          else if (what.do === 'resync') watch.resync('asked for');
          else if (what.do === 'wait') await runtime.advance(what.ms);
          else {
            watch.close();
            const isComplete = client.snapshot === undefined && client.position !== '';
            client.snapshot = undefined;
            watch = open(
              isComplete ? { incarnation: names.status().incarnation, revision: client.position } : undefined,
            );
          }
        }
        await runtime.advance(1);
        expect(client.errors).toEqual([]);
        const known = Object.fromEntries([...client.known].sort());
        const present = await newSnapshot(names, over, () => runtime.advance(1));
        expect(withoutNamesBelow(known, over)).toEqual(withoutNamesBelow(present, over));
        await names.close();
      }),
      { numRuns: 250, seed: 5 },
    );
  },
);

test('a change that many globs and many watches follow is sent in slices, and then the position', async () => {
  const { names, runtime } = await nameServerHarness();
  const watches = Array.from({ length: 20 }, (_, watch) =>
    recordWatch(names, ['/shop/**', ...Array.from({ length: 999 }, (_each, i) => `/*z${watch}-${i}*q`)]),
  );
  await runtime.advance(1);
  for (const watch of watches) watch.lines();
  await names.define({ name: '/shop/orders' });
  await names.define({ name: '/elsewhere' });
  expect(watches.map((watch) => watch.lines())).toEqual(watches.map(() => []));
  await runtime.advance(1);
  for (const watch of watches) {
    expect(watch.received.at(-1)?.revision).toBe(names.status().revision);
    expect(watch.lines()).toEqual(['/shop/orders = []']);
  }
});

test('a watch has at most 1,000 globs with wildcards', async () => {
  const { names } = await nameServerHarness();
  const globs = Array.from({ length: limits.maxWildcardGlobs + 1 }, (_, i) => `/a${i}*`);
  expect(() => recordWatch(names, globs)).toThrow(
    'A watch must have at most 1000 globs with wildcards; got 1001; open another watch for the others',
  );
  const watch = recordWatch(names, globs.slice(1));
  expect(() => watch.edit(['/*b'], [])).toThrow('A watch must have at most 1000 globs with wildcards');
  watch.edit(['/*b'], ['/a1*']);
});

test.each([
  ['watches of the name', '/shop/orders'],
  ['watches of a pattern', '/shop/*'],
])('a registration is written to all %s when it resolves, however many they are', async (_watches, glob) => {
  const { names, runtime } = await nameServerHarness();
  await names.define({ name: '/shop/orders' });
  const watches = Array.from({ length: 3_000 }, () => recordWatch(names, [glob]));
  await runtime.advance(1_000);
  for (const watch of watches) watch.lines();
  let isRegistered = false;
  const registered = names.register(registration('/shop/orders', 'a'), localCaller).then(() => {
    isRegistered = true;
    return watches.filter((watch) => watch.lines().includes('/shop/orders = [a]')).length;
  });
  while (!isRegistered) await runtime.advance(0);
  expect(await registered).toBe(3_000);
});
