/**
 * A process that calls and measures itself: closed loops for what a call costs, open loops for what callers feel. It calls
 * in one way, or in two that are compared, so that no third way's code is optimised along with theirs.
 */
import { Session } from 'node:inspector/promises';
import { answering } from './children.js';
import { now, sleep } from './clock.js';
import { seeded, shuffled } from './stats.js';
import { ways } from './ways.js';

/** @type {import('./ways.js').Way} */
let way;

answering({
  /** @param {{ way: string, origins: string[], subject?: string }} input */
  async prepare({ way: name, origins, subject }) {
    way = await ways[name](origins, subject);
  },
  closed: (input) => closedLoop(way, input),
  duel,
  open: openLoop,
  profile,
});

/**
 * A number of calls, so many at a time, each caller beginning its next when its last has ended.
 *
 * @param {import('./ways.js').Way} way
 * @param {{ calls: number, concurrency: number }} load
 * @returns {Promise<{ cpuUs: number, wallUs: number }>} per call
 */
async function closedLoop({ call }, { calls, concurrency }) {
  let begun = 0;
  const caller = async () => {
    while (begun < calls) {
      begun++;
      await call();
    }
  };
  const cpu = process.cpuUsage();
  const start = now();
  await Promise.all(Array.from({ length: concurrency }, caller));
  const wallUs = (now() - start) * 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuUs: (user + system) / calls, wallUs: wallUs / calls };
}

/**
 * Two ways in turn, in short rounds. Each is made twice, the second time in reverse order, since what is made later is
 * slower by a few percent, even against itself; and the four are called in a new random order in each round, since
 * whoever comes after itself finds its own connections in the caches, and garbage is collected at a beat of its own.
 *
 * @param {{ base: Made, rival: Made, rivalFirst: boolean, subject?: string, seed: number, loads: import('./rounds.js').Load[] }} input
 * @returns {Promise<import('./rounds.js').Duel[]>} by load
 * @typedef {{ way: string, origins: string[] }} Made
 */
async function duel({ base, rival, rivalFirst, subject, seed, loads }) {
  const random = seeded(seed);
  /** @type {{ side: 'base' | 'rival', way: import('./ways.js').Way }[]} */
  const four = [];
  /** @type {('base' | 'rival')[]} */
  const order = rivalFirst ? ['rival', 'base'] : ['base', 'rival'];
  for (const side of [...order, ...order.toReversed()]) {
    const { way: name, origins } = side === 'base' ? base : rival;
    four.push({ side, way: await ways[name](origins, subject) });
  }
  const results = [];
  for (const { concurrency, rounds, calls, warmCalls } of loads) {
    for (const { way: one } of [...four, ...four]) await closedLoop(one, { calls: warmCalls, concurrency });
    /** @type {import('./rounds.js').Duel} */
    const samples = { base: { cpuUs: [], wallUs: [] }, rival: { cpuUs: [], wallUs: [] } };
    for (let round = 0; round < rounds; round++) {
      const sums = { base: { cpuUs: 0, wallUs: 0 }, rival: { cpuUs: 0, wallUs: 0 } };
      for (const { side, way: one } of shuffled(four, random)) {
        const { cpuUs, wallUs } = await closedLoop(one, { calls, concurrency });
        sums[side].cpuUs += cpuUs / 2;
        sums[side].wallUs += wallUs / 2;
      }
      for (const side of order) {
        samples[side].cpuUs.push(sums[side].cpuUs);
        samples[side].wallUs.push(sums[side].wallUs);
      }
    }
    results.push(samples);
  }
  await Promise.all(four.map(({ way: one }) => one.close()));
  return results;
}

/**
 * Where the time of a closed loop goes: share of samples by function, most first.
 *
 * @param {{ calls: number, concurrency: number }} input
 * @returns {Promise<{ where: string, share: number }[]>}
 */
async function profile(input) {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
  await closedLoop(way, input);
  const { profile: result } = await session.post('Profiler.stop');
  session.disconnect();
  /** @type {Map<string, number>} */
  const hits = new Map();
  let total = 0;
  for (const { callFrame, hitCount = 0 } of result.nodes) {
    const { functionName, url, lineNumber } = callFrame;
    if (functionName === '(idle)') continue;
    const where = `${functionName || '(anonymous)'} ${shortened(url)}${url === '' ? '' : `:${lineNumber + 1}`}`;
    hits.set(where, (hits.get(where) ?? 0) + hitCount);
    total += hitCount;
  }
  return [...hits]
    .map(([where, count]) => ({ where, share: count / total }))
    .sort((a, b) => b.share - a.share);
}

/** A file by its place in its package. @param {string} url */
const shortened = (url) => url.replace(/^file:\/\//, '').replace(/^.*?\/(?=(dist|node_modules|bench)\/)/, '');

/**
 * Calls at a fixed rate whatever becomes of them. A latency counts from when the call was due, so a caller that is held
 * up cannot hide what it did to those behind it. What has not settled `limitMs` after it was due counts as failed.
 *
 * @param {{ rate: number, seconds: number, limitMs?: number, startAt: number }} input - `startAt` on the machine's clock
 * @returns {Promise<{ due: Float64Array, ms: Float64Array, replica: string[], failure: string[] }>}
 */
async function openLoop({ rate, seconds, limitMs = 10_000, startAt }) {
  const total = Math.round(rate * seconds);
  const gapMs = 1_000 / rate;
  const due = Float64Array.from({ length: total }, (_, i) => startAt + i * gapMs);
  const ms = new Float64Array(total).fill(limitMs);
  const replica = new Array(total).fill('');
  const failure = new Array(total).fill('no answer in time');
  let launched = 0;
  let settled = 0;
  const launch = async (i) => {
    let who = '';
    let error = '';
    try {
      who = /** @type {string} */ (await way.call());
    } catch (reason) {
      const { code, message } = /** @type {any} */ (reason);
      error = String(code ?? message);
    }
    const took = now() - due[i];
    if (took <= limitMs) {
      ms[i] = took;
      replica[i] = who;
      failure[i] = error;
    }
    settled++;
  };
  while (launched < total) {
    await sleep(due[launched] - now());
    while (launched < total && due[launched] <= now()) void launch(launched++);
  }
  const end = now() + limitMs;
  while (settled < total && now() < end) await sleep(10);
  return { due, ms, replica, failure };
}
