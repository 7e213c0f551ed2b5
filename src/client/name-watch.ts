/**
 * Changes of names as an async iterator. Registries give whole snapshots; the differences are found here. A registry
 * that cannot push is asked again and again instead, and a round of questions that hangs is given up for the next.
 */
import type { Endpoint } from '../core/endpoint.js';
import { sleep, withTimeout } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { Snapshot } from '../core/registry.js';
import { defaults } from './config.js';
import { parseResolution } from '../resolve/parse-resolution.js';
import type { ClerkContext } from './clerk-context.js';

/** A name has come, or is not what it was. */
export interface NamePut {
  /** What kind of change it is. */
  readonly type: 'put';
  /** The name. */
  readonly name: string;
  /** All its endpoints as they are now; none for a link. */
  readonly endpoints: readonly Endpoint[];
  /** As the registry wrote it. */
  readonly revision: string;
  /** The other name, if it is a link. */
  readonly target: string | undefined;
}

/** A name is gone. */
export interface NameDelete {
  /** What kind of change it is. */
  readonly type: 'delete';
  /** The name. */
  readonly name: string;
}

/** One change of one name. */
export type NameChange = NamePut | NameDelete;

/** How often a registry that cannot push is asked, in ms. */
const pollIntervalMs = 2_000;
/** A reader that waits for the next change. */
type PendingNext = { resolve(result: IteratorResult<NameChange>): void; reject(error: unknown): void };

/** Follows a glob until the loop is left, the signal aborts or the clerk is closed. */
export function watchNames(
  clerk: ClerkContext,
  glob: string,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<NameChange> {
  // One entry a name: a reader that is late misses steps between, never where a name has come to.
  const queue = new Map<string, NameChange>();
  const knownNames = new Map<string, KnownName>();
  const pendingNexts: PendingNext[] = [];
  let failure: unknown;
  let done = false;

  const onSnapshot = (snapshot: Snapshot): void => {
    if (done) return;
    try {
      for (const change of applySnapshot(knownNames, snapshot)) {
        queue.delete(change.name);
        queue.set(change.name, change);
      }
    } catch (error) {
      clerk.logger.warn(errorMessage(error));
    }
    flush();
  };
  const flush = (): void => {
    while (pendingNexts.length > 0) {
      const next = queue.entries().next();
      if (next.done === true) {
        if (!done) return;
        const waiter = pendingNexts.shift() as PendingNext;
        if (failure !== undefined) waiter.reject(failure);
        else waiter.resolve({ done: true, value: undefined });
        failure = undefined;
        continue;
      }
      queue.delete(next.value[0]);
      (pendingNexts.shift() as PendingNext).resolve({ done: false, value: next.value[1] });
    }
  };
  const stop = (error?: unknown): void => {
    if (done) return;
    done = true;
    failure = error;
    unwatch?.();
    signal?.removeEventListener('abort', onAbort);
    clerk.closeSignal.removeEventListener('abort', onClosed);
    flush();
  };
  const onAbort = (): void =>
    stop(
      new ClerkError('ABORTED', `The watch of ${glob} was aborted by its caller`, { cause: signal?.reason }),
    );
  const onClosed = (): void => stop();
  let unwatch: (() => void) | undefined;
  const { registry } = clerk;
  if (signal?.aborted === true) {
    onAbort();
  } else {
    signal?.addEventListener('abort', onAbort);
    clerk.closeSignal.addEventListener('abort', onClosed);
    if (registry.watch) {
      unwatch = registry.watch(glob, onSnapshot, (error) =>
        clerk.logger.warn(`The watch of ${glob} broke off: ${errorMessage(error)}`),
      );
    } else {
      pollRegistry(clerk, glob, () => done, onSnapshot).catch((error: unknown) =>
        stop(
          isClerkError(error)
            ? error
            : new ClerkError('REGISTRY_UNREACHABLE', errorMessage(error), { cause: error }),
        ),
      );
    }
  }
  return {
    next: () =>
      new Promise((resolve, reject) => {
        pendingNexts.push({ resolve, reject });
        flush();
      }),
    return: () => {
      queue.clear();
      stop();
      return Promise.resolve({ done: true, value: undefined });
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

/** What was last seen of a name. */
interface KnownName {
  readonly resolution: unknown;
  readonly fingerprint: string;
}

function isFrozen(resolution: unknown): boolean {
  return Object.isFrozen(resolution) && Object.isFrozen((resolution as { endpoints?: unknown }).endpoints);
}

/** What is new in a snapshot, and takes it over. */
function applySnapshot(knownNames: Map<string, KnownName>, snapshot: Snapshot): NameChange[] {
  const entries: Iterable<[string, unknown]> = snapshot instanceof Map ? snapshot : Object.entries(snapshot);
  const changes: NameChange[] = [];
  const present = new Set<string>();
  for (const [name, resolution] of entries) {
    // What cannot have changed need not be read again.
    if (knownNames.get(name)?.resolution === resolution && isFrozen(resolution)) {
      present.add(name);
      continue;
    }
    const parsed = parseResolution(resolution, name);
    if (parsed.kind === 'absent') continue;
    present.add(name);
    const fingerprint = JSON.stringify([
      parsed.kind,
      parsed.canonical,
      parsed.endpoints,
      parsed.policy,
      parsed.timeoutMs,
    ]);
    const isNew = knownNames.get(name)?.fingerprint !== fingerprint;
    knownNames.set(name, { resolution, fingerprint });
    if (!isNew) continue;
    changes.push({
      type: 'put',
      name,
      endpoints: parsed.endpoints,
      revision: parsed.revision,
      target: parsed.kind === 'link' ? parsed.canonical : undefined,
    });
  }
  for (const name of [...knownNames.keys()]) {
    if (present.has(name)) continue;
    knownNames.delete(name);
    changes.push({ type: 'delete', name });
  }
  return changes;
}

async function pollRegistry(
  clerk: ClerkContext,
  glob: string,
  isDone: () => boolean,
  onSnapshot: (snapshot: Snapshot) => void,
): Promise<void> {
  const { registry, clock } = clerk;
  const suspects = new Set<string>();
  const isPattern = glob.includes('*');
  if (isPattern && registry.list === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      `This registry can neither watch nor list, so ${glob} cannot be followed; give the port a watch or a list method`,
    );
  while (!isDone()) {
    try {
      const snapshot = await withLookupTimeout(clerk, async (signal) => {
        const found = isPattern ? await registry.list?.(glob, { signal }) : undefined;
        const names = isPattern ? (found ?? []).map(({ name }) => name) : [glob];
        const answers = names.map(
          async (name) => [name, await registry.resolve(name, { signal, suspects, clock })] as const,
        );
        return new Map(await Promise.all(answers));
      });
      onSnapshot(snapshot);
    } catch (error) {
      clerk.logger.warn(`The registry could not be asked for ${glob}: ${errorMessage(error)}`);
    }
    await sleep(clock, pollIntervalMs, false);
  }
}

/** One round of questions: given up when it takes too long, and when the clerk is closed. */
async function withLookupTimeout<T>(
  clerk: ClerkContext,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, closeSignal } = clerk;
  const controller = new AbortController();
  const stop = (): void => controller.abort(closeSignal.reason);
  closeSignal.addEventListener('abort', stop);
  try {
    return await withTimeout(clock, defaults.lookupTimeoutMs, run(controller.signal), () => {
      const error = new ClerkError(
        'REGISTRY_UNREACHABLE',
        `it did not answer within ${String(defaults.lookupTimeoutMs)} ms`,
      );
      controller.abort(error);
      return error;
    });
  } finally {
    closeSignal.removeEventListener('abort', stop);
  }
}
