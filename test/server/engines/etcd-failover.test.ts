/** The log over three nodes of etcd, whose leader is killed, paused and asked to move. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { isClerkError } from '../../../src/core/errors.js';
import { emptyLog, type LogPoint, type SharedLog } from '../../../src/server/shared-log.js';
import { EtcdCluster, etcdProgram } from './etcd-cluster.js';
import { OpenLogs } from './log-at.js';

/** More rounds: ENGINE_ROUNDS=20 npx vitest run test/server/engines/etcd-failover.test.ts */
const rounds = Number(process.env.ENGINE_ROUNDS ?? 2);
const leftOut = 'leftOut' in etcdProgram ? etcdProgram.leftOut : undefined;
const logs = new OpenLogs();
let cluster: EtcdCluster;

beforeAll(async () => {
  if (leftOut === undefined) cluster = await EtcdCluster.start({ nodes: 3 });
}, 60_000);
afterEach(() => logs.close());
afterAll(() => cluster?.close());

/** Appends batches until it is stopped, against the other writers, and records which were acknowledged. */
class Writer {
  readonly acknowledged: string[] = [];
  /** Batches whose append was rejected, so that they may be in the log. */
  readonly unknown = new Set<string>();
  longestMs = 0;
  isStopped = false;
  readonly ended: Promise<void>;

  constructor(log: SharedLog, name: string) {
    this.ended = this.#run(log, name);
  }

  async #run(log: SharedLog, name: string): Promise<void> {
    for (let count = 0; !this.isStopped; count++) {
      const id = `${name}-${String(count)}`;
      const startedAt = performance.now();
      try {
        const head = await log.head();
        this.longestMs = Math.max(this.longestMs, performance.now() - startedAt);
        this.unknown.add(id);
        const outcome = await log.append(head, id, `content of ${id}`);
        this.unknown.delete(id);
        if (outcome === 'appended') this.acknowledged.push(id);
      } catch (error) {
        if (!isClerkError(error) || error.code !== 'REGISTRY_UNREACHABLE') throw error;
      }
      await sleep(5);
    }
  }
}

async function leaderOf(): Promise<number> {
  let leader = -1;
  await expect
    .poll(async () => (leader = await cluster.leader().catch(() => -1)), { timeout: 30_000 })
    .toBeGreaterThan(-1);
  return leader;
}

const faults: readonly { readonly name: string; readonly run: (leader: number) => Promise<void> }[] = [
  {
    name: 'killed',
    run: async (leader) => {
      await cluster.nodes[leader]!.kill();
      await sleep(2_500);
      await cluster.nodes[leader]!.start();
    },
  },
  {
    name: 'paused',
    run: async (leader) => {
      cluster.nodes[leader]!.signal('SIGSTOP');
      await sleep(3_000);
      cluster.nodes[leader]!.signal('SIGCONT');
    },
  },
  {
    name: 'moved',
    run: async (leader) => {
      const { members } = await cluster.post('/cluster/member/list', {}, leader);
      const { header } = await cluster.post('/maintenance/status', {}, leader);
      const target = members.find(({ ID }: { ID: string }) => ID !== header.member_id).ID;
      // The path of 3.4 names another message than that of 3.5.
      await cluster.post('/maintenance/transfer-leadership', { targetID: target }, leader);
      await sleep(1_000);
    },
  },
];

test(
  'acknowledged batches are in the log once and in order, and a session lives on, while leaders change',
  { timeout: 60_000 + rounds * 60_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const url = `etcd://${cluster.hosts}/failover`;
    const open = await Promise.all([0, 1, 2].map(() => logs.open(url)));
    const reader = await logs.open(url);
    const session = await open[0]!.openSession('s1', 10_000);
    const writers = open.map((log, i) => new Writer(log, `w${String(i)}`));
    let renewals = true;
    const renewing = (async () => {
      while (!writers[0]!.isStopped) {
        renewals &&= await session.renew().catch(() => true);
        await sleep(500);
      }
    })();
    for (let round = 0; round < rounds; round++)
      for (const fault of faults) {
        const before = writers.map(({ acknowledged }) => acknowledged.length);
        await fault.run(await leaderOf());
        // Each writer continues.
        await expect
          .poll(() => writers.map(({ acknowledged }, i) => acknowledged.length > before[i]! + 5), {
            timeout: 20_000,
          })
          .toEqual([true, true, true]);
      }
    for (const writer of writers) writer.isStopped = true;
    await Promise.all([renewing, ...writers.map((writer) => writer.ended)]);

    const ids: string[] = [];
    for (let point: LogPoint = emptyLog; ;) {
      const found = await reader.readAfter(point.position);
      expect(found).not.toBe('compacted');
      if (found === 'compacted' || found.length === 0) break;
      for (const batch of found) {
        expect(batch.position).toBe(ids.length + 1);
        expect(batch.content).toBe(`content of ${batch.id}`);
        ids.push(batch.id);
      }
      point = found.at(-1)!;
    }
    expect(new Set(ids).size).toBe(ids.length);
    for (const writer of writers) {
      const own = ids.filter((id) => writer.acknowledged.includes(id));
      expect(own).toEqual(writer.acknowledged);
    }
    const known = new Set(writers.flatMap(({ acknowledged, unknown }) => [...acknowledged, ...unknown]));
    expect(ids.filter((id) => !known.has(id))).toEqual([]);
    expect(renewals).toBe(true);
    expect(await reader.sessions()).toEqual(new Set(['s1']));
    expect(await reader.head()).toEqual({ position: ids.length, id: ids.at(-1) });
  },
);

test(
  'reads and appends continue within 1 s after a node that is not the leader has ended',
  { timeout: 60_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const leader = await leaderOf();
    const other = (leader + 1) % 3;
    const url = `etcd://127.0.0.1:${String(cluster.nodes[other]!.port)},${cluster.hosts}/follower`;
    const log = await logs.open(url);
    await cluster.nodes[other]!.kill();
    const startedAt = performance.now();
    expect(await log.append(await log.head(), 'a', '')).toBe('appended');
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    await cluster.nodes[other]!.start();
  },
);

test(
  'without a majority, calls are refused in time, and continue when the nodes are back',
  { timeout: 60_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const log = await logs.open(`etcd://${cluster.hosts}/majority`);
    await log.append(emptyLog, 'a', '');
    await Promise.all([cluster.nodes[1]!.kill(), cluster.nodes[2]!.kill()]);
    const startedAt = performance.now();
    await expect(log.head()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    await expect(log.append({ position: 1, id: 'a' }, 'b', '')).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      execution: 'unknown',
    });
    expect(performance.now() - startedAt).toBeLessThan(50_000);
    await Promise.all([cluster.nodes[1]!.start(), cluster.nodes[2]!.start()]);
    let head: LogPoint = emptyLog;
    await expect
      .poll(async () => (head = await log.head().catch(() => emptyLog)).position, { timeout: 20_000 })
      .toBeGreaterThan(0);
    expect(await log.append(head, 'c', '')).toBe('appended');
  },
);
