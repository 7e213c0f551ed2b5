/** Answers, and a resolver that answers when it is told to. */
import type { ResolvedService, Resolver } from '../../src/core/resolution-result.js';
import type { Clock } from '../../src/core/clock.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import { flushPromises } from '../support/manual-clock.js';

/** An answer to a question that is asked now. */
export function resolvedService(
  clock: Clock,
  more: Partial<ResolvedService> & { readonly ids?: readonly string[] } = {},
): ResolvedService {
  const { ids = ['a'], ...rest } = more;
  const name = rest.name ?? '/x';
  return Object.freeze({
    kind: 'bound',
    name,
    canonical: name,
    endpoints: ids.map((id) => toEndpoint({ id, address: `http://${id}:80` }, 'a test')),
    policy: undefined,
    path: [],
    revision: '',
    incarnation: '',
    ttlMs: 5_000,
    requestedAt: clock.now(),
    requestedWallAt: clock.wallNow(),
    stale: false,
    ...rest,
  });
}

/** A question that waits for its answer. */
export interface PendingLookup {
  readonly name: string;
  readonly suspects: readonly string[];
  readonly requestedAt: number;
  /** Answers, as of when it was asked. */
  respond(more?: Parameters<typeof resolvedService>[1]): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** A resolver whose questions are answered by hand. */
export class ManualResolver implements Resolver {
  readonly lookups: PendingLookup[] = [];

  constructor(readonly clock: Clock) {}

  resolve(name: string, { suspects }: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService> {
    const [askedAt, askedWallAt] = [this.clock.now(), this.clock.wallNow()];
    return new Promise((resolve, reject) => {
      this.lookups.push({
        name,
        suspects: [...suspects],
        requestedAt: askedAt,
        respond: async (more) => {
          resolve(
            resolvedService(this.clock, {
              name,
              requestedAt: askedAt,
              requestedWallAt: askedWallAt,
              ...more,
            }),
          );
          await flushPromises();
        },
        fail: async (error) => {
          reject(error);
          await flushPromises();
        },
      });
    });
  }

  /** The newest question. */
  get last(): PendingLookup {
    const last = this.lookups.at(-1);
    if (last === undefined) throw new Error('Nothing was asked');
    return last;
  }
}

/** What became of a promise so far. */
export async function stateOf<T>(promise: Promise<T>): Promise<T | Error | 'pending'> {
  return Promise.race([
    promise.catch((error: unknown) => error as Error),
    flushPromises().then(() => 'pending' as const),
  ]);
}
