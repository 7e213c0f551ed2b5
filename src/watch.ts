/**
 * Changes of names as an async iterator. Registries give whole snapshots; the differences are found here. A registry
 * that cannot push is asked again and again instead, and a round of questions that hangs is given up for the next.
 */
import type { Endpoint } from './core/endpoint.js';
import { sleep, within } from './core/clock.js';
import { ClerkError, isClerkError, reasonOf } from './core/errors.js';
import type { Snapshot } from './core/registry.js';
import { defaults } from './config.js';
import { checkResolution } from './resolve/resolution.js';
import type { Shared } from './shared.js';

/** A name has come, or is not what it was. */
export interface PutChange {
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
export interface DeleteChange {
  /** What kind of change it is. */
  readonly type: 'delete';
  /** The name. */
  readonly name: string;
}

/** One change of one name. */
export type Change = PutChange | DeleteChange;

/** How often a registry that cannot push is asked, in ms. */
const pollMs = 2_000;
/** A reader that waits for the next change. */
type Waiter = { resolve(result: IteratorResult<Change>): void; reject(error: unknown): void };

/** Follows a glob until the loop is left, the signal aborts or the clerk is closed. */
export function changes(
  shared: Shared,
  glob: string,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<Change> {
  // One entry a name: a reader that is late misses steps between, never where a name has come to.
  const queue = new Map<string, Change>();
  const known = new Map<string, Known>();
  const waiters: Waiter[] = [];
  let failure: unknown;
  let done = false;

  const onSnapshot = (snapshot: Snapshot): void => {
    if (done) return;
    try {
      for (const change of difference(known, snapshot)) {
        queue.delete(change.name);
        queue.set(change.name, change);
      }
    } catch (error) {
      shared.logger.warn(reasonOf(error));
    }
    flush();
  };
  const flush = (): void => {
    while (waiters.length > 0) {
      const next = queue.entries().next();
      if (next.done === true) {
        if (!done) return;
        const waiter = waiters.shift() as Waiter;
        if (failure !== undefined) waiter.reject(failure);
        else waiter.resolve({ done: true, value: undefined });
        failure = undefined;
        continue;
      }
      queue.delete(next.value[0]);
      (waiters.shift() as Waiter).resolve({ done: false, value: next.value[1] });
    }
  };
  const stop = (error?: unknown): void => {
    if (done) return;
    done = true;
    failure = error;
    unwatch?.();
    signal?.removeEventListener('abort', onAbort);
    shared.signal.removeEventListener('abort', onClosed);
    flush();
  };
  const onAbort = (): void =>
    stop(
      new ClerkError('ABORTED', `The watch of ${glob} was aborted by its caller`, { cause: signal?.reason }),
    );
  const onClosed = (): void => stop();
  let unwatch: (() => void) | undefined;
  const { registry } = shared;
  if (signal?.aborted === true) {
    onAbort();
  } else {
    signal?.addEventListener('abort', onAbort);
    shared.signal.addEventListener('abort', onClosed);
    if (registry.watch) {
      unwatch = registry.watch(glob, onSnapshot, (error) =>
        shared.logger.warn(`The watch of ${glob} broke off: ${reasonOf(error)}`),
      );
    } else {
      poll(shared, glob, () => done, onSnapshot).catch((error: unknown) =>
        stop(
          isClerkError(error)
            ? error
            : new ClerkError('REGISTRY_UNREACHABLE', reasonOf(error), { cause: error }),
        ),
      );
    }
  }
  return {
    next: () =>
      new Promise((resolve, reject) => {
        waiters.push({ resolve, reject });
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
interface Known {
  readonly resolution: unknown;
  readonly print: string;
}

function isFrozen(resolution: unknown): boolean {
  return Object.isFrozen(resolution) && Object.isFrozen((resolution as { endpoints?: unknown }).endpoints);
}

/** What is new in a snapshot, and takes it over. */
function difference(known: Map<string, Known>, snapshot: Snapshot): Change[] {
  const entries: Iterable<[string, unknown]> = snapshot instanceof Map ? snapshot : Object.entries(snapshot);
  const found: Change[] = [];
  const seen = new Set<string>();
  for (const [name, resolution] of entries) {
    // What cannot have changed need not be read again.
    if (known.get(name)?.resolution === resolution && isFrozen(resolution)) {
      seen.add(name);
      continue;
    }
    const checked = checkResolution(resolution, name);
    if (checked.kind === 'absent') continue;
    seen.add(name);
    const print = JSON.stringify([
      checked.kind,
      checked.canonical,
      checked.endpoints,
      checked.policy,
      checked.timeoutMs,
    ]);
    const isNew = known.get(name)?.print !== print;
    known.set(name, { resolution, print });
    if (!isNew) continue;
    found.push({
      type: 'put',
      name,
      endpoints: checked.endpoints,
      revision: checked.revision,
      target: checked.kind === 'link' ? checked.canonical : undefined,
    });
  }
  for (const name of [...known.keys()]) {
    if (seen.has(name)) continue;
    known.delete(name);
    found.push({ type: 'delete', name });
  }
  return found;
}

async function poll(
  shared: Shared,
  glob: string,
  isDone: () => boolean,
  onSnapshot: (snapshot: Snapshot) => void,
): Promise<void> {
  const { registry, clock } = shared;
  const suspects = new Set<string>();
  const wild = glob.includes('*');
  if (wild && registry.list === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      `This registry can neither watch nor list, so ${glob} cannot be followed; give the port a watch or a list method`,
    );
  while (!isDone()) {
    try {
      const snapshot = await bounded(shared, async (signal) => {
        const found = wild ? await registry.list?.(glob, { signal }) : undefined;
        const names = wild ? (found ?? []).map(({ name }) => name) : [glob];
        const answers = names.map(
          async (name) => [name, await registry.resolve(name, { signal, suspects, clock })] as const,
        );
        return new Map(await Promise.all(answers));
      });
      onSnapshot(snapshot);
    } catch (error) {
      shared.logger.warn(`The registry could not be asked for ${glob}: ${reasonOf(error)}`);
    }
    await sleep(clock, pollMs, false);
  }
}

/** One round of questions: given up when it takes too long, and when the clerk is closed. */
async function bounded<T>(shared: Shared, round: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { clock, signal } = shared;
  const controller = new AbortController();
  const stop = (): void => controller.abort(signal.reason);
  signal.addEventListener('abort', stop);
  try {
    return await within(clock, defaults.lookupTimeoutMs, round(controller.signal), () => {
      const error = new ClerkError(
        'REGISTRY_UNREACHABLE',
        `it did not answer within ${String(defaults.lookupTimeoutMs)} ms`,
      );
      controller.abort(error);
      return error;
    });
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
