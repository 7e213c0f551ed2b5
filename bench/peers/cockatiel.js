/**
 * cockatiel as it documents resilience, over undici Pools in round robin: a timeout that cancels, one circuit breaker per
 * server, and a retry around both. The retry goes to the next server, at once when a breaker is open. Attempts, backoff
 * and timeout equal those of the other peers.
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
  let ejections = 0;
  const servers = origins.map((origin) => {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: 2_000, breaker: new ConsecutiveBreaker(3) });
    breaker.onBreak(() => ejections++);
    return {
      pool: new Pool(origin, { connections }),
      policy: wrap(breaker, timeout(1_000, TimeoutStrategy.Cooperative)),
    };
  });
  const retryPolicy = retry(handleAll, {
    maxAttempts: 3,
    backoff: new DelegateBackoff(({ attempt, result }) =>
      'error' in result && result.error instanceof BrokenCircuitError ? 0 : 10 * 2 ** (attempt - 1),
    ),
  });
  let next = 0;
  /**
   * @template T
   * @param {import('undici').Dispatcher.RequestOptions} options
   * @param {(response: import('undici').Dispatcher.ResponseData) => Promise<T>} read
   * @returns {Promise<T>}
   */
  const request = (options, read) =>
    retryPolicy.execute(() => {
      const { pool, policy } = servers[next++ % servers.length];
      return policy.execute(async ({ signal }) => read(await pool.request({ ...options, signal })));
    });
  const close = () => Promise.all(servers.map(({ pool }) => pool.close()));
  return { request, close, ejections: () => ejections };
}
