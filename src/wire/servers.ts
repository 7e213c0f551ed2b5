/**
 * Several servers as one. The one that answered last is asked first; one that refuses is passed over at once, and one
 * that hangs does not keep a reader waiting for long. An answer is always one server's whole answer. A refusal that a
 * server gave reasons for is an answer; silence, nonsense and a server that says it cannot serve are not.
 *
 * @see design: Availability of the registry
 */
import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, isClerkError, reasonOf } from '../core/errors.js';
import type { Peer, PeerReply, Question } from './peer.js';

/** A server that has not answered a reader for so long is not waited for alone, in ms. */
const patienceMs = 500;

/** How a question is asked. */
export interface Asking<T> {
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal;
  /** Whether another server is asked too when one takes long: right for what changes nothing. */
  readonly hedged: boolean;
  /** What the answer means; throws `REGISTRY_INVALID` if it is none, which has the next server asked. */
  readonly read: (reply: PeerReply, peer: Peer) => T;
}

/** See the file's header. */
export class Servers {
  readonly #peers: readonly Peer[];
  readonly #clock: Clock;
  #good = 0;

  /** @param peers - at least one, in order of preference */
  constructor(peers: readonly Peer[], clock: Clock) {
    this.#peers = peers;
    this.#clock = clock;
  }

  /** All of them, the one that answered last in front. */
  get order(): readonly Peer[] {
    return [...this.#peers.slice(this.#good), ...this.#peers.slice(0, this.#good)];
  }

  /** A server has answered: it is asked first from now on. */
  prefer(peer: Peer): void {
    this.#good = Math.max(0, this.#peers.indexOf(peer));
  }

  /**
   * Asks one after the other until one answers.
   *
   * @returns what `read` made of the answer
   * @throws a `ClerkError`: the refusal of the server that answered, or `REGISTRY_UNREACHABLE`, `REGISTRY_INVALID` when none did
   */
  ask<T>(question: Question, asking: Asking<T>): Promise<T> {
    return new Promise((resolve, reject) =>
      new Round(this, question, asking, this.#clock, resolve, reject).begin(),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#peers.map((peer) => peer.close()));
  }
}

/** One question on its way through the servers. */
class Round<T> {
  readonly #order: readonly Peer[];
  readonly #controller = new AbortController();
  readonly #errors: unknown[] = [];
  #next = 0;
  #open = 0;
  #timer: Timer | undefined;

  constructor(
    readonly servers: Servers,
    readonly question: Question,
    readonly asking: Asking<T>,
    readonly clock: Clock,
    readonly resolve: (value: T) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.#order = servers.order;
  }

  begin(): void {
    const { signal } = this.asking;
    if (signal.aborted) {
      this.reject(signal.reason);
      return;
    }
    signal.addEventListener('abort', this.#onAbort);
    this.#goOn();
  }

  readonly #onAbort = (): void => {
    this.#finish(this.asking.signal.reason);
    this.reject(this.asking.signal.reason);
  };

  #goOn(): void {
    this.#timer?.cancel();
    const peer = this.#order[this.#next++];
    if (peer === undefined) return;
    this.#open++;
    if (this.asking.hedged && this.#next < this.#order.length) {
      this.#timer = this.clock.setTimer(() => this.#goOn(), patienceMs);
      this.#timer.setRef(false);
    }
    peer
      .ask(this.question, this.#controller.signal)
      .then((reply) => this.asking.read(reply, peer))
      .then(
        (value) => {
          if (this.#controller.signal.aborted) return;
          this.#answered(peer);
          this.resolve(value);
        },
        (error: unknown) => this.#failed(peer, error),
      );
  }

  #answered(peer: Peer): void {
    this.servers.prefer(peer);
    this.#finish(new Error('Another server has answered'));
  }

  #failed(peer: Peer, error: unknown): void {
    this.#open--;
    if (this.#controller.signal.aborted) return;
    if (!isNoAnswer(error)) {
      this.#answered(peer);
      this.reject(error);
      return;
    }
    this.#errors.push(error);
    if (this.#next < this.#order.length) this.#goOn();
    else if (this.#open === 0) {
      this.#finish(error);
      this.reject(together(this.#errors));
    }
  }

  #finish(reason: unknown): void {
    this.#timer?.cancel();
    this.asking.signal.removeEventListener('abort', this.#onAbort);
    this.#controller.abort(reason);
  }
}

/** Whether another server may know better. */
export function isNoAnswer(error: unknown): boolean {
  return (
    !isClerkError(error) ||
    error.code === 'REGISTRY_UNREACHABLE' ||
    error.code === 'REGISTRY_INVALID' ||
    error.code === 'CLOSED'
  );
}

/** One error for all that went wrong. */
function together(errors: readonly unknown[]): ClerkError {
  const [first] = errors;
  if (errors.length === 1 && isClerkError(first) && first.code !== 'CLOSED') return first;
  // Of a server that closes, only that it cannot be asked matters here.
  const isInvalid = errors.every((error) => isClerkError(error) && error.code === 'REGISTRY_INVALID');
  return new ClerkError(
    isInvalid ? 'REGISTRY_INVALID' : 'REGISTRY_UNREACHABLE',
    errors.length === 1
      ? reasonOf(first)
      : `None of ${String(errors.length)} registry servers answered: ${errors.map(reasonOf).join('; ')}`,
    { cause: errors.length === 1 ? first : new AggregateError(errors, 'All servers failed') },
  );
}
