/**
 * Measures the calls of one client while a replica misbehaves. Three replicas, each in a process of its own, respond after
 * 1 to 5 ms; the client calls at a fixed rate. One replica is killed and started again, or stopped and continued. It is
 * the one that received the most requests since the fault before, so that a fault never hits an idle replica.
 */
import { Child } from './child-process.js';
import { now, sleep } from './clock.js';
import { protocolOf } from './clients.js';

/** @typedef {'kill' | 'stop'} Fault */

/**
 * @typedef {object} Trial
 * @property {Fault} fault
 * @property {string} client
 * @property {string} victim - the replica with the fault
 * @property {number} healedAt - ms after the fault
 * @property {number} fromMs
 * @property {number} toMs
 * @property {{ at: number[], ms: number[], failure: string[], replica: string[] }} calls - `at`: when due, ms after the fault
 */

export const rate = 200;
const latency = { minMs: 1, maxMs: 5 };
const names = ['a', 'b', 'c'];

/** Keys of the compared clients, ours first. @param {{ quick: boolean }} context */
export const comparedClients = ({ quick }) => [
  ...['fault-clerk', 'fault-p2c', 'fault-cockatiel', 'fault-grpc', 'fault-moleculer'],
  ...(quick ? [] : ['fault-balanced-retry', 'fault-balanced']),
];

/**
 * All trials of one fault, client by client. They run once and are shared by rows.
 *
 * @param {import('./context.js').Context} context
 * @param {Fault} fault
 * @returns {Promise<Record<string, Trial[]>>} by client
 */
export const faultTrials = (context, fault) =>
  context.once(`trials ${fault}`, async () => {
    const clients = comparedClients(context);
    /** @type {Record<string, Trial[]>} */
    const results = Object.fromEntries(clients.map((client) => [client, []]));
    for (let repeat = 0; repeat < (context.quick ? 1 : 2); repeat++) {
      for (const client of clients) {
        results[client].push(...(await runFaults(context, { fault, client })));
        context.log(`${fault}, ${client}, trial ${repeat + 1}`);
      }
    }
    return results;
  });

/**
 * @typedef {object} FaultPlan
 * @property {Fault} fault
 * @property {string} client
 * @property {number} [callRate] - calls per second. Default {@link rate}.
 * @property {number} [count] - number of faults, one after the other. Default 1.
 * @property {[number, number, number]} [spans] - before, during and after each fault, in ms
 * @property {Partial<import('./replica.js').ReplicaInit>} [replica] - of all replicas, besides the latency
 */

/**
 * Measures one client in one or more faults.
 *
 * @param {import('./context.js').Context} context
 * @param {FaultPlan} plan
 * @returns {Promise<Trial[]>} one per fault
 */
export async function runFaults(context, { fault, client, callRate = rate, count = 1, spans, replica }) {
  const [before, during, after] = spans ?? (context.quick ? [1_000, 1_500, 3_000] : [2_000, 3_000, 5_000]);
  const protocol = protocolOf(client);
  const start = (name, port) =>
    context.startReplicas([{ ...latency, ...replica, replica: name, port }], protocol);
  const servers = [];
  const driver = new Child('processes/client-driver.js');
  try {
    for (const name of names) servers.push(await start(name));
    const origins = servers.map(({ origins: [origin] }) => origin);
    await driver.call('prepare', { client, origins, subject: context.subject });
    await driver.call('closed', { calls: 600, concurrency: 3 });
    const startAt = now() + 100;
    const seconds = (count * (before + during + after)) / 1_000;
    const calling = driver.call('open', { rate: callRate, seconds, startAt });
    calling.catch(() => undefined);

    const faults = [];
    let previous = names.map(() => 0);
    for (let i = 0; i < count; i++) {
      const beginAt = startAt + i * (before + during + after) + before;
      await sleep(beginAt - 50 - now());
      const counts = await Promise.all(servers.map(({ child }) => child.call('count')));
      const received = names.map((name, at) => counts[at][name]);
      const sent = received.map((total, at) => total - previous[at]);
      previous = received;
      const victim = sent.indexOf(Math.max(...sent));
      const { child, ports } = servers[victim];
      await sleep(beginAt - now());
      const faultAt = now();
      if (fault === 'kill') await child.end();
      else child.process.kill('SIGSTOP');

      await sleep(faultAt + during - now());
      if (fault === 'kill') {
        servers[victim] = await start(names[victim], ports[0]);
        previous[victim] = 0;
      } else child.process.kill('SIGCONT');
      faults.push({ victim: names[victim], faultAt, healedAt: now() - faultAt });
    }

    const { due, ms, replica: responders, failure } = await calling;
    return faults.map(({ victim, faultAt, healedAt }) => ({
      fault,
      client,
      victim,
      healedAt,
      fromMs: -before,
      toMs: during + after,
      calls: {
        at: Array.from(due, (at) => at - faultAt),
        ms: Array.from(ms),
        replica: responders,
        failure,
      },
    }));
  } finally {
    await Promise.all([driver, ...servers.map(({ child }) => child)].map((child) => child.end()));
  }
}

/**
 * Failed and slow calls from the fault until it was healed. A call counts if it was due in that time, or was in flight
 * at the fault.
 *
 * @param {Trial} trial
 */
export function faultImpact({ calls: { at, ms, failure }, healedAt }) {
  let failed = 0;
  let slow = 0;
  let longestMs = 0;
  /** @type {Record<string, number>} */
  const codes = {};
  for (let i = 0; i < at.length; i++) {
    if (at[i] + ms[i] < 0 || at[i] >= healedAt) continue;
    if (failure[i] !== '') {
      failed++;
      codes[failure[i]] = (codes[failure[i]] ?? 0) + 1;
    }
    if (ms[i] > 50) slow++;
    longestMs = Math.max(longestMs, ms[i]);
  }
  return { failed, slow, longestMs, codes };
}

/**
 * Recovery of the replica. `firstMs`: from healing to its first successful response. `fairMs`: from healing to the end of
 * the first second in which it sent at least 80 % of its fair third of all successful responses. Infinity for never.
 * `failed`: calls that failed after healing.
 *
 * @param {Trial} trial
 */
export function replicaRecovery({ calls: { at, ms, replica, failure }, victim, healedAt, toMs }) {
  const responses = at
    .map((due, i) => ({
      doneAt: due + ms[i],
      dueAt: due,
      isGood: failure[i] === '',
      isFromVictim: replica[i] === victim,
    }))
    .sort((a, b) => a.doneAt - b.doneAt);
  const good = responses.filter((response) => response.isGood && response.doneAt >= healedAt);
  // A response to a call made before healing does not show that the replica recovered.
  const first = good.find((response) => response.isFromVictim && response.dueAt >= healedAt);
  let fairMs = Infinity;
  for (let from = 0, to = 0, fromVictim = 0; to < good.length && fairMs === Infinity; to++) {
    if (good[to].isFromVictim) fromVictim++;
    while (good[to].doneAt - good[from].doneAt >= 1_000) if (good[from++].isFromVictim) fromVictim--;
    const { doneAt } = good[to];
    if (doneAt - healedAt >= 1_000 && doneAt <= toMs && fromVictim / (to - from + 1) >= 0.8 / 3)
      fairMs = doneAt - healedAt;
  }
  const failed = at.filter((due, i) => due >= healedAt && failure[i] !== '').length;
  return { firstMs: first === undefined ? Infinity : first.doneAt - healedAt, fairMs, failed };
}

/**
 * Share of the successful responses that the replica with the fault sent in the last second, sampled every 100 ms.
 *
 * @param {Trial} trial
 * @returns {[number, number][]}
 */
export function victimShares({ calls: { at, ms, replica, failure }, victim, fromMs, toMs }) {
  const good = at.map((due, i) => ({ doneAt: due + ms[i], i })).filter(({ i }) => failure[i] === '');
  const points = /** @type {[number, number][]} */ ([]);
  for (let end = fromMs + 1_000; end <= toMs; end += 100) {
    const within = good.filter(({ doneAt }) => doneAt > end - 1_000 && doneAt <= end);
    const fromVictim = within.filter(({ i }) => replica[i] === victim).length;
    points.push([end, within.length === 0 ? 0 : fromVictim / within.length]);
  }
  return points;
}
