/**
 * What callers feel while a replica misbehaves: three replicas, each a process of its own, answering after 1 to 5 ms, and
 * one client process at a fixed rate. One replica is killed or stopped, later started again or continued: the one that
 * was sent most until then, so that nobody is lucky in that the fault strikes where few calls went.
 */
import { Child } from './children.js';
import { now, sleep } from './clock.js';
import { speechOf } from './ways.js';

/** @typedef {'kill' | 'stop'} Fault */

/**
 * @typedef {object} Trial
 * @property {Fault} fault
 * @property {string} way
 * @property {string} victim - the replica that was struck
 * @property {number} healedAt - ms after the fault
 * @property {number} fromMs
 * @property {number} toMs
 * @property {{ at: number[], ms: number[], failure: string[], replica: string[] }} calls - `at`: when due, ms after the fault
 */

export const rate = 200;
const service = { minMs: 1, maxMs: 5 };
const names = ['a', 'b', 'c'];

/** Ways that are compared, ours first. @param {{ quick: boolean }} context */
export const contenders = ({ quick }) => [
  ...['world-clerk', 'world-p2c', 'world-cockatiel', 'world-grpc', 'world-moleculer'],
  ...(quick ? [] : ['world-balanced-retry', 'world-balanced']),
];

/**
 * All trials of one fault: some for each way, in turn. Run once, however many rows look at them.
 *
 * @param {import('./context.js').Context} context
 * @param {Fault} fault
 * @returns {Promise<Record<string, Trial[]>>} by way
 */
export const trials = (context, fault) =>
  context.once(`trials ${fault}`, async () => {
    const ways = contenders(context);
    /** @type {Record<string, Trial[]>} */
    const results = Object.fromEntries(ways.map((way) => [way, []]));
    for (let repeat = 0; repeat < (context.quick ? 1 : 2); repeat++) {
      for (const way of ways) {
        results[way].push(await trial(context, fault, way));
        context.log(`${fault}, ${way}, trial ${repeat + 1}`);
      }
    }
    return results;
  });

/**
 * @param {import('./context.js').Context} context
 * @param {Fault} fault
 * @param {string} way
 * @returns {Promise<Trial>}
 */
async function trial(context, fault, way) {
  const [before, during, after] = context.quick ? [1_000, 1_500, 3_000] : [2_000, 3_000, 5_000];
  const speech = speechOf(way);
  const servers = [];
  const client = new Child('./client.js');
  try {
    for (const replica of names) servers.push(await context.serve([{ replica, ...service }], speech));
    const origins = servers.map(({ origins: [origin] }) => origin);
    await client.ask('prepare', { way, origins, subject: context.subject });
    await client.ask('closed', { calls: 600, concurrency: 3 });
    const startAt = now() + 100;
    const calling = client.ask('open', { rate, seconds: (before + during + after) / 1_000, startAt });
    calling.catch(() => undefined);

    await sleep(startAt + before - 50 - now());
    const counts = await Promise.all(servers.map(({ child }) => child.ask('count')));
    const sent = names.map((replica, i) => counts[i][replica]);
    const struck = sent.indexOf(Math.max(...sent));
    const victim = names[struck];
    const { child, ports } = servers[struck];
    await sleep(startAt + before - now());
    const faultAt = now();
    if (fault === 'kill') await child.end();
    else child.process.kill('SIGSTOP');

    await sleep(faultAt + during - now());
    if (fault === 'kill')
      servers[struck] = await context.serve([{ replica: victim, port: ports[0], ...service }], speech);
    else child.process.kill('SIGCONT');
    const healedAt = now();

    const { due, ms, replica, failure } = await calling;
    return {
      fault,
      way,
      victim,
      healedAt: healedAt - faultAt,
      fromMs: -before,
      toMs: during + after,
      calls: { at: Array.from(due, (at) => at - faultAt), ms: Array.from(ms), replica, failure },
    };
  } finally {
    await Promise.all([client, ...servers.map(({ child }) => child)].map((child) => child.end()));
  }
}

/**
 * What the callers felt from the fault until it was healed. A call counts if it was due then, or was in flight when the
 * fault struck.
 *
 * @param {Trial} trial
 */
export function harm({ calls: { at, ms, failure }, healedAt }) {
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
 * How the replica came back: ms from healing to its first good answer, and to the end of the first second in which it
 * gave at least 80 % of its fair third of all good answers; Infinity for never. And calls that failed from then on.
 *
 * @param {Trial} trial
 */
export function healing({ calls: { at, ms, replica, failure }, victim, healedAt, toMs }) {
  const answers = at
    .map((due, i) => ({
      doneAt: due + ms[i],
      dueAt: due,
      good: failure[i] === '',
      back: replica[i] === victim,
    }))
    .sort((a, b) => a.doneAt - b.doneAt);
  const good = answers.filter((answer) => answer.good && answer.doneAt >= healedAt);
  // An answer to a call made before the healing is the past arriving late.
  const first = good.find((answer) => answer.back && answer.dueAt >= healedAt);
  let fairMs = Infinity;
  for (let from = 0, to = 0, back = 0; to < good.length && fairMs === Infinity; to++) {
    if (good[to].back) back++;
    while (good[to].doneAt - good[from].doneAt >= 1_000) if (good[from++].back) back--;
    const { doneAt } = good[to];
    if (doneAt - healedAt >= 1_000 && doneAt <= toMs && back / (to - from + 1) >= 0.8 / 3)
      fairMs = doneAt - healedAt;
  }
  const failed = at.filter((due, i) => due >= healedAt && failure[i] !== '').length;
  return { firstMs: first === undefined ? Infinity : first.doneAt - healedAt, fairMs, failed };
}

/**
 * Share of the victim in the second that ends at each of many moments.
 *
 * @param {Trial} trial
 * @returns {[number, number][]}
 */
export function shares({ calls: { at, ms, replica, failure }, victim, fromMs, toMs }) {
  const good = at.map((due, i) => ({ doneAt: due + ms[i], i })).filter(({ i }) => failure[i] === '');
  const points = /** @type {[number, number][]} */ ([]);
  for (let end = fromMs + 1_000; end <= toMs; end += 100) {
    const within = good.filter(({ doneAt }) => doneAt > end - 1_000 && doneAt <= end);
    const back = within.filter(({ i }) => replica[i] === victim).length;
    points.push([end, within.length === 0 ? 0 : back / within.length]);
  }
  return points;
}
