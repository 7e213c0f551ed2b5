import { expect, test } from 'vitest';
import type { ResolveResponse } from '../../src/protocol/lookup-messages.js';
import { decodeResolution } from '../../src/protocol/resolution-codec.js';

const response: ResolveResponse = {
  name: '/old',
  canonical: '/x',
  kind: 'service',
  path: [{ name: '/x', kind: 'service', guaranteedMs: 0 }],
  endpoints: [],
  policy: null,
  launchable: false,
  revision: '1',
  incarnation: 'i',
  guaranteedMs: 0,
  ttlMs: 1_000,
};

test('a resolution has only the fields that the response sets', () => {
  const { canonical, path, revision, incarnation, ttlMs } = response;
  expect(decodeResolution(response)).toEqual({
    kind: 'bound',
    endpoints: [],
    ...{ canonical, path, revision, incarnation, ttlMs },
  });
});

test('a resolution has every field of the service config', () => {
  const config = {
    policy: 'random',
    timeoutMs: 500,
    attemptTimeoutMs: { min: 50 },
    retries: { max: 1, budget: { ratio: 0.2 } },
  };
  expect(decodeResolution({ ...response, ...config })).toMatchObject(config);
  expect(decodeResolution({ ...response, retries: false })).toMatchObject({ retries: false });
});
