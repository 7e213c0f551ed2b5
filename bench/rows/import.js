/** Time and memory that loading the library adds to a process, beside undici alone. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { now } from '../lib/clock.js';
import { seededRandom, shuffled, spread } from '../lib/statistics.js';
import { packageFolder, subjectUrl } from '../lib/subject.js';

export const id = 'import';
export const title = 'import, over bare Node';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const library = JSON.stringify(subjectUrl(context.subject));
  const registry = `{ registry: { '/shop/orders': ['http://127.0.0.1:9'] } }`;
  const programs = {
    bare: '',
    undici: `await import('undici');`,
    clerk: `await import(${library});`,
    'clerk, bound': `const { createClerk } = await import(${library}); createClerk(${registry}).bind('/shop/orders');`,
  };
  const keys = Object.keys(programs);
  const random = seededRandom(context.seed);
  /** @type {Record<string, Record<'ms' | 'cpuMs' | 'megabytes', number[]>>} */
  const samples = Object.fromEntries(keys.map((key) => [key, { ms: [], cpuMs: [], megabytes: [] }]));
  const rounds = context.quick ? 9 : 21;
  for (let round = -1; round < rounds; round++) {
    for (const key of shuffled(keys, random)) {
      const { ms, cpuMs, megabytes } = await runProgram(programs[key]);
      if (round < 0) continue;
      samples[key].ms.push(ms);
      samples[key].cpuMs.push(cpuMs);
      samples[key].megabytes.push(megabytes);
    }
  }
  /** Difference of two programs, one value per round. */
  const difference = (key, base, measure) =>
    spread(samples[key][measure].map((value, i) => value - samples[base][measure][i]));
  const formatOverBare = (key, measure, unit) =>
    `+ ${difference(key, 'bare', measure).median.toFixed(1)} ${unit}`;
  const line = (what, key, measure, unit, limit) => {
    const extra = difference(key, 'undici', measure);
    return {
      what,
      goal: limit === undefined ? '' : `≤ undici alone + ${limit} ${unit}`,
      ours: formatOverBare(key, measure, unit),
      peers: `undici alone ${formatOverBare('undici', measure, unit)}`,
      ratio: `${extra.median >= 0 ? '+' : '−'} ${Math.abs(extra.median).toFixed(1)} ${unit} (p25–p75 ${extra.p25.toFixed(1)}–${extra.p75.toFixed(1)})`,
      reached: limit === undefined ? undefined : extra.median <= limit,
    };
  };
  return {
    verdicts: [
      line('import: time', 'clerk', 'ms', 'ms', 10),
      line('import: CPU time', 'clerk', 'cpuMs', 'ms', undefined),
      line('import: memory', 'clerk', 'megabytes', 'MB', 3),
      line('import, createClerk, bind: time', 'clerk, bound', 'ms', 'ms', undefined),
      line('import, createClerk, bind: CPU time', 'clerk, bound', 'cpuMs', 'ms', undefined),
      line('import, createClerk, bind: memory', 'clerk, bound', 'megabytes', 'MB', undefined),
    ],
    details: Object.fromEntries(
      keys.map((key) => [
        key,
        {
          ms: spread(samples[key].ms),
          cpuMs: spread(samples[key].cpuMs),
          megabytes: spread(samples[key].megabytes),
        },
      ]),
    ),
    notes: [
      'import: a process from start to exit. The ratio column is the difference between ours and undici alone. Modules that load with the first clerk count in the lines with createClerk.',
    ],
  };
}

/** Runs a program in a process of its own, which prints its memory and CPU time at its end. */
async function runProgram(program) {
  const usage = 'JSON.stringify([process.memoryUsage.rss(), process.cpuUsage()])';
  const source = `${program} process.stdout.write(${usage}, () => process.exit());`;
  const startedAt = now();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=module', '--eval', source],
    {
      cwd: packageFolder,
      timeout: 10_000,
      killSignal: 'SIGKILL',
    },
  );
  const ms = now() - startedAt;
  const [rss, { user, system }] = JSON.parse(stdout);
  return { ms, cpuMs: (user + system) / 1_000, megabytes: rss / 1e6 };
}
