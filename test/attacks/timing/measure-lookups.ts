/**
 * Measures whether a client can tell a hidden name from an absent one by time. Sends lookups of both in random order over
 * one connection, and prints Welch's t of their durations. Exits with 1 if |t| is 4.5 or more, the limit of TVLA.
 *
 *   npx tsx test/attacks/timing/measure-lookups.ts [--samples 20000] [--seed 1]
 */
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { seededRandom } from 'binding-clerk/testing';
import { startAttackedFleet } from '../attacked-fleet.js';

const { values } = parseArgs({
  options: { samples: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } },
});
const maxT = 4.5;

interface Sample {
  readonly mean: number;
  readonly variance: number;
  readonly count: number;
}

/** Durations above the 99th percentile of all are left out: pauses of the machine say nothing about names. */
function describe(durations: readonly number[], limit: number): Sample {
  const kept = durations.filter((each) => each <= limit);
  const mean = kept.reduce((sum, each) => sum + each, 0) / kept.length;
  const variance = kept.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (kept.length - 1);
  return { mean, variance, count: kept.length };
}

const fleet = await startAttackedFleet();
const random = seededRandom(Number(values.seed));
const names = ['/pay/hidden', '/pay/absent'] as const;
const durations: [number[], number[]] = [[], []];
const bodies = new Set<string>();
await fleet.operator.post('/v1/define', { name: names[0] });
for (let i = -1_000; i < Number(values.samples); i++) {
  const which = random() < 0.5 ? 0 : 1;
  const startedAt = performance.now();
  const { status, text } = await fleet.rogue.get(`/v1/resolve?name=${names[which]}`);
  const ms = performance.now() - startedAt;
  bodies.add(`${String(status)} ${text.replace('hidden', 'absent')}`);
  // The first requests warm the server up.
  if (i >= 0) durations[which].push(ms);
}
await fleet.close();

const all = durations.flat().toSorted((a, b) => a - b);
const limit = all[Math.floor(all.length * 0.99)] ?? Infinity;
const [hidden, absent] = durations.map((each) => describe(each, limit)) as [Sample, Sample];
const t =
  (hidden.mean - absent.mean) / Math.sqrt(hidden.variance / hidden.count + absent.variance / absent.count);
console.log(
  `hidden: ${hidden.mean.toFixed(4)} ms, absent: ${absent.mean.toFixed(4)} ms, t = ${t.toFixed(2)}`,
);
console.log(`different responses: ${String(bodies.size)}`);
process.exitCode = Math.abs(t) < maxT && bodies.size === 1 ? 0 : 1;
