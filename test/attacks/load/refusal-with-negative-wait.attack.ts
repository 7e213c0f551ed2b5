import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { httpConnection } from '../../../src/registry-client/http-connection.js';
import { serverRegistry } from '../../../src/registry/remote/server-registry.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { advertise } from '../../../src/service/index.js';
import { undici } from '../../../src/transport/load-undici.js';
import { respondJson, startHostileRegistry } from './hostile-registry.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

/** @returns requests for registrations and for watches, per second */
async function refuse(remainingMs: number, forMs: number): Promise<readonly [number, number]> {
  const registry = await startHostileRegistry((_path, _body, response) =>
    respondJson(response, 429, { error: { code: 'LIMIT_EXCEEDED', message: 'Too many', remainingMs } }),
  );
  const end = new AbortController();
  const advertised = advertise({
    ...{ name: '/shop/orders', address: 'http://127.0.0.1:3001', registry: registry.url },
    ...{ drainOnSignal: false, logger: silentLogger, signal: end.signal },
  }).catch(() => undefined);
  const remote = serverRegistry({
    ...{ urls: [registry.url], clock: systemClock, retry: retryLoop },
    connect: (url) => httpConnection(url, { clock: systemClock, tls: {}, undici }),
  });
  const stop = remote.watch('/shop/**', () => undefined);
  await new Promise((resolve) => setTimeout(resolve, forMs));
  const perSecond = (path: string): number => (registry.requests.get(path) ?? 0) / (forMs / 1_000);
  const rates = [perSecond('/v1/register'), perSecond('/v1/watch')] as const;
  stop();
  end.abort();
  await advertised;
  await remote.close();
  await registry.close();
  return rates;
}

export const attack: LoadAttack = {
  name: 'refusal-with-negative-wait',
  what: 'a registry that refuses everything with a wait below 0, or of 0.001 ms, is asked at most ten times a second',
  sizes: { small: 1_500, full: 10_000 },
  limits: { registrationsPerSecond: 10, watchesPerSecond: 10 },
  async run(size) {
    const rates = await Promise.all([refuse(-1_000_000, size), refuse(0.001, size), refuse(-50, size)]);
    return {
      registrationsPerSecond: Math.max(...rates.map(([registrations]) => registrations)),
      watchesPerSecond: Math.max(...rates.map(([, watches]) => watches)),
    };
  },
};
