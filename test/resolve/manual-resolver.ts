/** Lookup results, and a resolver that the test completes by hand. */
import type { ResolvedService, Resolver } from '../../src/core/resolution-result.js';
import type { Clock } from '../../src/core/clock.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import { flushPromises } from '../support/manual-clock.js';

/** The result of a lookup sent now. */
export function resolvedService(
  clock: Clock,
  overrides: Partial<ResolvedService> & { readonly ids?: readonly string[] } = {},
): ResolvedService {
  const { ids = ['a'], ...rest } = overrides;
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

/** A lookup in flight. */
export interface PendingLookup {
  readonly name: string;
  readonly suspects: readonly string[];
  readonly requestedAt: number;
  /** Resolves the lookup, as of when it was sent. */
  respond(overrides?: Parameters<typeof resolvedService>[1]): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** A resolver whose lookups the test completes by hand. */
export class ManualResolver implements Resolver {
  readonly lookups: PendingLookup[] = [];

  constructor(readonly clock: Clock) {}

  resolve(name: string, { suspects }: { readonly suspects: ReadonlySet<string> }): Promise<ResolvedService> {
    const [requestedAt, requestedWallAt] = [this.clock.now(), this.clock.wallNow()];
    return new Promise((resolve, reject) => {
      this.lookups.push({
        name,
        suspects: [...suspects],
        requestedAt,
        respond: async (overrides) => {
          resolve(resolvedService(this.clock, { name, requestedAt, requestedWallAt, ...overrides }));
          await flushPromises();
        },
        fail: async (error) => {
          reject(error);
          await flushPromises();
        },
      });
    });
  }

  /** The latest lookup. */
  get last(): PendingLookup {
    const last = this.lookups.at(-1);
    if (last === undefined) throw new Error('No lookup was sent');
    return last;
  }
}

/** The value or error of a promise, or `pending`. */
export async function stateOf<T>(promise: Promise<T>): Promise<T | Error | 'pending'> {
  return Promise.race([
    promise.catch((error: unknown) => error as Error),
    flushPromises().then(() => 'pending' as const),
  ]);
}
