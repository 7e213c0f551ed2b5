/** The log in etcd, with real nodes. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { StoreHttpError, type StoreHttp, type StoreRequest } from '../../../src/core/store-http.js';
import { emptyLog } from '../../../src/server/shared-log.js';
import { sharedLogSuite } from '../shared-log/shared-log-suite.js';
import { EtcdCluster, etcdProgram } from './etcd-cluster.js';
import { OpenLogs } from './log-at.js';

const leftOut = 'leftOut' in etcdProgram ? etcdProgram.leftOut : undefined;
const logs = new OpenLogs();
let cluster: EtcdCluster;
let places = 0;
const place = (): string => `etcd://${cluster.hosts}/place-${String(++places)}`;

beforeAll(async () => {
  if (leftOut === undefined) cluster = await EtcdCluster.start();
}, 60_000);
afterEach(() => logs.close());
afterAll(() => cluster?.close());

describe('the suite of shared logs', () => {
  test.for(sharedLogSuite)('$name', { timeout: 60_000 }, async ({ run }, { skip }) => {
    skip(leftOut !== undefined, leftOut);
    const url = place();
    await run({ connect: () => logs.connect(url), wait: (ms) => sleep(ms) });
  });
});

/** Loses the responses of requests that `isLost` selects, after the engine has sent them. */
const losing =
  (isLost: (request: StoreRequest) => boolean) =>
  (http: StoreHttp): StoreHttp => ({
    request: async (request) => {
      const response = await http.request(request);
      if (isLost(request)) throw new StoreHttpError('the connection was cut', false);
      return response;
    },
    openStream: (request, listener) => http.openStream(request, listener),
    close: () => http.close(),
  });

const isAppend = ({ path, body = '' }: StoreRequest): boolean =>
  path.endsWith('/kv/txn') && body.includes('"compare"') && body.includes('request_put');

describe('an append whose response is lost', () => {
  test('is repeated, is made once, and is reported as made', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    let lost = 0;
    let isOpen = false;
    const url = place();
    const log = await logs.open(
      url,
      losing((request) => isOpen && isAppend(request) && lost++ < 2),
    );
    isOpen = true;
    expect(await log.append(emptyLog, 'a', 'first')).toBe('appended');
    expect(lost).toBe(3);
    expect(await log.readAfter(0)).toEqual([{ position: 1, id: 'a', content: 'first' }]);
  });

  test('is a conflict if another server has appended first', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const url = place();
    const other = await logs.open(url);
    let lost = 0;
    let isOpen = false;
    const log = await logs.open(
      url,
      losing((request) => isOpen && isAppend(request) && lost++ < 1),
    );
    isOpen = true;
    await other.append(emptyLog, 'theirs', 'x');
    expect(await log.append(emptyLog, 'mine', 'y')).toBe('conflict');
    expect(lost).toBe(2);
    expect(await log.head()).toEqual({ position: 1, id: 'theirs' });
  });

  test('is made, and reported as unknown, if no member answers any more', async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const url = place();
    let isCut = false;
    const log = await logs.open(
      url,
      losing(() => isCut),
    );
    isCut = true;
    await expect(log.append(emptyLog, 'a', 'first')).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      execution: 'unknown',
      message: expect.stringContaining('did not respond'),
    });
    isCut = false;
    expect(await log.head()).toEqual({ position: 1, id: 'a' });
  });
});

test(
  'a batch of 16 MiB that cannot be compressed is read as it was written; a longer one is refused',
  { timeout: 60_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const url = place();
    const [log, other] = [await logs.open(url), await logs.open(url)];
    const content = randomBytes(12 * 1024 * 1024).toString('base64');
    expect(await log.append(emptyLog, 'large', content)).toBe('appended');
    const small = randomBytes(600_000).toString('base64');
    for (let i = 1; i <= 8; i++)
      await log.append({ position: i, id: i === 1 ? 'large' : `s${String(i)}` }, `s${String(i + 1)}`, small);
    const found = await other.readAfter(0);
    expect(
      found !== 'compacted' &&
        found.map((batch) => batch.content === (batch.id === 'large' ? content : small)),
    ).toEqual(Array<boolean>(9).fill(true));
    await expect(log.append(await log.head(), 'x', `${content}x`)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
    });
    // The parts of batches that are dropped are removed with them.
    const count = async (): Promise<number> => {
      const prefix = `/place-${String(places)}/parts/`;
      const { count: parts = '0' } = await cluster.post('/kv/range', {
        key: Buffer.from(prefix).toString('base64'),
        range_end: Buffer.from(prefix.replace(/.$/, '0')).toString('base64'),
        count_only: true,
      });
      return Number(parts);
    };
    expect(await count()).toBeGreaterThan(8);
    await log.saveSnapshot(await log.head(), [], 9);
    expect(await count()).toBe(0);
  },
);

test('a snapshot that is replaced while it is read is read to its end', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  const url = place();
  const [log, other] = [await logs.open(url), await logs.open(url)];
  await log.append(emptyLog, 'a', '');
  await log.append({ position: 1, id: 'a' }, 'b', '');
  const parts = Array.from({ length: 30 }, (_, i) => `part ${String(i)}`);
  await log.saveSnapshot({ position: 1, id: 'a' }, parts, 0);
  const snapshot = await other.readSnapshot();
  await log.saveSnapshot({ position: 2, id: 'b' }, ['new'], 2);
  const read: string[] = [];
  for await (const part of snapshot!.parts) read.push(part);
  expect(read).toEqual(parts);
});
