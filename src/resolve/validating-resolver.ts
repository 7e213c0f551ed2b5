/**
 * Asks a registry and believes nothing unseen: the answer's form is checked, links are walked, and the time it may be
 * used is the shortest of all arcs. A registry that is late, fails or talks nonsense is an error, never an empty list; it
 * is late when the whole look-up is.
 *
 * Look-ups that come to the same name share a question, and the answer is as old as that question. What was asked before
 * a look-up began, and has run out when it arrives, is asked again for it. @see promises C1.1
 */
import type { ResolvedService, Resolver } from '../core/resolution-result.js';
import { withTimeout, type Clock } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { ResolutionStep, Registry, Resolution } from '../core/registry.js';
import { parseResolution, invalidResolutionError, type ParsedResolution } from './parse-resolution.js';

const maxLinks = 16;

/** What asking needs. */
export interface ValidatingResolverOptions {
  readonly clock: Clock;
  /** How long a look-up may take, over all links, and so each of its questions, in ms. */
  readonly timeoutMs: number;
  /** Aborted when the clerk is closed. */
  readonly signal: AbortSignal;
}

/** A resolver over a registry of any kind. */
export function validatingResolver(registry: Registry, options: ValidatingResolverOptions): Resolver {
  const { clock } = options;
  const pendingLookups = new Map<string, PendingLookup>();
  /** One question a name at a time, whoever asks and whichever link led there. */
  const lookupOnce = (name: string, suspects: ReadonlySet<string>): PendingLookup => {
    let lookup = pendingLookups.get(name);
    if (lookup === undefined) {
      const requestedAt = clock.now();
      const requestedWallAt = clock.wallNow();
      const checked = queryRegistry(registry, name, suspects, options)
        .then((resolution) => parseOrReject(resolution, name))
        .finally(() => pendingLookups.delete(name));
      lookup = { requestedAt, requestedWallAt, result: checked };
      pendingLookups.set(name, lookup);
    }
    return lookup;
  };
  const hasExpired = ({ requestedAt, requestedWallAt }: PendingLookup, ttlMs: number): boolean =>
    clock.now() - requestedAt >= ttlMs || clock.wallNow() - requestedWallAt >= ttlMs;

  /** Follows links to the end, for as long as anybody waits. */
  const followLinks = async (
    name: string,
    suspects: ReadonlySet<string>,
    progress: LookupProgress,
  ): Promise<ResolvedService> => {
    const startedAt = clock.now();
    // Of a question that was under way already, the answer is as old as that question.
    let requestedAt = startedAt;
    let requestedWallAt = clock.wallNow();
    const steps: ResolutionStep[] = [];
    let canonical = name;
    let minTtlMs = Infinity;
    for (let hops = 0; hops <= maxLinks; hops++) {
      progress.currentName = canonical;
      let lookup = lookupOnce(canonical, suspects);
      let result = await lookup.result;
      // It was sent before anybody asked here, and what it brought has run out: that was an answer for others.
      if (lookup.requestedAt < startedAt && hasExpired(lookup, result.ttlMs) && !progress.isAbandoned) {
        lookup = lookupOnce(canonical, suspects);
        result = await lookup.result;
      }
      requestedAt = Math.min(requestedAt, lookup.requestedAt);
      requestedWallAt = Math.min(requestedWallAt, lookup.requestedWallAt);
      minTtlMs = Math.min(minTtlMs, result.ttlMs);
      steps.push(...result.path);
      if (result.kind !== 'link') {
        // An arc that is not promised at all is a hint, and lasts as long as the answer says.
        const guaranteed = steps.map((arc) => arc.guaranteedMs).filter((ms) => ms > 0);
        const ttlMs = Math.min(minTtlMs, ...guaranteed);
        return Object.freeze({
          ...result,
          kind: result.kind,
          name,
          ttlMs,
          steps: Object.freeze(steps),
          requestedAt,
          requestedWallAt,
          stale: false,
        });
      }
      canonical = result.canonical;
      if (steps.some((arc) => arc.name === canonical))
        throw invalidResolutionError(
          name,
          `links in a circle: ${[...steps.map((arc) => arc.name), canonical].join(' → ')}`,
        );
      if (progress.isAbandoned) break;
    }
    throw invalidResolutionError(name, `follows more than ${String(maxLinks)} links`);
  };
  return {
    resolve(name, { suspects }) {
      const path: LookupProgress = { currentName: name, isAbandoned: false };
      return withTimeout(clock, options.timeoutMs, followLinks(name, suspects, path), () => {
        path.isAbandoned = true;
        return lookupTimeoutError(
          path.currentName === name ? name : `${path.currentName}, to which ${name} leads,`,
          options.timeoutMs,
        );
      });
    },
  };
}

/** How far a look-up has come. */
interface LookupProgress {
  /** The name that is asked for now. */
  currentName: string;
  /** Nobody waits for it any more. */
  isAbandoned: boolean;
}

/** A question that is under way, and when it was sent. */
interface PendingLookup {
  readonly requestedAt: number;
  readonly requestedWallAt: number;
  readonly result: Promise<ParsedResolution>;
}

/** Whatever goes wrong in reading an answer is the fault of whoever gave it. */
function parseOrReject(resolution: unknown, name: string): ParsedResolution {
  try {
    return parseResolution(resolution, name);
  } catch (error) {
    throw isClerkError(error)
      ? error
      : invalidResolutionError(name, `cannot be read: ${errorMessage(error)}`, error);
  }
}

/** Asks once, within the time that a question may take. */
async function queryRegistry(
  registry: Registry,
  name: string,
  suspects: ReadonlySet<string>,
  options: ValidatingResolverOptions,
): Promise<Resolution> {
  const controller = new AbortController();
  const closed = new Promise<never>((_resolve, reject) => {
    controller.signal.addEventListener('abort', () => reject(controller.signal.reason as Error));
  });
  closed.catch(() => undefined);
  const stop = (): void =>
    controller.abort(new ClerkError('CLERK_CLOSED', `The clerk was closed while ${name} was looked up`));
  if (options.signal.aborted) stop();
  else options.signal.addEventListener('abort', stop);
  try {
    const response = Promise.resolve().then(() =>
      registry.resolve(name, { signal: controller.signal, suspects, clock: options.clock }),
    );
    return await withTimeout(options.clock, options.timeoutMs, Promise.race([response, closed]), () => {
      const error = lookupTimeoutError(name, options.timeoutMs);
      controller.abort(error);
      return error;
    });
  } catch (error) {
    if (isClerkError(error)) throw error;
    throw new ClerkError(
      'REGISTRY_UNREACHABLE',
      `The registry failed to answer for ${name}: ${errorMessage(error)}`,
      { cause: error },
    );
  } finally {
    options.signal.removeEventListener('abort', stop);
  }
}

function lookupTimeoutError(name: string, timeoutMs: number): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The registry did not answer for ${name} within ${String(timeoutMs)} ms`,
  );
}
