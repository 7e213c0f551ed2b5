/** P17: 100 callers want a service that nobody runs. */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Child } from '../lib/children.js';
import { now, sleep } from '../lib/clock.js';
import { newFolder } from '../lib/folders.js';
import { startOurs } from '../lib/registries.js';
import { say } from '../lib/requests.js';
import { median, spread } from '../lib/stats.js';
import { internalUrl } from '../lib/subject.js';

export const id = 'P17';
export const title = 'start on demand, 100 callers';

const name = '/bench/startable';
const calls = 100;
const clerks = 4;
const program = fileURLToPath(new URL('../lib/startable.js', import.meta.url));

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const { path: folder, remove } = newFolder();
  const file = join(folder, 'starts');
  const manifests = join(folder, 'manifests');
  const exec = realpathSync(process.execPath);
  const args = [program, internalUrl('service/index.js', context.subject), file];
  mkdirSync(manifests, { mode: 0o700 });
  // YAML reads JSON.
  writeFileSync(
    join(manifests, 'startable.yaml'),
    JSON.stringify({ version: 1, service: name, exec, args }),
    {
      mode: 0o600,
    },
  );
  const registry = await startOurs(context, { durable: true, options: { manifests } });
  // Warm from the second trial on: what the callers' own start takes is not what is looked at.
  const callers = new Child('./callers.js');
  const trials = [];
  const alone = [];
  /** What was started since it was last asked, as it said itself. */
  const told = () => {
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    return lines.map((line) => /** @type {Told} */ (JSON.parse(line)));
  };
  try {
    await say(registry.pool, '/v1/define', { name, launch: { manifest: 'startable' } });
    const rounds = context.quick ? 5 : 15;
    for (let round = -1; round < rounds; round++) {
      const own = await startAlone(exec, [...args, '/bench/alone', registry.origin], told);
      rmSync(file);
      try {
        await callers.ask('prepare', { origin: registry.origin, clerks, subject: context.subject });
        const { startAt, ms, pids } = await callers.ask('call', { name, calls });
        const [starts, ups] = ['listens', 'advertised'].map((word) =>
          told().filter(({ what }) => what === word),
        );
        await callers.ask('close');
        if (round < 0) continue;
        alone.push(own);
        trials.push({
          starts: starts.length,
          answeredBy: new Set(pids).size,
          firstMs: Math.min(...ms),
          lastMs: Math.max(...ms),
          listensMs: starts[0].at - startAt,
          upMs: ups[0].at - startAt,
          overMs: Math.min(...ms) - own.advertised,
          overListeningMs: Math.min(...ms) - own.listens,
          lastOverMs: Math.max(...ms) - own.advertised,
        });
      } finally {
        await say(registry.pool, '/v1/stop', { name });
        rmSync(file, { force: true });
      }
    }
  } finally {
    await say(registry.pool, '/v1/stop', { name }).catch(() => undefined);
    await Promise.all([callers.end(), registry.end()]);
    remove();
  }
  const most = Math.max(...trials.map(({ starts, answeredBy }) => Math.max(starts, answeredBy)));
  const ms = (/** @type {number} */ value) => `${value.toFixed(0)} ms`;
  const mid = (/** @type {keyof typeof trials[number]} */ key) => median(trials.map((trial) => trial[key]));
  const over = mid('overMs');
  const own = `alone the program listens after ${ms(median(alone.map(({ listens }) => listens)))} and is advertised after ${ms(median(alone.map(({ advertised }) => advertised)))}`;
  const first = `${ms(mid('firstMs'))} in all`;
  return {
    verdicts: [
      {
        what: `starts, most of ${trials.length} trials`,
        goal: '1',
        ours: String(most),
        peers: '',
        ratio: '',
        reached: most === 1,
      },
      {
        what: 'first answer, over the service’s own start-up',
        goal: '≤ 50 ms',
        ours: `${ms(over)} (${first})`,
        peers: own,
        ratio: '',
        reached: over <= 50,
      },
      {
        what: 'first answer, over the time until it listens',
        goal: '',
        ours: `${ms(mid('overListeningMs'))} (${first})`,
        peers: own,
        ratio: '',
        reached: undefined,
      },
      {
        what: `all ${calls} answered, over the service’s own start-up`,
        goal: '',
        ours: `${ms(mid('lastOverMs'))} (${ms(mid('lastMs'))} in all)`,
        peers: own,
        ratio: '',
        reached: undefined,
      },
    ],
    details: {
      alone: {
        listens: spread(alone.map(({ listens }) => listens)),
        advertised: spread(alone.map(({ advertised }) => advertised)),
      },
      ...Object.fromEntries(
        Object.keys(trials[0]).map((key) => [key, spread(trials.map((trial) => trial[key]))]),
      ),
    },
    notes: [
      `P17: ${calls} calls at once by ${clerks} fresh clerks of one warm process. The service’s own start-up is from spawning the same program by hand until it is advertised at the same registry, in turn with the trials. In a launched trial it listened ${ms(mid('listensMs'))} after the call and was advertised after ${ms(mid('upMs'))}.`,
    ],
  };
}

/** @typedef {{ what: 'listens' | 'advertised', pid: number, at: number }} Told */

/** Ms from spawning the program by hand until it listens, and until it is advertised. */
async function startAlone(exec, args, told) {
  const spawnedAt = now();
  const child = spawn(exec, args, {
    cwd: '/',
    env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  try {
    for (;;) {
      await sleep(5);
      try {
        const [listens, advertised] = told();
        if (advertised !== undefined)
          return { listens: listens.at - spawnedAt, advertised: advertised.at - spawnedAt };
      } catch {
        // It has not said anything yet.
      }
      if (child.exitCode !== null || now() - spawnedAt > 10_000)
        throw new Error('The program did not start by itself');
    }
  } finally {
    end();
    await gone;
    process.off('exit', end);
  }
}
