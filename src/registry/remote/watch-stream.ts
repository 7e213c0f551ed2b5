/**
 * One stream of a watch, from its opening to its end: what it is over is kept in step with what is wanted, and its
 * events become pictures. It ends at the first sign that something may have been missed.
 *
 * @see promises C1.7
 */
import type { Clock, Timer } from '../../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../../core/errors.js';
import type { WatchEvent, WatchRequest } from '../../protocol/messages.js';
import { limits } from '../../protocol/limits.js';
import { paths } from '../../protocol/paths.js';
import type { RegistryConnection, StreamEvent } from '../../registry-client/connection.js';
import { expectBody, parseWatchEntry, expectObject } from './parse-replies.js';
import type { WatchPosition, WatchState } from './watch-state.js';

/** What a stream needs. */
export interface WatchStreamOptions {
  readonly connection: RegistryConnection;
  readonly clock: Clock;
  readonly state: WatchState;
  /** Where the stream before this one had come to. */
  readonly resumeFrom: WatchPosition | undefined;
  /** Everything that is watched was told. */
  readonly onCurrent: () => void;
  /** The last call: without an error it was stopped. */
  readonly onEnd: (error: ClerkError | undefined, position: WatchPosition | undefined) => void;
}

/** Beats that may be missed before a silent stream is taken for dead. @see promises C1.7 */
const missedHeartbeats = 2.5;
/** Bytes of globs in one message; the rest of what a body may have is its frame. */
const maxGlobBytes = limits.maxBodyBytes - 4_096;

/** See the file's header. */
export class WatchStream {
  readonly #options: WatchStreamOptions;
  /** What the server knows to be watched, and for which watch of it. */
  readonly #subscribed = new Map<string, object | undefined>();
  /** Those of them that were not told completely yet. */
  readonly #syncing = new Set<string>();
  readonly #controller = new AbortController();
  #stopStream: () => void = () => undefined;
  #position: WatchPosition | undefined;
  #watchId = '';
  #idleTimeoutMs = missedHeartbeats * limits.heartbeatMs;
  #lastActivityAt: number;
  #idleTimer: Timer | undefined;
  #isEditing = false;
  #ended = false;

  constructor(options: WatchStreamOptions) {
    this.#options = options;
    this.#position = options.resumeFrom;
    this.#lastActivityAt = options.clock.now();
  }

  open(): void {
    const { state, connection } = this.#options;
    const all = [...state.globs];
    const current = this.#position === undefined ? [] : all.filter((text) => state.isCurrent(text));
    // Only what is complete can go on from somewhere; the rest is added as soon as the stream is open.
    const first = firstChunk(current.length > 0 ? current : all);
    for (const text of first) this.#subscribe(text);
    const { incarnation, revision } = this.#position ?? { incarnation: '', revision: '' };
    const body: WatchRequest = {
      globs: first,
      ...(current.length > 0 && { since: { incarnation, revision } }),
    };
    this.#stopStream = connection.stream(
      { path: paths.watch, body },
      {
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

  /** What is watched has changed. */
  updateGlobs(): void {
    if (this.#watchId !== '' && !this.#isEditing && !this.#ended) void this.#sendEdits();
  }

  /** It is not wanted any more. */
  stop(): void {
    this.#end(undefined);
  }

  #onEvent({ type, id, data }: StreamEvent): void {
    if (this.#ended) return;
    const { connection, state } = this.#options;
    const event = { ...expectObject(data, connection), type } as WatchEvent;
    if (event.type === 'open') {
      this.#onOpen(event);
      this.#setPosition(id);
      return;
    }
    // Only what is told anew may begin further back.
    if (event.type === 'resync') this.#position = undefined;
    this.#setPosition(id);
    switch (event.type) {
      case 'put':
        state.put(event.name, parseWatchEntry(event.entry, connection));
        return;
      case 'delete':
        state.delete(event.name);
        return;
      case 'resync':
        this.#resync();
        return;
      case 'current':
        this.#onCurrent((expectObject(event, connection, 'globs') as { globs: string[] }).globs);
        return;
      case 'heartbeat':
        return;
      default:
      // A later server may have more to say.
    }
  }

  #onOpen({ watch, resumed, heartbeatMs }: WatchEvent & { readonly type: 'open' }): void {
    this.#watchId = watch;
    if (heartbeatMs > 0 && heartbeatMs <= 600_000) this.#idleTimeoutMs = missedHeartbeats * heartbeatMs;
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
    // What was ended and begun again meanwhile is told again.
    const current = texts.filter(
      (text) => this.#subscribed.has(text) && this.#subscribed.get(text) === state.identityOf(text),
    );
    state.markCurrent(current, this.#position ?? { incarnation: '', revision: '' });
    this.updateGlobs();
    this.#notifyIfCurrent();
  }

  /** @throws a `ClerkError` `REGISTRY_INVALID` when the server has gone back, which ends the stream */
  #setPosition(id: string): void {
    const match = /^([^:]*):([0-9]{1,64})$/.exec(id);
    if (match === null) return;
    const [, incarnation, revision] = match as unknown as [string, string, string];
    const last = this.#position;
    if (
      last !== undefined &&
      (last.incarnation !== incarnation || BigInt(revision) < BigInt(last.revision || '0'))
    )
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The watch at ${this.#options.connection.url} went back from ${last.incarnation}:${last.revision} to ${id}`,
      );
    this.#position = { incarnation, revision };
    this.#options.state.setPosition(this.#position);
  }

  #notifyIfCurrent(): void {
    const { state, onCurrent } = this.#options;
    for (const text of state.globs) if (!state.isCurrent(text)) return;
    onCurrent();
  }

  /** Tells the server what is wanted beyond what it knows of, and what is not wanted any more. */
  async #sendEdits(): Promise<void> {
    const { state, connection } = this.#options;
    this.#isEditing = true;
    try {
      for (;;) {
        // What is still being told would be taken for what is told after it was added again.
        const remove = firstChunk(
          [...this.#subscribed]
            .filter(([text, watch]) => state.identityOf(text) !== watch && !this.#syncing.has(text))
            .map(([text]) => text),
        );
        const add =
          remove.length > 0 ? [] : firstChunk([...state.globs].filter((text) => !this.#subscribed.has(text)));
        if (add.length + remove.length === 0) return;
        for (const text of remove) this.#subscribed.delete(text);
        for (const text of add) this.#subscribe(text);
        // Told from nothing: what is there of them comes whole.
        state.resync(add);
        const body = {
          watch: this.#watchId,
          ...(add.length > 0 && { add }),
          ...(remove.length > 0 && { remove }),
        };
        const reply = await connection.request({ path: paths.watchEdit, body }, this.#controller.signal);
        expectBody(reply, connection, paths.watchEdit);
      }
    } catch (error) {
      this.#end(error);
    } finally {
      this.#isEditing = false;
    }
  }

  /** Sees to it that the stream does not go silent unnoticed. */
  #startIdleTimer(): void {
    const { clock, connection } = this.#options;
    const leftMs = (): number => this.#lastActivityAt + this.#idleTimeoutMs - clock.now();
    this.#idleTimer = clock.setTimer(
      () => {
        // What has arrived while this process was busy counts as heard.
        clock.afterPendingIo(() => {
          if (this.#ended) return;
          if (leftMs() > 0) this.#startIdleTimer();
          else
            this.#end(
              new ClerkError(
                'REGISTRY_UNREACHABLE',
                `The watch at ${connection.url} was silent for ${String(this.#idleTimeoutMs)} ms`,
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

/** As many globs as fit into one message, and one at least. */
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
