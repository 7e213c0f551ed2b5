/** The guaranteed time and the time of use of a lookup result. */
import { createClerk } from 'binding-clerk';
import type { Resolution } from 'binding-clerk/extend';
import { createFakeRuntime } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';

const endpoints = ['http://a'];
const path = [{ name: '/s', kind: 'service', guaranteedMs: 9_000 }] as const;

test.each<[string, Record<string, Resolution>, number, number]>([
  ['no time', { '/s': { kind: 'bound', endpoints } }, 0, 5_000],
  ['a time of use only', { '/s': { kind: 'bound', endpoints, ttlMs: 2_000 } }, 0, 2_000],
  ['a guarantee only', { '/s': { kind: 'bound', endpoints, guaranteedMs: 7_000 } }, 7_000, 7_000],
  ['both', { '/s': { kind: 'bound', endpoints, guaranteedMs: 7_000, ttlMs: 2_000 } }, 7_000, 2_000],
  [
    'a longer guarantee of the path',
    { '/s': { kind: 'bound', endpoints, guaranteedMs: 7_000, path } },
    7_000,
    7_000,
  ],
  [
    'a link without a guarantee',
    { '/s': { kind: 'link', target: '/t' }, '/t': { kind: 'bound', endpoints, guaranteedMs: 4_000 } },
    0,
    4_000,
  ],
  [
    'a link with a guarantee',
    {
      '/s': { kind: 'link', target: '/t', guaranteedMs: 3_000 },
      '/t': { kind: 'bound', endpoints, guaranteedMs: 4_000 },
    },
    3_000,
    3_000,
  ],
])('a registry that states %s', async (_name, names, guaranteedMs, usableMs) => {
  const clerk = createClerk({
    runtime: createFakeRuntime({ seed: 1, autoAdvance: true }),
    registry: { resolve: (name) => names[name] ?? { kind: 'absent' } },
  });
  onTestFinished(() => clerk.close());
  expect(await clerk.resolve('/s')).toMatchObject({ guaranteedMs, usableMs });
  expect(clerk.bind('/s').explain()).toMatchObject({ name: '/s' });
});
