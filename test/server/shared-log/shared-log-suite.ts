import { strict as assert } from 'node:assert';
import { emptyLog, type LogBatch, type LogPoint, type SharedLog } from '../../../src/server/shared-log.js';

/** A place in an engine, empty at first. */
export interface LogPlace {
  /** Returns another connection to the same log. The caller opens and closes it. */
  connect(): SharedLog;
  /** Lets time pass for the engine. */
  wait(ms: number): Promise<void>;
}

/** One case of {@link sharedLogSuite}. Each case needs a new place. */
export interface SharedLogCase {
  readonly name: string;
  readonly run: (place: LogPlace) => Promise<void>;
}

const opened = async (place: LogPlace): Promise<SharedLog> => {
  const log = place.connect();
  await log.open();
  return log;
};

/** Appends batches `a1`, `a2`, … after the head. */
const fill = async (log: SharedLog, count: number): Promise<LogPoint> => {
  let point = await log.head();
  for (let i = 0; i < count; i++) {
    const id = `a${point.position + 1}`;
    assert.equal(await log.append(point, id, `content of ${id}`), 'appended');
    point = { position: point.position + 1, id };
  }
  return point;
};

const readAll = async (log: SharedLog, position: number): Promise<readonly LogBatch[]> => {
  const all: LogBatch[] = [];
  for (;;) {
    const found = await log.readAfter(all.at(-1)?.position ?? position);
    assert.notEqual(found, 'compacted');
    if (found.length === 0) return all;
    all.push(...(found as readonly LogBatch[]));
  }
};

const partsOf = async (log: SharedLog): Promise<readonly string[]> => {
  const parts: string[] = [];
  for await (const part of (await log.readSnapshot())?.parts ?? []) parts.push(part);
  return parts;
};

/** Conformance cases of {@link SharedLog}, for any test runner. */
export const sharedLogSuite: readonly SharedLogCase[] = [
  {
    name: 'a new log is empty, and opening it again changes nothing',
    run: async (place) => {
      for (const log of [await opened(place), await opened(place)]) {
        assert.deepEqual(await log.head(), emptyLog);
        assert.deepEqual(await log.readAfter(0), []);
        assert.equal(await log.readSnapshot(), undefined);
        assert.equal((await log.sessions()).size, 0);
        await log.close();
      }
    },
  },
  {
    name: 'appended batches are read by all, in order, from any position',
    run: async (place) => {
      const [a, b] = [await opened(place), await opened(place)];
      assert.deepEqual(await fill(a, 7), { position: 7, id: 'a7' });
      assert.deepEqual(await b.head(), { position: 7, id: 'a7' });
      const all = await readAll(b, 0);
      assert.deepEqual(
        all,
        [1, 2, 3, 4, 5, 6, 7].map((n) => ({ position: n, id: `a${n}`, content: `content of a${n}` })),
      );
      assert.deepEqual(await readAll(b, 5), all.slice(5));
      assert.deepEqual(await b.readAfter(7), []);
      assert.deepEqual(await b.readAfter(9), []);
    },
  },
  {
    name: 'an append after another point than the head is a conflict and changes nothing',
    run: async (place) => {
      const [a, b] = [await opened(place), await opened(place)];
      const head = await fill(a, 2);
      for (const after of [
        emptyLog,
        { position: 1, id: 'a1' },
        { position: 3, id: 'a3' },
        { position: 2, id: 'other' },
        { position: 2, id: '' },
      ])
        assert.equal(await b.append(after, 'b', 'text'), 'conflict');
      assert.deepEqual(await a.head(), head);
      assert.equal((await readAll(a, 0)).length, 2);
    },
  },
  {
    name: 'of concurrent appends after one point exactly one succeeds',
    run: async (place) => {
      const logs = await Promise.all(Array.from({ length: 6 }, () => opened(place)));
      let head: LogPoint = emptyLog;
      for (let round = 1; round <= 5; round++) {
        const after = head;
        const outcomes = await Promise.all(logs.map((log, i) => log.append(after, `r${round}-${i}`, `${i}`)));
        assert.deepEqual([...outcomes].sort(), ['appended', ...Array<string>(5).fill('conflict')]);
        head = { position: round, id: `r${round}-${outcomes.indexOf('appended')}` };
        for (const log of logs) assert.deepEqual(await log.head(), head);
      }
    },
  },
  {
    name: 'a batch can be large and contain any text',
    run: async (place) => {
      const log = await opened(place);
      const contents = ['', '"\\\n\u0000 \u2028 \u{1f600} ä', 'x'.repeat(5_000_000), 'ü'.repeat(1_000_000)];
      for (const [i, content] of contents.entries())
        assert.equal(
          await log.append({ position: i, id: i === 0 ? '' : `b${i}` }, `b${i + 1}`, content),
          'appended',
        );
      const found = await readAll(await opened(place), 0);
      assert.ok(found.every(({ content }, i) => content === contents[i]));
    },
  },
  {
    name: 'a snapshot replaces an older one, and only the dropped batches are compacted',
    run: async (place) => {
      const [a, b] = [await opened(place), await opened(place)];
      await fill(a, 10);
      await a.saveSnapshot({ position: 4, id: 'a4' }, ['one', 'two'], 2);
      const first = await b.readSnapshot();
      assert.deepEqual([first?.position, first?.id, await partsOf(b)], [4, 'a4', ['one', 'two']]);
      assert.equal(await b.readAfter(1), 'compacted');
      assert.deepEqual(
        (await readAll(b, 2)).map(({ position }) => position),
        [3, 4, 5, 6, 7, 8, 9, 10],
      );
      await b.saveSnapshot({ position: 9, id: 'a9' }, [], 9);
      assert.deepEqual([(await a.readSnapshot())?.position, await partsOf(a)], [9, []]);
      assert.equal(await a.readAfter(8), 'compacted');
      assert.deepEqual(
        (await readAll(a, 9)).map(({ position }) => position),
        [10],
      );
      assert.deepEqual(await fill(a, 1), { position: 11, id: 'a11' });
    },
  },
  {
    name: 'an older snapshot never replaces a newer one',
    run: async (place) => {
      const log = await opened(place);
      await fill(log, 5);
      await log.saveSnapshot({ position: 5, id: 'a5' }, ['new'], 5);
      await log.saveSnapshot({ position: 3, id: 'a3' }, ['old'], 3);
      await log.saveSnapshot({ position: 5, id: 'a5' }, ['again'], 5);
      assert.deepEqual([(await log.readSnapshot())?.position, await partsOf(log)], [5, ['new']]);
      assert.deepEqual(await log.head(), { position: 5, id: 'a5' });
      assert.deepEqual(await fill(log, 1), { position: 6, id: 'a6' });
    },
  },
  {
    name: 'a snapshot can be larger than one request to the engine',
    run: async (place) => {
      const log = await opened(place);
      await fill(log, 1);
      const parts = Array.from({ length: 20 }, (_, i) => `${i}`.repeat(100_000).slice(0, 200_000));
      await log.saveSnapshot({ position: 1, id: 'a1' }, parts, 1);
      assert.deepEqual(await partsOf(await opened(place)), parts);
    },
  },
  {
    name: 'an append is hinted to the others',
    run: async (place) => {
      const [a, b] = [await opened(place), await opened(place)];
      let hints = 0;
      const remove = b.onHint(() => hints++);
      for (let i = 0; i < 50 && hints === 0; i++) {
        await fill(a, 1);
        await place.wait(100);
      }
      assert.ok(hints > 0, 'no hint came');
      remove();
      await a.close();
      await b.close();
    },
  },
  {
    name: 'a session lasts while it is renewed, and then ends',
    run: async (place) => {
      const [a, b] = [await opened(place), await opened(place)];
      const session = await a.openSession('s1', 2_000);
      await b.openSession('s2', 600_000);
      for (let i = 0; i < 4; i++) {
        await place.wait(1_000);
        assert.equal(await session.renew(), true);
        assert.deepEqual([...(await b.sessions())].sort(), ['s1', 's2']);
      }
      for (let i = 0; i < 20 && (await b.sessions()).has('s1'); i++) await place.wait(1_000);
      assert.deepEqual([...(await b.sessions())], ['s2']);
      assert.equal(await session.renew(), false);
      assert.deepEqual([...(await a.sessions())], ['s2']);
    },
  },
  {
    name: 'a closed session ends at once, a closed connection ends none',
    run: async (place) => {
      const [a, b] = [await opened(place), await opened(place)];
      const session = await a.openSession('s1', 600_000);
      await a.openSession('s2', 600_000);
      await session.close();
      assert.deepEqual([...(await b.sessions())], ['s2']);
      assert.equal(await session.renew(), false);
      await a.close();
      assert.deepEqual([...(await b.sessions())], ['s2']);
      await b.close();
    },
  },
];
