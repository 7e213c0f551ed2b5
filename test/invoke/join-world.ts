/** A service of healthy servers in memory whose response times the tests choose by path, and a record of what the clerk does. */
import type { Binding, BindOptions, ClerkErrorCode, Outcome } from 'binding-clerk';
import { memoryCluster, type MemoryWorld, type ServerReply } from 'binding-clerk/testing';
import { onTestFinished } from 'vitest';

/** Decides the response of one server to one request. Probes are always answered at once. */
export type Reply = (request: {
  readonly id: string;
  readonly path: string;
  readonly count: number;
}) => ServerReply;

export interface JoinWorld extends MemoryWorld {
  readonly binding: Binding;
  readonly ids: readonly string[];
  /** Outcomes of all attempts, in the order in which they ended. */
  readonly outcomes: Outcome[];
  /** Ids of ejected endpoints. */
  readonly ejected: string[];
  /** Endpoints of all requests that servers have received, in order. */
  readonly received: string[];
  /** Number of attempts in flight at all endpoints. */
  pending(): number;
  /** Result, endpoint or error code, and duration of one call. */
  get(path?: string, options?: Parameters<Binding['json']>[1]): Promise<CallResult>;
}

export interface CallResult {
  readonly endpoint?: string;
  readonly code: 'ok' | ClerkErrorCode;
  readonly ms: number;
}

/**
 * @param reply - of all servers; `count` is the number of requests received so far, including this one
 * @param bind - the policy is `round-robin` if none is given, so that the first call goes to endpoint `a`
 */
export function joinWorld(
  count: number,
  reply: Reply,
  bind: BindOptions = {},
  { seed = 1, autoAdvance = true }: { seed?: number; autoAdvance?: boolean } = {},
): JoinWorld {
  const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].slice(0, count);
  const world = memoryCluster({ '/s': ids }, { seed, autoAdvance });
  onTestFinished(() => world.clerk.destroy());
  const { clerk, cluster, runtime } = world;
  const received: string[] = [];
  for (const id of ids)
    cluster.respond(id, ({ path, isProbe }) => {
      if (isProbe) return {};
      received.push(id);
      return reply({ id, path, count: received.length });
    });
  const outcomes: Outcome[] = [];
  const ejected: string[] = [];
  clerk.on('attempt', ({ outcome }) => outcomes.push(outcome));
  clerk.on('ejected', ({ endpoint }) => ejected.push(endpoint));
  const binding = clerk.bind('/s', { policy: 'primary', ...bind });
  return {
    ...world,
    binding,
    ids,
    outcomes,
    ejected,
    received,
    pending: () => binding.explain().candidates.reduce((sum, { pending }) => sum + pending, 0),
    async get(path = '/', options = {}) {
      const startedAt = runtime.now();
      return binding.json<{ endpoint: string }>(path, options).then(
        ({ endpoint }) => ({ endpoint, code: 'ok', ms: runtime.now() - startedAt }),
        (error: unknown) => ({
          code: (error as { code: ClerkErrorCode }).code,
          ms: runtime.now() - startedAt,
        }),
      );
    },
  };
}
