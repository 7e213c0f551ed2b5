/**
 * A longer campaign of replays. Prints the attempts by kind, and exits with 1 if one was accepted.
 *
 *   npx tsx test/attacks/replay/run-campaign.ts [--factor 10] [--seed 1]
 */
import { parseArgs } from 'node:util';
import { runReplayCampaign } from './replay-campaign.js';

const { values } = parseArgs({
  options: { factor: { type: 'string', default: '10' }, seed: { type: 'string', default: '1' } },
});
const factor = Number(values.factor);
const scaled = (count: number): number => Math.ceil(count * factor);
const counts = await runReplayCampaign(
  {
    verifications: scaled(98_000),
    requests: scaled(8_000),
    proofs: scaled(2_000),
    connections: scaled(1_800),
    live: scaled(480),
  },
  Number(values.seed),
);
console.log(String(counts));
process.exitCode = counts.accepted.length === 0 ? 0 : 1;
