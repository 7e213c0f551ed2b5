/**
 * One storm: three replicas of fixed capacity, some client processes that together offer 80 % of it whatever becomes of
 * their calls, and a while in which every request takes ten times as long. A call is good if it is answered within the
 * clerk's default deadline, and prompt if within a second; it counts in the second in which it was due. The load goes on
 * for a while after the last second that counts, so that its end does not help anybody to recover.
 */
import { Child } from './children.js';
import { now, sleep } from './clock.js';

const replicas = ['a', 'b', 'c'].map((replica) => ({ replica }));
const workers = 4;
const serviceMs = 40;
/** As much as the workers do in 1.5 s: longer than anybody waits for one attempt, as queues tend to be. */
const room = (1_500 * workers) / serviceMs;
const slower = 10;
const goodMs = 10_000;
const promptMs = 1_000;
const clients = 2;
const beyondSeconds = 8;
export const offered = 0.8 * ((replicas.length * workers * 1_000) / serviceMs);

/**
 * @typedef {object} Storm
 * @property {number[]} good - calls that were answered, by the second
 * @property {number[]} prompt
 * @property {number[]} sent - requests that arrived, by the second
 * @property {{ before: number, during: number, after: number }} goodput - a second; `after`: in the last five
 * @property {number} recoveryMs - from healing to the begin of the first second that has 99 % of the goodput before, as all from there on have together; Infinity for never
 * @property {number} promptMs - the same of prompt calls
 * @property {number} ratio - sent to offered, over all seconds
 * @property {number} wasted - answers nobody waited for
 * @property {Record<string, number>} codes - of failed calls
 * @property {number} healedAt - ms after the slow-down
 * @property {number} fromMs
 * @property {number} toMs
 */

/**
 * @param {string} way
 * @param {string | undefined} subject
 * @param {{ before: number, during: number, after: number }} seconds - whole ones
 * @returns {Promise<Storm>}
 */
export async function storm(way, subject, { before, during, after }) {
  const total = before + during + after;
  const server = new Child('./queue-server.js');
  const callers = Array.from({ length: clients }, () => new Child('./client.js'));
  try {
    /** @type {number[]} */
    const ports = await server.ask('listen', { replicas, workers, ms: serviceMs, room });
    const origins = ports.map((port) => `http://127.0.0.1:${port}`);
    await Promise.all(callers.map((caller) => caller.ask('prepare', { way, origins, subject })));
    await Promise.all(callers.map((caller) => caller.ask('closed', { calls: 200, concurrency: 5 })));
    const startAt = now() + 200;
    await server.ask('countFrom', { at: startAt });
    const calling = Promise.all(
      callers.map((caller, i) =>
        caller.ask('open', {
          rate: offered / clients,
          seconds: total + beyondSeconds,
          limitMs: goodMs + 500,
          startAt: startAt + (i * 1_000) / offered,
        }),
      ),
    );
    calling.catch(() => undefined);
    await sleep(startAt + before * 1_000 - now());
    await server.ask('pace', { ms: slower * serviceMs });
    await sleep(startAt + (before + during) * 1_000 - now());
    await server.ask('pace', { ms: serviceMs });

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
    const { sent: arrived, wasted } = await server.ask('count');
    const sent = Array.from({ length: total }, (_, i) => arrived[i] ?? 0);
    const usual = mean(good.slice(0, before));
    const recovery = (/** @type {number[]} */ counts) => {
      const healed = counts.slice(before + during);
      const enough = 0.99 * usual;
      const second = healed.findIndex((count, i) => count >= enough && mean(healed.slice(i)) >= enough);
      return second === -1 ? Infinity : second * 1_000;
    };
    return {
      good,
      prompt,
      sent,
      goodput: {
        before: usual,
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
    await Promise.all([server, ...callers].map((child) => child.end()));
  }
}

/** @param {readonly number[]} counts */
const mean = (counts) => counts.reduce((sum, count) => sum + count, 0) / counts.length;
