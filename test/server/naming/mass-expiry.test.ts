import { expect, test } from 'vitest';
import type { ExportLine } from '../../../src/protocol/naming-messages.js';
import { localCaller, nameServerHarness, registration } from './name-server-harness.js';

test('pending changes of many names apply in several commands, soon after their guarantees have ended', async () => {
  const { names, runtime } = await nameServerHarness();
  const lines = Array.from({ length: 1_200 }, (_, i) => ({
    kind: 'service',
    name: `/d/s${i}`,
    guaranteedMs: 3_000,
  }));
  const imported = names.importLines(lines as unknown as ExportLine[]);
  await runtime.advance(1);
  await imported;
  names.resolve('/d/s1');
  const removed = names.remove({ name: '/d', recursive: true, whenExpired: true });
  await runtime.advance(1);
  await removed;
  await runtime.advance(3_000);
  expect(names.status().services).toBe(1_200);
  await runtime.advance(260);
  expect(names.status().services).toBe(0);
});

test('many endpoints whose leases end at once are removed in several commands', async () => {
  const { names, runtime } = await nameServerHarness({ maxRegistrations: 2_000 });
  for (let i = 0; i < 1_200; i++)
    await names.register(registration('/d', `i${i}`, { leaseMs: 1_000 }), localCaller);
  expect(names.status().endpoints).toBe(1_200);
  // Many leases that end at once are removed over one more lease.
  await runtime.advance(3_000);
  expect(names.status().endpoints).toBe(0);
});
