/** 100 concurrent callers of a service without a running instance. */
import { spawn } from 'node:child_process';
import { Child } from '../lib/child-process.js';
import { now, sleep } from '../lib/clock.js';
import { startBundledServer } from '../lib/registry-servers.js';
import { sendJson } from '../lib/registry-requests.js';
import { createStartableProgram } from '../lib/startable-program.js';
import { median, spread } from '../lib/statistics.js';

export const id = 'start-on-demand';
export const title = 'start on demand, 100 callers';

const name = '/bench/startable';
const calls = 100;
const clerks = 4;

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const program = createStartableProgram(context, name);
  const { manifests, events } = program;
  const registry = await startBundledServer(context, { durable: true, options: { manifests } });
  // Warm from the second trial on: the start of the callers' own process is not measured.
  const callers = new Child('processes/concurrent-callers.js');
  const trials = [];
  const standaloneStarts = [];
  try {
    await sendJson(registry.pool, '/v1/define', program.definition);
    const rounds = context.quick ? 5 : 15;
    for (let round = -1; round < rounds; round++) {
      const standalone = await startStandalone(program, registry.origin);
      program.forget();
      try {
        await callers.call('prepare', { origin: registry.origin, clerks, subject: context.subject });
        const { startAt, ms, pids } = await callers.call('call', { name, calls });
        const [starts, advertisements] = ['listens', 'advertised'].map((expected) =>
          events().filter(({ event }) => event === expected),
        );
        await callers.call('close');
        if (round < 0) continue;
        standaloneStarts.push(standalone);
        trials.push({
          starts: starts.length,
          responders: new Set(pids).size,
          firstMs: Math.min(...ms),
          lastMs: Math.max(...ms),
          listensMs: starts[0].at - startAt,
          advertisedMs: advertisements[0].at - startAt,
          overMs: Math.min(...ms) - standalone.advertised,
          overListeningMs: Math.min(...ms) - standalone.listens,
          lastOverMs: Math.max(...ms) - standalone.advertised,
        });
      } finally {
        await sendJson(registry.pool, '/v1/stop', { name });
        program.forget();
      }
    }
  } finally {
    await sendJson(registry.pool, '/v1/stop', { name }).catch(() => undefined);
    await Promise.all([callers.end(), registry.end()]);
    program.remove();
  }
  const maxStarts = Math.max(...trials.map(({ starts, responders }) => Math.max(starts, responders)));
  const ms = (/** @type {number} */ value) => `${value.toFixed(0)} ms`;
  const medianOf = (/** @type {keyof typeof trials[number]} */ key) =>
    median(trials.map((trial) => trial[key]));
  const overStartMs = medianOf('overMs');
  const standalone = `standalone, the program listens after ${ms(median(standaloneStarts.map(({ listens }) => listens)))} and is advertised after ${ms(median(standaloneStarts.map(({ advertised }) => advertised)))}`;
  const first = `${ms(medianOf('firstMs'))} in all`;
  return {
    verdicts: [
      {
        what: `starts, maximum of ${trials.length} trials`,
        goal: '1',
        ours: String(maxStarts),
        peers: '',
        ratio: '',
        reached: maxStarts === 1,
      },
      {
        what: 'first response, over the standalone start-up',
        goal: '≤ 50 ms',
        ours: `${ms(overStartMs)} (${first})`,
        peers: standalone,
        ratio: '',
        reached: overStartMs <= 50,
      },
      {
        what: 'first response, over the time until the service listens',
        goal: '',
        ours: `${ms(medianOf('overListeningMs'))} (${first})`,
        peers: standalone,
        ratio: '',
        reached: undefined,
      },
      {
        what: `all ${calls} responses, over the standalone start-up`,
        goal: '',
        ours: `${ms(medianOf('lastOverMs'))} (${ms(medianOf('lastMs'))} in all)`,
        peers: standalone,
        ratio: '',
        reached: undefined,
      },
    ],
    details: {
      standaloneStarts: {
        listens: spread(standaloneStarts.map(({ listens }) => listens)),
        advertised: spread(standaloneStarts.map(({ advertised }) => advertised)),
      },
      ...Object.fromEntries(
        Object.keys(trials[0]).map((key) => [key, spread(trials.map((trial) => trial[key]))]),
      ),
    },
    notes: [
      `start-on-demand: ${calls} calls at once by ${clerks} new clerks of one warm process. The standalone start-up is the time from spawning the same program directly until it is advertised at the same registry; it alternates with the trials. In a launched trial the program listened ${ms(medianOf('listensMs'))} after the call and was advertised after ${ms(medianOf('advertisedMs'))}.`,
    ],
  };
}

/**
 * Time from spawning the program directly until it listens, and until it is advertised, in ms.
 *
 * @param {ReturnType<typeof createStartableProgram>} program
 * @param {string} registry - URL
 */
async function startStandalone({ exec, args, events }, registry) {
  const spawnedAt = now();
  const child = spawn(exec, [...args, '/bench/standalone', registry], {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  try {
    for (;;) {
      await sleep(5);
      const [listens, advertised] = events();
      if (advertised !== undefined)
        return { listens: listens.at - spawnedAt, advertised: advertised.at - spawnedAt };
      if (child.exitCode !== null || now() - spawnedAt > 10_000)
        throw new Error('The program must be advertised within 10 s; it is not');
    }
  } finally {
    end();
    await exited;
    process.off('exit', end);
  }
}
