import { advertise } from '../../../src/service/index.js';
import { respondJson, startHostileRegistry } from './hostile-registry.js';
import type { LoadAttack } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

export const attack: LoadAttack = {
  name: 'lease-of-one-ms',
  what: 'a registry that grants leases of 1 ms, or forgets each registration, is asked at most ten times a second',
  sizes: { small: 1_500, full: 10_000 },
  limits: { grantsPerSecond: 10, forgottenPerSecond: 10 },
  async run(size) {
    const rate = async (leaseMs: number, result: string): Promise<number> => {
      const registry = await startHostileRegistry((path, body, response) => {
        const common = { revision: '1', incarnation: 'a' };
        if (path === '/v1/register')
          respondJson(response, 200, { epoch: 1, secret: 's', leaseMs, ...common });
        else if (path === '/v1/renew')
          respondJson(response, 200, { results: body.renewals.map(() => result), ...common });
        else respondJson(response, 200, { appliesInMs: 0, ...common });
      });
      const advertisement = await advertise({
        ...{ name: '/shop/orders', address: 'http://127.0.0.1:3001', registry: registry.url },
        ...{ drainOnSignal: false, logger: silentLogger },
      });
      await new Promise((resolve) => setTimeout(resolve, size));
      const requests = [...registry.requests.values()].reduce((sum, count) => sum + count, 0);
      await advertisement.close();
      await registry.close();
      return requests / (size / 1_000);
    };
    const [grantsPerSecond, forgottenPerSecond] = await Promise.all([
      rate(1, 'renewed'),
      rate(1_000, 'lost'),
    ]);
    return { grantsPerSecond, forgottenPerSecond };
  },
};
