import { expect, test } from 'vitest';
import { runReplayCampaign } from './replay-campaign.js';

// 100,000 attempts and more; `run-campaign.ts` makes as many as wanted.
const size = { verifications: 98_000, requests: 8_000, proofs: 2_000, connections: 1_800, live: 480 };

test(
  'of 100,000 recorded tickets, proofs and TLS records that are sent again, none is accepted',
  { timeout: 170_000 },
  async () => {
    const counts = await runReplayCampaign(size, 20_310);
    expect(counts.accepted).toEqual([]);
    expect(counts.attempts).toBeGreaterThanOrEqual(100_000);
    expect(counts.kinds.size).toBeGreaterThan(80);
  },
);
