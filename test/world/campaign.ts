/**
 * Runs simulations from the command line.
 *
 *   npx tsx test/world/campaign.ts --seeds 100000 --from 1     many, with a line per 1,000
 *   npx tsx test/world/campaign.ts --seed 1234 --trace         one, with its trace
 *
 * With `--brief`: short simulations, ten in the time of a full one. With `--steady`: simulations with calls at a steady rate.
 */
import { parseArgs } from 'node:util';
import { allCoverageMarks, Coverage } from './coverage.js';
import { describeViolations, runSimulation, type SimulationOptions } from './simulation.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    trace: { type: 'boolean', default: false },
    brief: { type: 'boolean', default: false },
    steady: { type: 'boolean', default: false },
  },
});

const form = values.steady ? 'steady' : values.brief ? 'brief' : 'full';
const options: SimulationOptions = { form };
let current = 0;
process.on('unhandledRejection', (error) => {
  console.error(`Seed ${current}: an unhandled rejection: ${error instanceof Error ? error.stack : error}`);
  console.error(`npx tsx test/world/campaign.ts --seed ${current} --trace`);
  process.exit(1);
});

async function runOne(seed: number): Promise<void> {
  current = seed;
  const result = await runSimulation(seed, { ...options, trace: values.trace });
  for (const line of result.lines) console.log(line);
  console.log(
    `seed ${seed}: ${result.events} events, trace ${result.hash}, ${result.violations.length} violations`,
  );
  if (result.violations.length > 0) console.error(describeViolations(result));
  process.exitCode = result.violations.length > 0 ? 1 : 0;
}

async function runMany(from: number, count: number): Promise<void> {
  const coverage = new Coverage();
  const seedsByViolation = new Map<string, number[]>();
  let failed = 0;
  let events = 0;
  const startedAt = performance.now();
  for (let i = 0; i < count; i++) {
    current = from + i;
    const result = await runSimulation(current, options);
    coverage.add(result.coverage);
    events += result.events;
    if (result.violations.length > 0) {
      failed++;
      if (failed <= 20) console.error(describeViolations(result));
      for (const kind of new Set(result.violations.map(kindOf))) {
        seedsByViolation.set(kind, [...(seedsByViolation.get(kind) ?? []), current]);
      }
    }
    if (current % 100 === 0 && (await runSimulation(current, options)).hash !== result.hash) {
      failed++;
      console.error(`Seed ${current} has different traces in two runs`);
    }
    if ((i + 1) % 1_000 === 0 || i + 1 === count) {
      const seconds = (performance.now() - startedAt) / 1_000;
      console.log(
        `${i + 1} simulations, ${failed} with violations, ${events} events, ${seconds.toFixed(0)} s`,
      );
    }
  }
  for (const [kind, seeds] of seedsByViolation)
    console.log(`${kind}: ${seeds.length} seeds, first ${seeds.slice(0, 5).join(' ')}`);
  for (const mark of allCoverageMarks)
    console.log(`${String(coverage.counts.get(mark) ?? 0).padStart(9)} ${mark}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** A violation without the ids and numbers of its seed. */
function kindOf(violation: string): string {
  return violation
    .split('\n', 1)[0]!
    .replaceAll(/\b(?:[cw]-?[a-z0-9]*-[0-9]+|c[0-9]+|[0-9a-f-]{36})\b/g, '…')
    .replaceAll(/(?<!^C[0-9.]*)[0-9]+(?:\.[0-9]+)?/g, '#')
    .slice(0, 160);
}

if (values.seed !== undefined) await runOne(Number(values.seed));
else await runMany(Number(values.from), Number(values.seeds));
