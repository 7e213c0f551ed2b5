import type { Clock, Timer } from '../../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../../core/errors.js';
import type { WatchEvent, WatchRequest } from '../../protocol/watch-messages.js';
import { limits } from '../../protocol/limits.js';
import { paths } from '../../protocol/paths.js';
import { parsePosition } from '../../protocol/position.js';
import { clampWaitMs } from '../../core/server-requested-delay.js';
import { decodeError } from '../../protocol/error-codec.js';
import type {
  RegistryConnection,
  RegistryRequest,
  RegistryResponse,
  StreamEvent,
} from '../../registry-client/connection.js';
import { expectBody } from '../../registry-client/json-response.js';
import { expectList, expectObject, parseWatchEntry } from './parse-responses.js';
import { RegistryClock } from './registry-clock.js';
import type { WatchPosition, WatchState } from './watch-state.js';

export interface WatchStreamOptions {
  readonly connection: RegistryConnection;
  readonly clock: Clock;
  readonly state: WatchState;
  readonly resumeFrom: WatchPosition | undefined;
  readonly startTimeoutMs: RegistryRequest['startTimeoutMs'];
  readonly onCurrent: () => void;
  /**
   * Called once, after all other callbacks. `error` is undefined when `stop` ended the stream. `position` is
   * undefined when the next stream must begin with new snapshots.
   */
  readonly onEnd: (error: ClerkError | undefined, position: WatchPosition | undefined) => void;
}

/** A stream without received bytes for this number of heartbeat intervals counts as broken. */
const missedHeartbeats = 2.5;
/** Maximum size of the globs in one request. The rest of the request body needs up to 4,096 bytes. */
const maxGlobBytes = limits.maxBodyBytes - 4_096;

/**
 * One event stream, from open to end. Sends the globs of a `WatchState` to the server, and applies the received
 * events to the `WatchState`. Ends at the first sign of a missed event.
 *
 * @see [C1.7](../../../docs/guarantees.md#c1-7)
 */
export class WatchStream {
  readonly #options: WatchStreamOptions;
  /** The globs that the server watches, each with its `WatchState.identityOf` at the time of the subscription. */
  readonly #subscribed = new Map<string, object | undefined>();
  readonly #syncing = new Set<string>();
  readonly #controller = new AbortController();
  #stopStream: () => void = () => undefined;
  #position: WatchPosition | undefined;
  #watchId = '';
  #idleTimeoutMs = missedHeartbeats * limits.heartbeatMs;
  #lastActivityAt: number;
  #requestedAt: number;
  readonly #registryClock = new RegistryClock();
  #idleTimer: Timer | undefined;
  #isEditing = false;
  #ended = false;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    this.#position = options.resumeFrom;
    this.#lastActivityAt = options.clock.now();
    this.#requestedAt = this.#lastActivityAt;
  }

  open(): void {
    const { state, connection } = this.#options;
    const all = [...state.globs];
    const current = this.#position === undefined ? [] : all.filter((text) => state.isCurrent(text));
    // Only globs with a complete snapshot can resume. The other globs are added once the stream is open.
    const first = firstChunk(current.length > 0 ? current : all);
    for (const text of first) this.#subscribe(text);
    const { incarnation, revision } = this.#position ?? { incarnation: '', revision: '' };
    const body: WatchRequest = {
      globs: first,
      ...(current.length > 0 && { since: { incarnation, revision } }),
    };
    this.#stopStream = connection.stream(
      { path: paths.watch, body, startTimeoutMs: this.#options.startTimeoutMs },
      {
        onRequest: () => {
          this.#requestedAt = this.#options.clock.now();
        },
        // The registry ends this stream when the former key becomes invalid. End the stream now, so that the next
        // stream uses a connection of the new key.
        onKeyChanged: () => this.stop(),
        onActivity: () => {
          this.#lastActivityAt = this.#options.clock.now();
        },
        onEvent: (event) => {
          try {
            this.#onEvent(event);
          } catch (error) {
            this.#end(error);
          }
        },
        onEnd: (error) => this.#end(error),
      },
    );
    this.#startIdleTimer();
  }

  updateGlobs(): void {
    if (this.#watchId !== '' && !this.#isEditing && !this.#ended) void this.#sendEdits();
  }

  stop(): void {
    this.#end(undefined);
  }

  #onEvent({ type, id, data }: StreamEvent): void {
    if (this.#ended) return;
    const { connection, state } = this.#options;
    const fields = expectObject(data, connection);
    const event = { ...fields, type } as WatchEvent;
    if (event.type === 'open') {
      this.#onOpen(event);
      this.#setPosition(id);
      return;
    }
    // The snapshots after a resync may have an earlier position, so this position is not compared with the last one.
    if (event.type === 'resync') this.#position = undefined;
    this.#setPosition(id);
    switch (event.type) {
      case 'put':
        state.put(event.name, parseWatchEntry(event.entry, connection, this.#toLocal(event.statedAt)));
        return;
      case 'delete':
        state.delete(event.name);
        return;
      case 'resync':
        this.#resync();
        return;
      case 'current':
        this.#onCurrent(expectList(fields, 'globs', connection) as readonly string[]);
        return;
      case 'heartbeat':
        return;
      default:
      // Newer servers may send event types that this version does not know.
    }
  }

  #toLocal(statedAt: number): number {
    return this.#registryClock.toLocal(statedAt, this.#options.clock.now());
  }

  #onOpen({ watch, resumed, heartbeatMs, statedAt }: WatchEvent & { readonly type: 'open' }): void {
    this.#watchId = watch;
    if (typeof statedAt === 'number') this.#registryClock.opened(this.#requestedAt, statedAt);
    if (heartbeatMs > 0 && heartbeatMs <= 600_000)
      this.#idleTimeoutMs = missedHeartbeats * clampWaitMs(heartbeatMs, heartbeatMs);
    if (resumed) {
      this.#syncing.clear();
    } else {
      this.#position = undefined;
      this.#resync();
    }
    this.updateGlobs();
    this.#notifyIfCurrent();
  }

  #subscribe(text: string): void {
    this.#subscribed.set(text, this.#options.state.identityOf(text));
    this.#syncing.add(text);
  }

  #resync(): void {
    for (const text of this.#subscribed.keys()) this.#syncing.add(text);
    this.#options.state.resync(this.#subscribed.keys());
  }

  #onCurrent(texts: readonly string[]): void {
    const { state } = this.#options;
    for (const text of texts) this.#syncing.delete(text);
    // A glob that was removed and added again is not current. The server will send another snapshot.
    const current = texts.filter(
      (text) => this.#subscribed.has(text) && this.#subscribed.get(text) === state.identityOf(text),
    );
    state.markCurrent(current, this.#position ?? { incarnation: '', revision: '' });
    this.updateGlobs();
    this.#notifyIfCurrent();
  }

  #setPosition(id: string): void {
    const position = parsePosition(id);
    if (position === undefined) return;
    const { incarnation, revision } = position;
    const last = this.#position;
    if (
      last !== undefined &&
      (last.incarnation !== incarnation || BigInt(revision) < BigInt(last.revision || '0'))
    )
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The events of the watch at ${this.#options.connection.url} must have one incarnation, and revisions that never decrease; got position ${id} after ${last.incarnation}:${last.revision}`,
      );
    this.#position = { incarnation, revision, position: id };
    this.#options.state.setPosition(this.#position);
  }

  #notifyIfCurrent(): void {
    const { state, onCurrent } = this.#options;
    for (const text of state.globs) if (!state.isCurrent(text)) return;
    onCurrent();
  }

  /** Sends added and removed globs until the server has the current set. */
  async #sendEdits(): Promise<void> {
    const { state, connection } = this.#options;
    this.#isEditing = true;
    try {
      for (;;) {
        // Globs with an incomplete snapshot are not removed yet. If such a glob were added again, events of its two
        // snapshots could be confused.
        const remove = firstChunk(
          [...this.#subscribed]
            .filter(([text, watch]) => state.identityOf(text) !== watch && !this.#syncing.has(text))
            .map(([text]) => text),
        );
        const room = Math.max(0, limits.maxGlobs - this.#subscribed.size);
        const added = [...state.globs].filter((text) => !this.#subscribed.has(text));
        const add = remove.length > 0 ? [] : firstChunk(added.slice(0, room));
        if (add.length + remove.length === 0) return;
        for (const text of remove) this.#subscribed.delete(text);
        for (const text of add) this.#subscribe(text);
        state.resync(add);
        const body = {
          watch: this.#watchId,
          ...(add.length > 0 && { add }),
          ...(remove.length > 0 && { remove }),
        };
        const response = await connection.request({ path: paths.watchEdit, body }, this.#controller.signal);
        if (!isRefusedAddition(response, add)) expectBody(response, connection, paths.watchEdit);
        else {
          // The server refuses only these globs. The stream continues with the other globs.
          for (const text of add) {
            this.#subscribed.delete(text);
            this.#syncing.delete(text);
          }
          state.refuse(add);
        }
      }
    } catch (error) {
      this.#end(error);
    } finally {
      this.#isEditing = false;
    }
  }

  #startIdleTimer(): void {
    const { clock, connection } = this.#options;
    const leftMs = (): number => this.#lastActivityAt + this.#idleTimeoutMs - clock.now();
    this.#idleTimer = clock.setTimer(
      () => {
        // Bytes that arrived while this process was busy are read before the timeout is checked.
        clock.afterPendingIo(() => {
          if (this.#ended) return;
          if (leftMs() > 0) this.#startIdleTimer();
          else
            this.#end(
              new ClerkError(
                'REGISTRY_UNREACHABLE',
                `The watch at ${connection.url} received no bytes for ${String(Math.round(this.#idleTimeoutMs))} ms`,
              ),
            );
        });
      },
      Math.max(1, leftMs()),
    );
    this.#idleTimer.setRef(false);
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    const error =
      reason === undefined || isClerkError(reason)
        ? reason
        : new ClerkError('REGISTRY_UNREACHABLE', errorMessage(reason), { cause: reason });
    this.#idleTimer?.cancel();
    this.#stopStream();
    this.#controller.abort(error);
    const isInvalid = error?.code === 'REGISTRY_INVALID';
    this.#options.onEnd(error, isInvalid ? undefined : this.#position);
  }
}

function isRefusedAddition({ status, body }: RegistryResponse, add: readonly string[]): boolean {
  return status !== 200 && add.length > 0 && decodeError(status, body, '').code === 'LIMIT_EXCEEDED';
}

function firstChunk(texts: readonly string[]): readonly string[] {
  let bytes = 0;
  let count = 0;
  for (const text of texts) {
    bytes += text.length + 3;
    if (count > 0 && bytes > maxGlobBytes) break;
    count++;
  }
  return texts.slice(0, count);
}
