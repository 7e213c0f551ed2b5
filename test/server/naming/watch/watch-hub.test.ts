import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { NameService, WatchOptions } from '../../../../src/server/ports.js';
import { limits } from '../../../../src/protocol/limits.js';
import type { WatchEvent } from '../../../../src/protocol/messages.js';
import { codeOf, registration, localCaller, recordWatch, nameServerHarness } from '../name-server-harness.js';

test('a watch tells what is there, and then every change', async () => {
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
  expect(watch.lines()).toEqual(['/shop/old gone', '/shop/orders gone']);
});

test('a name without wildcards is followed through its links, however they change', async () => {
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

test('what nobody can see is not told', async () => {
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

test('a directory that is watched comes and goes with what is below it', async () => {
  const { names, runtime } = await nameServerHarness();
  const watch = recordWatch(names, ['/d']);
  await runtime.advance(1);
  watch.lines();
  await names.define({ name: '/d/x' });
  await names.define({ name: '/d/y' });
  await names.remove({ name: '/d/x' });
  await names.remove({ name: '/d/y' });
  expect(watch.lines()).toEqual(['/d = []', '/d gone']);
});

test('goes on where it was, begins anew after a gap, and says so', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.define({ name: '/a' });
  const first = recordWatch(names, ['/**']);
  await runtime.advance(1);
  const { revision } = first.told.at(-1)!;
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
    'open, resumed',
    '/b = []',
    '/a gone',
    'current /**',
  ]);
  const anew = ['/b = []', 'current /**'];
  expect(await reopened({ incarnation: 'other', revision })).toEqual([
    'open',
    'resync: the registry is another',
    ...anew,
  ]);
  for (const unknown of ['99', 'x', '-1', '1e3', ''])
    expect(await reopened({ incarnation, revision: unknown })).toEqual([
      'open',
      'resync: too much has changed',
      ...anew,
    ]);
  for (let i = 0; i < 40; i++)
    await Promise.all(
      Array.from({ length: 1_000 }, () => names.register(registration(`/n${i}`, 'x'), localCaller)).map(
        codeOf,
      ),
    );
  expect((await reopened({ incarnation, revision }))[0]).toBe('open, resumed');
});

test('whoever is cut within a batch misses nothing of it', async () => {
  const { names, runtime } = await nameServerHarness();
  const watch = recordWatch(names, ['/**']);
  await runtime.advance(1);
  watch.lines();
  await Promise.all([names.define({ name: '/a' }), names.define({ name: '/b' })]);
  const { incarnation } = names.status();
  const [first, last] = watch.told.map(({ revision }) => ({ incarnation, revision }));
  for (const [since, missed] of [
    [first, ['/a = []', '/b = []']],
    [last, []],
  ] as const) {
    const goesOn = recordWatch(names, ['/**'], { since });
    await runtime.advance(1);
    expect(goesOn.lines()).toEqual(['open, resumed', ...missed, 'current /**']);
  }
});

test('after more changes than are remembered a watch begins anew', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.define({ name: '/a' });
  const { incarnation, revision } = names.status();
  const lines = Array.from({ length: 40_000 }, (_, i) => ({ kind: 'service', name: `/s${i}` }) as const);
  await names.importLines(lines);
  const watch = recordWatch(names, ['/a'], { since: { incarnation, revision } });
  await runtime.advance(1);
  expect(watch.lines()).toEqual(['open', 'resync: too much has changed', '/a = []', 'current /a']);
});

test('names are added and taken away while it is open', async () => {
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

test('says that it lives when nothing happens, and moves its position on', async () => {
  const { names, runtime } = await nameServerHarness();
  const watch = recordWatch(names, ['/a']);
  await runtime.advance(1);
  await names.define({ name: '/b' });
  watch.told.length = 0;
  await runtime.advance(4 * limits.heartbeatMs);
  expect(watch.told.length).toBeGreaterThanOrEqual(3);
  expect(watch.told.at(-1)).toEqual({ event: { type: 'heartbeat' }, revision: '1' });
});

test('what is there is told in slices, each when the reader has taken the one before', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.importLines(Array.from({ length: 300 }, (_, i) => ({ kind: 'service', name: `/s${i}` })));
  let drain = (): void => {};
  const whenDrained = (): Promise<void> => new Promise((resolve) => (drain = resolve));
  const watch = recordWatch(names, ['/**'], { whenDrained });
  await runtime.advance(1);
  expect(watch.told).toHaveLength(129);
  // It changes before it is told, and behind what was told: either comes once.
  await names.register(registration('/s99', 'i'), localCaller);
  await names.register(registration('/s0', 'i'), localCaller);
  expect(watch.told).toHaveLength(129);
  for (let i = 0; i < 3; i++) {
    drain();
    await runtime.advance(1);
  }
  const lines = watch.lines();
  expect(lines.filter((line) => line.startsWith('/s99 '))).toEqual(['/s99 = [i]']);
  expect(lines.filter((line) => line.startsWith('/s0 '))).toEqual(['/s0 = []', '/s0 = [i]']);
  expect(lines.slice(-2)).toEqual(['current /**', '/s0 = [i]']);
});

/** What somebody knows who believes every event. */
class Reader {
  readonly known = new Map<string, string>();
  fresh: Map<string, string> | undefined;
  position = '';
  readonly faults: string[] = [];
  /** Until it is current again, it may hear of names that changed and changed back. */
  #catchesUp = false;
  #reached = 0;
  readonly #news = new Map<string, string>();

  readonly onEvent = (event: WatchEvent, revision: string): void => {
    if (event.type === 'open') this.#catchesUp = event.resumed;
    if (event.type === 'resync' || (event.type === 'open' && !event.resumed)) {
      this.fresh = new Map();
      this.#news.clear();
    }
    if (event.type === 'current') {
      this.#catchesUp = false;
      if (this.fresh) {
        this.known.clear();
        for (const [name, seen] of this.fresh) this.known.set(name, seen);
        this.fresh = undefined;
        this.#reached = 0;
      }
    } else if (event.type === 'put' || event.type === 'delete') {
      const map = this.fresh ?? this.known;
      const seen = event.type === 'put' ? seenOf(event.entry) : undefined;
      // What is told again must be news: it was removed and came back, if nothing else.
      const news = JSON.stringify(event);
      if (event.type === 'put' && !this.#catchesUp && this.#news.get(event.name) === news)
        this.faults.push(`${event.name} came again`);
      this.#news.set(event.name, news);
      if (seen === undefined) map.delete(event.name);
      else map.set(event.name, seen);
    }
    if (!this.fresh && Number(revision) < this.#reached) this.faults.push(`${revision} is behind`);
    if (!this.fresh) this.#reached = Number(revision);
    this.position = revision;
  };
}

const seenOf = (entry: object): string =>
  JSON.stringify({ ...entry, revision: '', incarnation: '', guaranteedMs: 0, ttlMs: 0 });

/** What a fresh watch tells. */
async function freshView(names: NameService, globs: readonly string[], settle: () => Promise<void>) {
  const reader = new Reader();
  const watching = names.watch({ id: 'fresh', globs, since: undefined, onEvent: reader.onEvent });
  await settle();
  watching.close();
  return Object.fromEntries([...reader.known].sort());
}

test('whoever believes every event knows what is there, through changes, cuts and edits', async () => {
  const name = fc.constantFrom('/a', '/a/b', '/a/b/c', '/d', '/d/e', '/l', '/l/b');
  const globs = fc.uniqueArray(fc.constantFrom('/**', '/a/*', '/l/**', '/a/b', '/l/b', '/l', '/d', '/*/b'), {
    minLength: 1,
    maxLength: 4,
  });
  const step = fc.oneof(
    fc.record({ do: fc.constant('register' as const), name, id: fc.constantFrom('i', 'j') }),
    fc.record({ do: fc.constant('define' as const), name }),
    fc.record({ do: fc.constant('link' as const), name, target: name }),
    fc.record({ do: fc.constant('move' as const), name, target: name }),
    fc.record({ do: fc.constant('remove' as const), name }),
    fc.record({ do: fc.constant('cut' as const) }),
    fc.record({ do: fc.constant('resync' as const) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 6_000) }),
  );
  await fc.assert(
    fc.asyncProperty(globs, fc.array(step, { maxLength: 40, size: 'max' }), async (over, steps) => {
      const { names, runtime } = await nameServerHarness();
      const reader = new Reader();
      const open = (since?: WatchOptions['since']) =>
        names.watch({ id: 'w', globs: over, since, onEvent: reader.onEvent });
      let watching = open();
      for (const what of steps) {
        // Some of it comes at once, some of it apart.
        if (what.do === 'register')
          void codeOf(names.register(registration(what.name, what.id), localCaller));
        else if (what.do === 'define') void codeOf(names.define({ name: what.name }));
        else if (what.do === 'link') void codeOf(names.link({ name: what.name, target: what.target }));
        else if (what.do === 'move') void codeOf(names.move({ from: what.name, to: what.target }));
        else if (what.do === 'remove')
          void codeOf(names.remove({ name: what.name, recursive: true, force: true }));
        else if (what.do === 'resync') watching.resync('asked for');
        else if (what.do === 'wait') await runtime.advance(what.ms);
        else {
          watching.close();
          const whole = reader.fresh === undefined && reader.position !== '';
          reader.fresh = undefined;
          watching = open(
            whole ? { incarnation: names.status().incarnation, revision: reader.position } : undefined,
          );
        }
      }
      await runtime.advance(1);
      expect(reader.faults).toEqual([]);
      const known = Object.fromEntries([...reader.known].sort());
      expect(known).toEqual(await freshView(names, over, () => runtime.advance(1)));
      await names.close();
    }),
    { numRuns: 500, seed: 5 },
  );
});
