/**
 * One overload: three replicas of fixed capacity, an open load at 80 % of it, and a period in which every request takes
 * ten times as long. A call is good if it succeeds within the clerk's default deadline, and prompt if it does within 1 s.
 * It counts in the second in which it was due. The load continues after the last counted second, so that its end cannot
 * help the recovery.
 */
import { Child } from './child-process.js';
import { now, sleep } from './clock.js';

const replicas = ['a', 'b', 'c'].map((replica) => ({ replica }));
const workers = 4;
const serviceMs = 40;
/** Queue length, in requests: 1.5 s of work, which is longer than the timeout of an attempt. */
const queueLimit = (1_500 * workers) / serviceMs;
const slowdown = 10;
const goodMs = 10_000;
const promptMs = 1_000;
const driverCount = 2;
const extraSeconds = 8;
/** Offered load, in calls per second. */
export const offered = 0.8 * ((replicas.length * workers * 1_000) / serviceMs);

/**
 * @typedef {object} RetryStorm
 * @property {number[]} good - good calls in each second
 * @property {number[]} prompt - prompt calls in each second
 * @property {number[]} sent - requests that arrived in each second
 * @property {{ before: number, during: number, after: number }} goodput - good calls per second; `after`: in the last 5 s
 * @property {number} recoveryMs - from healing to the start of the first second with 99 % of the goodput before, if the mean from there on reaches it too; Infinity for never
 * @property {number} promptMs - the same for prompt calls
 * @property {number} ratio - requests sent per call offered, over all seconds
 * @property {number} wasted - responses whose client had disconnected
 * @property {Record<string, number>} codes - error codes of failed calls
 * @property {number} healedAt - ms after the slowdown began
 * @property {number} fromMs
 * @property {number} toMs
 */

/**
 * @param {string} client
 * @param {string | undefined} subject
 * @param {{ before: number, during: number, after: number }} seconds - integers
 * @returns {Promise<RetryStorm>}
 */
export async function runRetryStorm(client, subject, { before, during, after }) {
  const total = before + during + after;
  const server = new Child('processes/queue-server.js');
  const drivers = Array.from({ length: driverCount }, () => new Child('processes/client-driver.js'));
  try {
    /** @type {number[]} */
    const ports = await server.call('listen', { replicas, workers, ms: serviceMs, queueLimit });
    const origins = ports.map((port) => `http://127.0.0.1:${port}`);
    await Promise.all(drivers.map((driver) => driver.call('prepare', { client, origins, subject })));
    await Promise.all(drivers.map((driver) => driver.call('closed', { calls: 200, concurrency: 5 })));
    const startAt = now() + 200;
    await server.call('startCounting', { at: startAt });
    const calling = Promise.all(
      drivers.map((driver, i) =>
        driver.call('open', {
          rate: offered / driverCount,
          seconds: total + extraSeconds,
          limitMs: goodMs + 500,
          startAt: startAt + (i * 1_000) / offered,
        }),
      ),
    );
    calling.catch(() => undefined);
    await sleep(startAt + before * 1_000 - now());
    await server.call('setServiceTime', { ms: slowdown * serviceMs });
    await sleep(startAt + (before + during) * 1_000 - now());
    await server.call('setServiceTime', { ms: serviceMs });

    const good = new Array(total).fill(0);
    const prompt = new Array(total).fill(0);
    /** @type {Record<string, number>} */
    const codes = {};
    for (const { due, ms, failure } of await calling)
      for (let i = 0; i < due.length; i++) {
        const second = Math.floor((due[i] - startAt) / 1_000);
        if (second >= total) break;
        const code = failure[i] || (ms[i] > goodMs ? 'too late' : '');
        if (code !== '') codes[code] = (codes[code] ?? 0) + 1;
        else good[second]++;
        if (code === '' && ms[i] <= promptMs) prompt[second]++;
      }
    const { sent: arrived, wasted } = await server.call('count');
    const sent = Array.from({ length: total }, (_, i) => arrived[i] ?? 0);
    const goodputBefore = mean(good.slice(0, before));
    const recovery = (/** @type {number[]} */ counts) => {
      const healed = counts.slice(before + during);
      const threshold = 0.99 * goodputBefore;
      const second = healed.findIndex((count, i) => count >= threshold && mean(healed.slice(i)) >= threshold);
      return second === -1 ? Infinity : second * 1_000;
    };
    return {
      good,
      prompt,
      sent,
      goodput: {
        before: goodputBefore,
        during: mean(good.slice(before, before + during)),
        after: mean(good.slice(-5)),
      },
      recoveryMs: recovery(good),
      promptMs: recovery(prompt),
      ratio: mean(sent) / offered,
      wasted,
      codes,
      healedAt: during * 1_000,
      fromMs: -before * 1_000,
      toMs: (during + after) * 1_000,
    };
  } finally {
    await Promise.all([server, ...drivers].map((child) => child.end()));
  }
}

/** @param {readonly number[]} counts */
const mean = (counts) => counts.reduce((sum, count) => sum + count, 0) / counts.length;
