/**
 * One stream of a watch, from its opening to its end: what it is over is kept in step with what is wanted, and its
 * events become pictures. It ends at the first sign that something may have been missed.
 *
 * @see promises C1.7
 */
import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import type { WatchEvent, WatchRequest } from '../wire/messages.js';
import { limits } from '../wire/limits.js';
import { paths } from '../wire/paths.js';
import type { Peer, StreamEvent } from '../wire/peer.js';
import { bodyOf, entryOf, shaped } from './reference-answers.js';
import type { Position, WatchedGlobs } from './reference-globs.js';

/** What a stream needs. */
export interface SessionOptions {
  readonly peer: Peer;
  readonly clock: Clock;
  readonly globs: WatchedGlobs;
  /** Where the stream before this one had come to. */
  readonly from: Position | undefined;
  /** Everything that is watched was told. */
  readonly onCurrent: () => void;
  /** The last call: without an error it was stopped. */
  readonly onEnd: (error: ClerkError | undefined, position: Position | undefined) => void;
}

/** Beats that may be missed before a silent stream is taken for dead. @see promises C1.7 */
const beats = 2.5;
/** Bytes of globs in one message; the rest of what a body may have is its frame. */
const mostGlobBytes = limits.bodyBytes - 4_096;

/** See the file's header. */
export class Session {
  readonly #options: SessionOptions;
  /** What the server knows to be watched, and for which watch of it. */
  readonly #told = new Map<string, object | undefined>();
  /** Those of them that were not told completely yet. */
  readonly #awaited = new Set<string>();
  readonly #controller = new AbortController();
  #stop: () => void = () => undefined;
  #position: Position | undefined;
  #watch = '';
  #silenceMs = beats * limits.heartbeatMs;
  #heardAt: number;
  #timer: Timer | undefined;
  #editing = false;
  #over = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#position = options.from;
    this.#heardAt = options.clock.now();
  }

  begin(): void {
    const { globs, peer } = this.#options;
    const all = [...globs.texts];
    const current = this.#position === undefined ? [] : all.filter((text) => globs.isCurrent(text));
    // Only what is complete can go on from somewhere; the rest is added as soon as the stream is open.
    const first = chunkOf(current.length > 0 ? current : all);
    for (const text of first) this.#tell(text);
    const { incarnation, revision } = this.#position ?? { incarnation: '', revision: '' };
    const body: WatchRequest = {
      globs: first,
      ...(current.length > 0 && { since: { incarnation, revision } }),
    };
    this.#stop = peer.follow(
      { path: paths.watch, body },
      {
        onSign: () => {
          this.#heardAt = this.#options.clock.now();
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
    this.#watchOver();
  }

  /** What is watched has changed. */
  adjust(): void {
    if (this.#watch !== '' && !this.#editing && !this.#over) void this.#adjust();
  }

  /** It is not wanted any more. */
  stop(): void {
    this.#end(undefined);
  }

  #onEvent({ type, id, data }: StreamEvent): void {
    if (this.#over) return;
    const { peer, globs } = this.#options;
    const event = { ...shaped(data, peer), type } as WatchEvent;
    if (event.type === 'open') {
      this.#open(event);
      this.#moveTo(id);
      return;
    }
    // Only what is told anew may begin further back.
    if (event.type === 'resync') this.#position = undefined;
    this.#moveTo(id);
    switch (event.type) {
      case 'put':
        globs.put(event.name, entryOf(event.entry, peer));
        return;
      case 'delete':
        globs.delete(event.name);
        return;
      case 'resync':
        this.#beginAnew();
        return;
      case 'current':
        this.#complete((shaped(event, peer, 'globs') as { globs: string[] }).globs);
        return;
      case 'heartbeat':
        return;
      default:
      // A later server may have more to say.
    }
  }

  #open({ watch, resumed, heartbeatMs }: WatchEvent & { readonly type: 'open' }): void {
    this.#watch = watch;
    if (heartbeatMs > 0 && heartbeatMs <= 600_000) this.#silenceMs = beats * heartbeatMs;
    if (resumed) {
      this.#awaited.clear();
    } else {
      this.#position = undefined;
      this.#beginAnew();
    }
    this.adjust();
    this.#checkCurrent();
  }

  #tell(text: string): void {
    this.#told.set(text, this.#options.globs.watchOf(text));
    this.#awaited.add(text);
  }

  #beginAnew(): void {
    for (const text of this.#told.keys()) this.#awaited.add(text);
    this.#options.globs.beginAnew(this.#told.keys());
  }

  #complete(texts: readonly string[]): void {
    const { globs } = this.#options;
    for (const text of texts) this.#awaited.delete(text);
    // What was ended and begun again meanwhile is told again.
    const mine = texts.filter((text) => this.#told.has(text) && this.#told.get(text) === globs.watchOf(text));
    globs.complete(mine, this.#position ?? { incarnation: '', revision: '' });
    this.adjust();
    this.#checkCurrent();
  }

  /** @throws a `ClerkError` `REGISTRY_INVALID` when the server has gone back, which ends the stream */
  #moveTo(id: string): void {
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
        `The watch at ${this.#options.peer.url} went back from ${last.incarnation}:${last.revision} to ${id}`,
      );
    this.#position = { incarnation, revision };
    this.#options.globs.moveTo(this.#position);
  }

  #checkCurrent(): void {
    const { globs, onCurrent } = this.#options;
    for (const text of globs.texts) if (!globs.isCurrent(text)) return;
    onCurrent();
  }

  /** Tells the server what is wanted beyond what it knows of, and what is not wanted any more. */
  async #adjust(): Promise<void> {
    const { globs, peer } = this.#options;
    this.#editing = true;
    try {
      for (;;) {
        // What is still being told would be taken for what is told after it was added again.
        const remove = chunkOf(
          [...this.#told]
            .filter(([text, watch]) => globs.watchOf(text) !== watch && !this.#awaited.has(text))
            .map(([text]) => text),
        );
        const add =
          remove.length > 0 ? [] : chunkOf([...globs.texts].filter((text) => !this.#told.has(text)));
        if (add.length + remove.length === 0) return;
        for (const text of remove) this.#told.delete(text);
        for (const text of add) this.#tell(text);
        // Told from nothing: what is there of them comes whole.
        globs.beginAnew(add);
        const body = {
          watch: this.#watch,
          ...(add.length > 0 && { add }),
          ...(remove.length > 0 && { remove }),
        };
        const reply = await peer.ask({ path: paths.watchEdit, body }, this.#controller.signal);
        bodyOf(reply, peer, paths.watchEdit);
      }
    } catch (error) {
      this.#end(error);
    } finally {
      this.#editing = false;
    }
  }

  /** Sees to it that the stream does not go silent unnoticed. */
  #watchOver(): void {
    const { clock, peer } = this.#options;
    const leftMs = (): number => this.#heardAt + this.#silenceMs - clock.now();
    this.#timer = clock.setTimer(
      () => {
        // What has arrived while this process was busy counts as heard.
        clock.afterArrivals(() => {
          if (this.#over) return;
          if (leftMs() > 0) this.#watchOver();
          else
            this.#end(
              new ClerkError(
                'REGISTRY_UNREACHABLE',
                `The watch at ${peer.url} was silent for ${String(this.#silenceMs)} ms`,
              ),
            );
        });
      },
      Math.max(1, leftMs()),
    );
    this.#timer.setRef(false);
  }

  #end(given: unknown): void {
    if (this.#over) return;
    this.#over = true;
    const error =
      given === undefined || isClerkError(given)
        ? given
        : new ClerkError('REGISTRY_UNREACHABLE', reasonOf(given), { cause: given });
    this.#timer?.cancel();
    this.#stop();
    this.#controller.abort(error);
    const isAstray = error?.code === 'REGISTRY_INVALID';
    this.#options.onEnd(error, isAstray ? undefined : this.#position);
  }
}

/** As many globs as fit into one message, and one at least. */
function chunkOf(texts: readonly string[]): readonly string[] {
  let bytes = 0;
  let count = 0;
  for (const text of texts) {
    bytes += text.length + 3;
    if (count > 0 && bytes > mostGlobBytes) break;
    count++;
  }
  return texts.slice(0, count);
}
