/**
 * cockatiel as its documents offer it, over undici Pools chosen in turn: a time limit that cancels, one breaker for each
 * server, and a retry around both that goes to the next server, at once where a breaker was open. Tries, waits and limits
 * as the other peers have them.
 */
import {
  BrokenCircuitError,
  ConsecutiveBreaker,
  DelegateBackoff,
  TimeoutStrategy,
  circuitBreaker,
  handleAll,
  retry,
  timeout,
  wrap,
} from 'cockatiel';

/**
 * @param {typeof import('undici')} undici
 * @param {readonly string[]} origins
 * @param {number} connections
 */
export function cockatiel({ Pool }, origins, connections) {
  const servers = origins.map((origin) => ({
    pool: new Pool(origin, { connections }),
    policy: wrap(
      circuitBreaker(handleAll, { halfOpenAfter: 2_000, breaker: new ConsecutiveBreaker(3) }),
      timeout(1_000, TimeoutStrategy.Cooperative),
    ),
  }));
  const again = retry(handleAll, {
    maxAttempts: 3,
    backoff: new DelegateBackoff(({ attempt, result }) =>
      'error' in result && result.error instanceof BrokenCircuitError ? 0 : 10 * 2 ** (attempt - 1),
    ),
  });
  let turn = 0;
  /**
   * @template T
   * @param {import('undici').Dispatcher.RequestOptions} options
   * @param {(reply: import('undici').Dispatcher.ResponseData) => Promise<T>} read
   * @returns {Promise<T>}
   */
  const request = (options, read) =>
    again.execute(() => {
      const { pool, policy } = servers[turn++ % servers.length];
      return policy.execute(async ({ signal }) => read(await pool.request({ ...options, signal })));
    });
  return { request, close: () => Promise.all(servers.map(({ pool }) => pool.close())) };
}
