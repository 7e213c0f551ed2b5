import type { LookupContext, ResolvedService, Resolver } from '../core/resolution-result.js';
import { withTimeout, type Clock } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { ResolutionStep, Registry, Resolution } from '../core/registry.js';
import { withDeadline } from '../core/with-deadline.js';
import { limits } from '../protocol/limits.js';
import { parseResolution, invalidResolutionError, type ParsedResolution } from './parse-resolution.js';
import { pathTtlMs } from './resolution-ttl.js';

export interface ValidatingResolverOptions {
  readonly clock: Clock;
  /** Time limit of a lookup with all links that it follows, and of each of its requests. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Validates each response and follows links. A lookup rejects if the registry fails, times out or sends an invalid
 * response, and never resolves to an empty list instead. Concurrent lookups that reach the same name share one
 * request. If the shared result has expired on arrival, a lookup that began after the request sends its own request.
 * @see [C1.1](../../docs/guarantees.md#c1-1)
 */
export function validatingResolver(registry: Registry, options: ValidatingResolverOptions): Resolver {
  const { clock } = options;
  const pendingLookups = new Map<string, PendingLookup>();
  const lookupOnce = (name: string, context: LookupContext): PendingLookup => {
    let lookup = pendingLookups.get(name);
    if (lookup === undefined) {
      const requestedAt = clock.now();
      const requestedWallAt = clock.wallNow();
      const result = queryRegistry(registry, name, context, options)
        .then((resolution) => parseResolution(resolution, name))
        .finally(() => pendingLookups.delete(name));
      lookup = { requestedAt, requestedWallAt, result };
      pendingLookups.set(name, lookup);
    }
    return lookup;
  };
  const hasExpired = ({ requestedAt, requestedWallAt }: PendingLookup, ttlMs: number): boolean =>
    clock.now() - requestedAt >= ttlMs || clock.wallNow() - requestedWallAt >= ttlMs;

  const followLinks = async (
    name: string,
    context: LookupContext,
    progress: LookupProgress,
  ): Promise<ResolvedService> => {
    const startedAt = clock.now();
    let requestedAt = startedAt;
    let requestedWallAt = clock.wallNow();
    const path: ResolutionStep[] = [];
    let canonical = name;
    let minTtlMs = Infinity;
    let guaranteedMs = Infinity;
    for (let hops = 0; hops <= limits.maxLinks; hops++) {
      progress.currentName = canonical;
      let lookup = lookupOnce(canonical, context);
      let result = await lookup.result;
      if (lookup.requestedAt < startedAt && hasExpired(lookup, result.ttlMs) && !progress.isAbandoned) {
        lookup = lookupOnce(canonical, context);
        result = await lookup.result;
      }
      requestedAt = Math.min(requestedAt, lookup.requestedAt);
      requestedWallAt = Math.min(requestedWallAt, lookup.requestedWallAt);
      minTtlMs = Math.min(minTtlMs, result.ttlMs);
      guaranteedMs = Math.min(guaranteedMs, result.guaranteedMs ?? 0);
      path.push(...result.path);
      if (result.kind !== 'link') {
        const ttlMs = pathTtlMs(minTtlMs, path);
        const { isStale = false, namesBelow, ...known } = result;
        return Object.freeze({
          ...known,
          // A name below the target of a link need not exist below the link, so `namesBelow` is left out.
          ...(namesBelow !== undefined && hops === 0 && { namesBelow }),
          kind: result.kind,
          name,
          ttlMs,
          guaranteedMs,
          path: Object.freeze(path),
          requestedAt,
          requestedWallAt,
          stale: isStale,
        });
      }
      canonical = result.canonical;
      if (path.some((step) => step.name === canonical))
        throw invalidResolutionError(
          name,
          `links must not form a loop; got ${[...path.map((step) => step.name), canonical].join(' → ')}`,
        );
      if (progress.isAbandoned) break;
    }
    throw invalidResolutionError(
      name,
      `the name must lead to a service within ${String(limits.maxLinks)} links`,
    );
  };
  return {
    resolve(name, context) {
      const progress: LookupProgress = { currentName: name, isAbandoned: false };
      return withTimeout(clock, options.timeoutMs, followLinks(name, context, progress), () => {
        progress.isAbandoned = true;
        const { currentName } = progress;
        return lookupTimeoutError(
          currentName === name ? name : `${currentName} (linked from ${name})`,
          options.timeoutMs,
        );
      });
    },
  };
}

interface LookupProgress {
  currentName: string;
  isAbandoned: boolean;
}

interface PendingLookup {
  readonly requestedAt: number;
  readonly requestedWallAt: number;
  readonly result: Promise<ParsedResolution>;
}

async function queryRegistry(
  registry: Registry,
  name: string,
  { suspects, position }: LookupContext,
  options: ValidatingResolverOptions,
): Promise<Resolution> {
  try {
    return await withDeadline(
      {
        clock: options.clock,
        limitMs: options.timeoutMs,
        onTimeout: () => lookupTimeoutError(name, options.timeoutMs),
        parents: [
          {
            signal: options.signal,
            error: () => new ClerkError('CLERK_CLOSED', `The clerk was closed during the lookup of ${name}`),
          },
        ],
      },
      async (signal) => {
        // Call the registry only after `pendingLookups` contains this lookup: a registry of the program may itself look
        // up the same name.
        await Promise.resolve();
        return registry.resolve(name, {
          signal,
          suspects,
          clock: options.clock,
          ...(position !== undefined && { position }),
        });
      },
    );
  } catch (error) {
    if (isClerkError(error)) throw error;
    throw new ClerkError(
      'REGISTRY_UNREACHABLE',
      `The registry lookup of ${name} failed: ${errorMessage(error)}`,
      { cause: error },
    );
  }
}

function lookupTimeoutError(name: string, timeoutMs: number): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The registry did not respond to the lookup of ${name} within ${String(timeoutMs)} ms`,
  );
}
