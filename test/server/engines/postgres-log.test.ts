/** The log in Postgres, with a real server. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { emptyLog, type LogPoint } from '../../../src/server/shared-log.js';
import { sharedLogSuite } from '../shared-log/shared-log-suite.js';
import { OpenLogs } from './log-at.js';
import { PostgresServer, postgresProgram } from './postgres-server.js';

const leftOut = 'leftOut' in postgresProgram ? postgresProgram.leftOut : undefined;
const logs = new OpenLogs();
let server: PostgresServer;
let places = 0;
const place = (): { readonly url: string; readonly schema: string } => {
  const schema = `place_${String(++places)}`;
  return { url: server.url({ query: `?schema=${schema}` }), schema };
};

beforeAll(async () => {
  if (leftOut === undefined) server = await PostgresServer.start();
}, 60_000);
afterEach(() => logs.close());
afterAll(() => server?.close());

describe('the suite of shared logs', () => {
  test.for(sharedLogSuite)('$name', { timeout: 60_000 }, async ({ run }, { skip }) => {
    skip(leftOut !== undefined, leftOut);
    const { url } = place();
    await run({ connect: () => logs.connect(url), wait: (ms) => sleep(ms) });
  });
});

test('servers that start at once make one schema', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  const { url } = place();
  const opened = await Promise.all(Array.from({ length: 5 }, () => logs.open(url)));
  expect(await opened[0]!.append(emptyLog, 'a', '')).toBe('appended');
  for (const log of opened) expect(await log.head()).toEqual({ position: 1, id: 'a' });
});

test(
  'a crash of Postgres loses no acknowledged batch, and calls, hints and sessions continue after it',
  { timeout: 60_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const { url } = place();
    const [log, other] = [await logs.open(url), await logs.open(url)];
    const session = await log.openSession('s1', 60_000);
    let head: LogPoint = emptyLog;
    for (let round = 1; round <= 3; round++) {
      for (let i = 0; i < 20; i++) {
        const id = `r${String(round)}-${String(i)}`;
        expect(await log.append(head, id, '')).toBe('appended');
        head = { position: head.position + 1, id };
      }
      await server.stop(round === 2 ? 'SIGINT' : 'SIGQUIT');
      if (round === 1)
        await expect(log.head()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE', execution: 'none' });
      await server.restart();
      expect(await other.head()).toEqual(head);
      expect(await session.renew()).toBe(true);
      let hints = 0;
      const remove = other.onHint(() => hints++);
      await expect
        .poll(
          async () => {
            head = await log.head();
            const id = `h${String(head.position)}`;
            await log.append(head, id, '');
            head = { position: head.position + 1, id };
            await other.head();
            return hints;
          },
          { timeout: 20_000, interval: 300 },
        )
        .toBeGreaterThan(1);
      remove();
    }
    expect(await other.sessions()).toEqual(new Set(['s1']));
  },
);

test('an append whose connection ends is repeated, and is made once', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  const { url, schema } = place();
  const log = await logs.open(url);
  await log.append(emptyLog, 'a', '');
  // The commit is followed by the end of the connection, so that its response is lost.
  await server.run(`CREATE FUNCTION ${schema}.cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id = 'b' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$;
    CREATE TRIGGER cut BEFORE INSERT ON ${schema}.batches FOR EACH ROW EXECUTE FUNCTION ${schema}.cut()`);
  await expect(log.append({ position: 1, id: 'a' }, 'b', '')).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    execution: 'unknown',
  });
  await server.run(`DROP TRIGGER cut ON ${schema}.batches`);
  expect(await log.append({ position: 1, id: 'a' }, 'b', '')).toBe('appended');
  expect((await log.readAfter(0)).length).toBe(2);
});

test(
  'a writer that is paused within its statement delays the others, and makes no second batch',
  { timeout: 60_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const { url, schema } = place();
    const [slow, fast] = [await logs.open(url), await logs.open(url)];
    await server.run(`CREATE FUNCTION ${schema}.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.id = 'slow' THEN PERFORM pg_sleep(2); END IF; RETURN NEW; END $$;
    CREATE TRIGGER wait BEFORE INSERT ON ${schema}.batches FOR EACH ROW EXECUTE FUNCTION ${schema}.wait()`);
    const first = slow.append(emptyLog, 'slow', '');
    await sleep(200);
    const second = fast.append(emptyLog, 'fast', '');
    expect([await first, await second]).toEqual(['appended', 'conflict']);
    expect(await fast.readAfter(0)).toEqual([{ position: 1, id: 'slow', content: '' }]);
  },
);

test(
  'a session ends only when its time has passed by the clock of a server that waits',
  { timeout: 60_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const { url } = place();
    const [log, other] = [await logs.open(url), await logs.open(url)];
    const session = await log.openSession('s1', 1_500);
    await sleep(2_000);
    // No server has waited so far.
    expect(await session.renew()).toBe(true);
    expect(await other.sessions()).toEqual(new Set(['s1']));
    await sleep(1_000);
    expect(await session.renew()).toBe(true);
    await sleep(1_000);
    expect(await other.sessions()).toEqual(new Set(['s1']));
    await sleep(1_600);
    expect(await other.sessions()).toEqual(new Set());
    expect(await session.renew()).toBe(false);
    expect(await log.sessions()).toEqual(new Set());
  },
);

test('durability is not lost by settings of the database', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  const { url, schema } = place();
  await logs.open(url);
  await server.run(`CREATE FUNCTION ${schema}.show() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.content := convert_to('t' || current_setting('synchronous_commit'), 'UTF8'); RETURN NEW; END $$;
    CREATE TRIGGER show BEFORE INSERT ON ${schema}.batches FOR EACH ROW EXECUTE FUNCTION ${schema}.show()`);
  await server.run('ALTER DATABASE clerk SET synchronous_commit = off');
  await server.run('ALTER DATABASE clerk SET default_transaction_read_only = on');
  try {
    const log = await logs.open(url);
    expect(await log.append(emptyLog, 'a', '')).toBe('appended');
    expect(await log.readAfter(0)).toEqual([{ position: 1, id: 'a', content: 'on' }]);
  } finally {
    await server.run('SET transaction_read_only = off; ALTER DATABASE clerk RESET ALL');
  }
});
