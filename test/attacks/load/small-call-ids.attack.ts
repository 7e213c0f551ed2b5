import { hashParts } from '../../../src/runtime/hashing.js';
import { memoryCalls } from '../../../src/service/index.js';
import { wrapHandler } from '../../../src/service/at-most-once/wrap-handler.js';
import { createFakeRuntime } from '../../../src/testing/fake-runtime.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'small-call-ids',
  what: 'a stranger with more keys than a store holds takes no room of others, and of its own address for a minute only',
  sizes: { small: 2_000, full: 100_050 },
  limits: { refusedHonest: 0, refusedLater: 0, doubleRuns: 0 },
  async run(size) {
    const runtime = createFakeRuntime({ seed: 1 });
    let runs = 0;
    const handle = wrapHandler(
      () => {
        runs++;
        return new Response('done');
      },
      { store: memoryCalls({ maxCalls: Math.floor(size / 1.0005) }), logger: silentLogger },
      {
        ...{ clock: runtime, digest: hashParts, logger: silentLogger, incarnation: 'i' },
        createStore: () => memoryCalls(),
        principalOf: (request) => (request as Request).headers.get('x-from') ?? undefined,
      },
    ) as (request: Request) => Promise<Response>;
    const call = (from: string, number: number, createdAt = runtime.wallNow()): Promise<Response> => {
      const key = `${String(createdAt)}-${number.toString(16).padStart(32, '0')}`;
      return handle(
        new Request('http://x/', { method: 'POST', headers: { 'clerk-call-id': key, 'x-from': from } }),
      );
    };
    const firstAt = runtime.wallNow();
    for (let i = 0; i < size; i++) await call('stranger', i);
    const honest = await call('honest', size);
    await runtime.advance(61_001);
    const later = await call('stranger', size + 1);
    const runsBefore = runs;
    for (let i = 0; i < 100; i++) await call('stranger', i, firstAt);
    return {
      refusedHonest: Number(honest.status !== 200),
      refusedLater: Number(later.status !== 200),
      doubleRuns: runs - runsBefore,
    };
  },
};
