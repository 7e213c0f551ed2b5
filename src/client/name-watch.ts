import type { Endpoint } from '../core/endpoint.js';
import { sleep } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import { ClerkError, errorMessage, isClerkError } from '../core/errors.js';
import { runWithoutInbound } from '../core/inbound-request.js';
import { parseSnapshot } from '../core/parse-snapshot.js';
import { withDeadline } from '../core/with-deadline.js';
import { defaults } from './config.js';
import { parseResolution } from '../resolve/parse-resolution.js';
import { stopWatch } from '../resolve/stop-watch.js';
import type { ClerkContext } from './clerk-context.js';

/** A change: the name was added, or the registry entry of the name changed. */
export interface NamePut {
  /** Kind of the change. */
  readonly type: 'put';
  /** The name. */
  readonly name: string;
  /** All endpoints of the service; empty if the entry is a link to another name. */
  readonly endpoints: readonly Endpoint[];
  /**
   * Number of endpoints that have registered and do not accept connections yet. `endpoints` omits these endpoints.
   * Absent when the number is 0.
   */
  readonly starting?: number;
  /** Revision of the entry, unchanged from the registry. */
  readonly revision: string;
  /** Name to which the entry links; undefined if the entry is a service. */
  readonly target: string | undefined;
}

/** A change: the name was removed from the registry. */
export interface NameDelete {
  /** Kind of the change. */
  readonly type: 'delete';
  /** The name. */
  readonly name: string;
}

/** One change of one name. {@link Clerk.watch} yields these changes. */
export type NameChange = NamePut | NameDelete;

const pollIntervalMs = 2_000;
type PendingNext = { resolve(result: IteratorResult<NameChange>): void; reject(error: unknown): void };

/**
 * Watches names. The registry sends complete snapshots, and the iterator yields the changes between them. The
 * deadline of an inbound request does not limit the watch. An invalid snapshot is ignored, and only the first of
 * several in a row is logged. The snapshot callback never throws into the registry.
 */
export function watchNames(
  clerk: ClerkContext,
  glob: string,
  signal: AbortSignal | undefined,
): AsyncIterableIterator<NameChange> {
  // A new change of a name replaces an older change of the same name that the caller has not read.
  const queue = new Map<string, NameChange>();
  const knownNames = new Map<string, KnownName>();
  const pendingNexts: PendingNext[] = [];
  let failure: unknown;
  let done = false;
  let hasSnapshot = false;
  let isInvalidLogged = false;

  const onSnapshot = (snapshot: unknown): void => {
    if (done) return;
    hasSnapshot = true;
    try {
      for (const change of applySnapshot(knownNames, snapshot, glob)) {
        queue.delete(change.name);
        queue.set(change.name, change);
      }
      isInvalidLogged = false;
    } catch (error) {
      if (!isInvalidLogged) clerk.logger.warn(`${errorMessage(error)}; the snapshot is ignored`);
      isInvalidLogged = true;
    }
    flush();
  };
  const flush = (): void => {
    while (pendingNexts.length > 0) {
      const next = queue.entries().next();
      if (next.done === true) {
        if (!done) return;
        const pending = pendingNexts.shift() as PendingNext;
        if (failure !== undefined) pending.reject(failure);
        else pending.resolve({ done: true, value: undefined });
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
    stopWatch(unwatch, glob, clerk.logger);
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
      const onError = (error: unknown): void => {
        // A refused watch delivers no snapshot, so a caller without a snapshot would wait forever.
        if (!hasSnapshot && isClerkError(error) && error.code === 'LIMIT_EXCEEDED') stop(error);
        else
          clerk.logger.warn(
            `The watch of ${glob} was interrupted: ${errorMessage(error)}; the watch continues when the registry responds again`,
          );
      };
      try {
        unwatch = runWithoutInbound(() => registry.watch?.(glob, onSnapshot, onError));
      } catch (error) {
        stop(startError(glob, error));
      }
    } else {
      runWithoutInbound(() => pollRegistry(clerk, glob, () => done, onSnapshot)).catch((error: unknown) =>
        stop(startError(glob, error)),
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

function startError(glob: string, error: unknown): ClerkError {
  if (isClerkError(error)) return error;
  const problem = `The registry could not start a watch of ${glob}: ${errorMessage(error)}`;
  return new ClerkError('REGISTRY_UNREACHABLE', problem, { cause: error });
}

interface KnownName {
  readonly resolution: unknown;
  readonly fingerprint: string;
}

function isFrozen(resolution: unknown): boolean {
  return Object.isFrozen(resolution) && Object.isFrozen((resolution as { endpoints?: unknown }).endpoints);
}

/**
 * Returns the changes from `knownNames`, the previous snapshot, to `snapshot`, and updates `knownNames`.
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the snapshot is invalid; `knownNames` is then unchanged
 */
function applySnapshot(
  knownNames: Map<string, KnownName>,
  snapshot: unknown,
  glob: string,
): readonly NameChange[] {
  const changes: NameChange[] = [];
  const present = new Set<string>();
  const changed = new Map<string, KnownName>();
  for (const [name, resolution] of parseSnapshot(snapshot, glob, knownNames)) {
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
      parsed.starting,
      parsed.policy,
      parsed.timeoutMs,
    ]);
    const isNew = knownNames.get(name)?.fingerprint !== fingerprint;
    changed.set(name, { resolution, fingerprint });
    if (!isNew) continue;
    changes.push({
      type: 'put',
      name,
      endpoints: parsed.endpoints,
      ...definedFields({ starting: parsed.starting }),
      revision: parsed.revision,
      target: parsed.kind === 'link' ? parsed.canonical : undefined,
    });
  }
  for (const [name, known] of changed) knownNames.set(name, known);
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
  onSnapshot: (snapshot: unknown) => void,
): Promise<void> {
  const { registry, clock } = clerk;
  const suspects = new Set<string>();
  const isPattern = glob.includes('*');
  if (isPattern && registry.list === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      `clerk.watch('${glob}') requires a registry with a watch or list method; watch a name without '*', or use another registry`,
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
      clerk.logger.warn(
        `The poll of ${glob} failed: ${errorMessage(error)}; the next poll starts in ${String(pollIntervalMs)} ms`,
      );
    }
    await sleep(clock, pollIntervalMs, false);
  }
}

async function withLookupTimeout<T>(
  clerk: ClerkContext,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, closeSignal } = clerk;
  return withDeadline(
    {
      clock,
      limitMs: defaults.lookupTimeoutMs,
      onTimeout: () =>
        new ClerkError(
          'REGISTRY_UNREACHABLE',
          `the registry did not respond within ${String(defaults.lookupTimeoutMs)} ms`,
        ),
      parents: [{ signal: closeSignal, error: () => closeSignal.reason as unknown }],
    },
    run,
  );
}
