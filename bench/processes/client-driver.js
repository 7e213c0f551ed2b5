/**
 * A process that calls replicas and measures its calls: closed loops for CPU per call, open loops for latency. It runs one
 * client, or two that are compared, so that the code of no third client affects the optimizer.
 */
import { Session } from 'node:inspector/promises';
import { handleTasks } from '../lib/child-process.js';
import { now, sleep } from '../lib/clock.js';
import { seededRandom, shuffled } from '../lib/statistics.js';
import { clients } from '../lib/clients.js';

/** @typedef {import('../lib/secured-registry.js').FleetClient} Secured */

/** @type {import('../lib/clients.js').Client} */
let client;

handleTasks({
  /** @param {{ client: string, origins: string[], subject?: string, secured?: Secured }} input */
  async prepare({ client: key, origins, subject, secured }) {
    client = await clients[key](origins, subject, secured);
  },
  closed: (input) => closedLoop(client, input),
  comparePair,
  open: openLoop,
  ejections: () => client.ejections?.(),
  profile,
});

/**
 * Makes `calls` calls from `concurrency` callers; each starts its next call when its last one has ended.
 *
 * @param {import('../lib/clients.js').Client} client
 * @param {{ calls: number, concurrency: number }} load
 * @returns {Promise<{ cpuUs: number, wallUs: number }>} per call, in µs
 */
async function closedLoop({ call }, { calls, concurrency }) {
  let started = 0;
  const caller = async () => {
    while (started < calls) {
      started++;
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
 * Measures two clients in short alternating rounds. Each is created twice, the second time in reverse order: a client
 * that is created later is a few percent slower, even compared with itself. The four instances run in a new random order
 * in each round: an instance that runs after itself finds its connections in the CPU caches, and garbage collection has a
 * period of its own.
 *
 * @param {{ base: Variant, candidate: Variant, candidateFirst: boolean, subject?: string, secured?: Secured, seed: number, loads: import('../lib/paired-rounds.js').Load[] }} input
 * @returns {Promise<import('../lib/paired-rounds.js').PairSamples[]>} by load
 * @typedef {{ client: string, origins: string[] }} Variant
 */
async function comparePair({ base, candidate, candidateFirst, subject, secured, seed, loads }) {
  const random = seededRandom(seed);
  /** @type {{ side: 'base' | 'candidate', client: import('../lib/clients.js').Client }[]} */
  const instances = [];
  /** @type {('base' | 'candidate')[]} */
  const order = candidateFirst ? ['candidate', 'base'] : ['base', 'candidate'];
  for (const side of [...order, ...order.toReversed()]) {
    const { client: name, origins } = side === 'base' ? base : candidate;
    instances.push({ side, client: await clients[name](origins, subject, secured) });
  }
  const results = [];
  for (const { concurrency, rounds, calls, warmCalls } of loads) {
    for (const { client: one } of [...instances, ...instances])
      await closedLoop(one, { calls: warmCalls, concurrency });
    /** @type {import('../lib/paired-rounds.js').PairSamples} */
    const samples = { base: { cpuUs: [], wallUs: [] }, candidate: { cpuUs: [], wallUs: [] } };
    for (let round = 0; round < rounds; round++) {
      const sums = { base: { cpuUs: 0, wallUs: 0 }, candidate: { cpuUs: 0, wallUs: 0 } };
      for (const { side, client: one } of shuffled(instances, random)) {
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
  await Promise.all(instances.map(({ client: one }) => one.close()));
  return results;
}

/**
 * CPU profile of a closed loop: share of samples by function, largest first.
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
  await closedLoop(client, input);
  const { profile: result } = await session.post('Profiler.stop');
  session.disconnect();
  /** @type {Map<string, number>} */
  const hits = new Map();
  let total = 0;
  for (const { callFrame, hitCount = 0 } of result.nodes) {
    const { functionName, url, lineNumber } = callFrame;
    if (functionName === '(idle)') continue;
    const where = `${functionName || '(anonymous)'} ${packagePath(url)}${url === '' ? '' : `:${lineNumber + 1}`}`;
    hits.set(where, (hits.get(where) ?? 0) + hitCount);
    total += hitCount;
  }
  return [...hits]
    .map(([where, count]) => ({ where, share: count / total }))
    .sort((a, b) => b.share - a.share);
}

/** The path of a file within its package. @param {string} url */
const packagePath = (url) =>
  url.replace(/^file:\/\//, '').replace(/^.*?\/(?=(dist|node_modules|bench)\/)/, '');

/**
 * Calls at a fixed rate, independent of responses. A latency counts from when the call was due, so a blocked caller cannot
 * hide the delay of later calls. A call that has not settled `limitMs` after it was due counts as failed.
 *
 * @param {{ rate: number, seconds: number, limitMs?: number, startAt: number, reportEvery?: number }} input - `startAt` is an instant of `now()`; one of `reportEvery` calls requests a report
 * @returns {Promise<import('../lib/open-load.js').OpenLoadCalls>}
 */
async function openLoop({ rate, seconds, limitMs = 10_000, startAt, reportEvery = Infinity }) {
  const total = Math.round(rate * seconds);
  const gapMs = 1_000 / rate;
  const due = Float64Array.from({ length: total }, (_, i) => startAt + i * gapMs);
  const ms = new Float64Array(total).fill(limitMs);
  const replica = new Array(total).fill('');
  const failure = new Array(total).fill('timeout');
  const isReport = Array.from(due, (_, i) => (i + 1) % reportEvery === 0);
  let started = 0;
  let settled = 0;
  const start = async (i) => {
    let responder = '';
    let error = '';
    try {
      responder = /** @type {string} */ (await client.call(isReport[i]));
    } catch (reason) {
      const { code, message } = /** @type {any} */ (reason);
      error = String(code ?? message);
    }
    const elapsed = now() - due[i];
    if (elapsed <= limitMs) {
      ms[i] = elapsed;
      replica[i] = responder;
      failure[i] = error;
    }
    settled++;
  };
  while (started < total) {
    await sleep(due[started] - now());
    while (started < total && due[started] <= now()) void start(started++);
  }
  const end = now() + limitMs;
  while (settled < total && now() < end) await sleep(10);
  return { due, ms, replica, failure, isReport };
}
