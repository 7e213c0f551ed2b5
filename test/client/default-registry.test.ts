import { expect, test, vi } from 'vitest';
import { toClerkConfig } from '../../src/client/config.js';

const registryKey = `sha256/${'A'.repeat(43)}`;
const [open, secured] = ['http://127.0.0.1:4711', 'https://127.0.0.1:4711'];

test.each([
  [{}, {}, open],
  [{ identity: 'a.identity' }, {}, secured],
  [{ registryKey }, {}, secured],
  [{}, { CLERK_IDENTITY: 'a.identity' }, secured],
  [{}, { CLERK_REGISTRY_KEY: registryKey }, secured],
  [{}, { CLERK_IDENTITY: '', CLERK_REGISTRY_KEY: '' }, open],
  [{ identity: 'a.identity' }, { CLERK_REGISTRY: 'https://10.0.0.5:4711' }, 'https://10.0.0.5:4711'],
])('the default registry with %j and %j is %s', (options, env, url) => {
  for (const [key, value] of Object.entries(env)) vi.stubEnv(key, value);
  try {
    expect(toClerkConfig(options).registry).toEqual([url]);
  } finally {
    vi.unstubAllEnvs();
  }
});
