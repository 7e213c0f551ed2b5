import { expect, onTestFinished } from 'vitest';
import { openIdentity } from 'binding-clerk/identity';
import { httpConnection } from '../../src/registry-client/http-connection.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { undici } from '../../src/transport/load-undici.js';
import { PinnedRegistryDialer } from '../../src/transport/pinned-registry-dialer.js';

/**
 * Returns a function that sends a change as the operator.
 * @param file - identity file of the operator
 */
export async function operatorConnection(
  url: string,
  file: string,
): Promise<(path: string, body: object) => Promise<any>> {
  const identity = await openIdentity(file);
  const connection = httpConnection(url, {
    clock: systemClock,
    tls: {},
    undici,
    dialer: new PinnedRegistryDialer({
      pins: () => identity.registryKeys,
      credentials: identity,
      keys: systemKeys,
      clock: systemClock,
      onStatement: ({ keys }) => identity.learnRegistryKeys(keys),
    }),
  });
  onTestFinished(() => connection.close());
  return async (path, body) => {
    const { status, body: result } = await connection.request(
      { path, body, headersTimeoutMs: 30_000 },
      new AbortController().signal,
    );
    expect(status, JSON.stringify(result)).toBe(200);
    return result;
  };
}
