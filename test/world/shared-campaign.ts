/**
 * Runs servers over one engine from the command line, with faults and checks of every promise.
 *
 *   npx tsx test/world/shared-campaign.ts --minutes 5 --from 1000     as many seeds as there is time
 *   npx tsx test/world/shared-campaign.ts --seed 1234                 one seed
 *
 * With `--seconds`: virtual time of a seed. Default 300.
 */
import { parseArgs } from 'node:util';
import { runSharedWorld } from './shared/run-shared-world.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    seconds: { type: 'string', default: '300' },
  },
});

const durationMs = Number(values.seconds) * 1_000;
const totals = new Map<string, number>();

/** Returns whether the seed keeps every guarantee. */
async function run(seed: number): Promise<boolean> {
  const { violations, counts } = await runSharedWorld({ seed, durationMs });
  for (const [what, count] of Object.entries(counts)) totals.set(what, (totals.get(what) ?? 0) + count);
  for (const violation of violations) console.error(`Seed ${seed}: ${violation}`);
  if (violations.length > 0)
    console.error(`npx tsx test/world/shared-campaign.ts --seed ${seed} --seconds ${values.seconds}`);
  return violations.length === 0;
}

async function runMany(from: number, endsAt: number): Promise<void> {
  let failed = 0;
  let seed = from;
  for (; seed === from || performance.now() < endsAt; seed++) if (!(await run(seed))) failed++;
  console.log(`${seed - from} seeds from ${from}, ${failed} with violations`);
  for (const [what, count] of [...totals].sort()) console.log(`${String(count).padStart(9)} ${what}`);
  process.exitCode = failed > 0 ? 1 : 0;
}

if (values.seed === undefined)
  await runMany(Number(values.from), performance.now() + Number(values.minutes) * 60_000);
else {
  const isKept = await run(Number(values.seed));
  console.log(`seed ${values.seed}: ${isKept ? 'no violations' : 'violations'}`);
  process.exitCode = isKept ? 0 : 1;
}
