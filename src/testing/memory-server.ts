/**
 * A server that exists in memory only, and breaks in every way that a test asks for. It reads whole requests, decides
 * by a function what becomes of each, and counts what it has executed, so that a test knows the truth.
 */
import type { Clock } from '../core/clock.js';
import { reset, type MemoryConnection } from './memory-connection.js';

/** A request as a memory server reads it. */
export interface MemoryRequest {
  /** Where it was read: the server's address. */
  readonly address: string;
  readonly path: string;
  readonly method: string;
  /** Names in lower case; of several with one name the last. */
  readonly headers: Readonly<Record<string, string>>;
  /** As the caller gave it. */
  readonly body: unknown;
  /** Whether it only asks for a sign of life. Such a request is never executed. */
  readonly isProbe: boolean;
}

/**
 * What becomes of a request that was read.
 *
 * - `answer` it is executed and answered
 * - `hang` it is not executed, and nothing is heard of it (also: it was lost on the way)
 * - `drop-reply` it is executed, and nothing is heard of it
 * - `reset-before` the connection is reset, and it is not executed
 * - `reset-after` it is executed, and the connection is reset instead of an answer
 * - `truncate` it is executed, and the connection is reset in the middle of the answer's body
 */
export type Fate = 'answer' | 'hang' | 'drop-reply' | 'reset-before' | 'reset-after' | 'truncate';

/** How a server treats one request. */
export interface Treatment {
  /** Default `answer`. */
  readonly fate?: Fate;
  /** From when it was read to the head of the answer (or the reset), in ms. Default 0. */
  readonly delayMs?: number;
  /** From the head to the end of the body, in ms. Default 0. */
  readonly bodyDelayMs?: number;
  /** Default 200. */
  readonly statusCode?: number;
  /** Default none but `content-type` and `content-length`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default empty. */
  readonly body?: string | Buffer;
}

/** Decides what becomes of a request. Called once for each, when it is read. */
export type Treat = (request: MemoryRequest) => Treatment;

/** A server in memory. It accepts connections from the beginning. */
export interface MemoryServer {
  /** The address, as endpoints write it. */
  readonly address: string;
  /** Requests read so far, probes left out. */
  readonly requests: number;
  /** Decides what becomes of each request; may be replaced at any time. */
  treat: Treat;
  /** Refuses new connections; those that stand go on. */
  refuse(): void;
  /** Leaves new connections without an answer; those that stand go on. */
  stall(): void;
  /** Accepts connections, those that wait too. Also what starts a killed server. */
  accept(): void;
  /** Accepts connections and reads, executes and answers nothing, as a process does after SIGSTOP. */
  pause(): void;
  /** Goes on after a pause, with all that has arrived. */
  resume(): void;
  /** Resets all connections, forgets what it was doing, and refuses new ones, as after SIGKILL. */
  kill(): void;
  /** How often requests with this call id were executed, over the server's whole life. */
  executions(callId: string): number;
}

/** What a connection sends to a server. */
export interface Delivery {
  readonly request: MemoryRequest;
  readonly callId: string | undefined;
  readonly connection: MemoryConnection;
  /** The answer, or as much of it as there will be. */
  answer(treatment: Treatment, broken: boolean): void;
}

/** Someone waits for a connection to be accepted or refused. */
type Dial = (accepted: boolean) => void;

/** See {@link MemoryServer}; the rest of it is for connections. */
export class InMemoryServer implements MemoryServer {
  requests = 0;
  treat: Treat;
  readonly #clock: Clock;
  readonly #onExecuted: (callId: string, address: string) => void;
  readonly #executions = new Map<string, number>();
  readonly #connections = new Set<MemoryConnection>();
  #door: 'open' | 'shut' | 'stalling' = 'open';
  #paused = false;
  /** Grows with each kill: what the process before was doing comes to nothing. */
  #life = 0;
  #dials: Dial[] = [];
  #unread: Delivery[] = [];
  /** What a paused process would have done by now. */
  #overdue: (() => void)[] = [];

  constructor(
    readonly address: string,
    clock: Clock,
    treat: Treat,
    onExecuted: (callId: string, address: string) => void,
  ) {
    this.#clock = clock;
    this.treat = treat;
    this.#onExecuted = onExecuted;
  }

  refuse(): void {
    this.#door = 'shut';
    this.#decideDials();
  }

  stall(): void {
    this.#door = 'stalling';
  }

  accept(): void {
    this.#door = 'open';
    this.#decideDials();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const overdue = this.#overdue;
    const unread = this.#unread;
    this.#overdue = [];
    this.#unread = [];
    for (const act of overdue) act();
    for (const delivery of unread) this.receive(delivery);
  }

  kill(): void {
    this.#life++;
    this.#paused = false;
    this.#unread = [];
    this.#overdue = [];
    this.refuse();
    for (const connection of this.#connections) connection.breakOff(reset());
    this.#connections.clear();
  }

  executions(callId: string): number {
    return this.#executions.get(callId) ?? 0;
  }

  /** A connection is asked for; `dial` hears of it once, perhaps at once, perhaps never. */
  dialed(dial: Dial): void {
    this.#dials.push(dial);
    this.#decideDials();
  }

  /** The connection now stands. */
  connected(connection: MemoryConnection): void {
    this.#connections.add(connection);
  }

  /** The connection is gone. */
  disconnected(connection: MemoryConnection): void {
    this.#connections.delete(connection);
  }

  /** A request has arrived. */
  receive(delivery: Delivery): void {
    if (this.#paused) {
      this.#unread.push(delivery);
      return;
    }
    const { request, connection } = delivery;
    if (!request.isProbe) this.requests++;
    const treatment = this.treat(request);
    const fate = treatment.fate ?? 'answer';
    if (fate === 'hang') return;
    if (fate !== 'reset-before' && !request.isProbe) this.#execute(delivery);
    if (fate === 'drop-reply') return;
    this.later(treatment.delayMs ?? 0, () => {
      if (fate === 'answer' || fate === 'truncate') delivery.answer(treatment, fate === 'truncate');
      else connection.breakOff(reset());
    });
  }

  /** Acts when the time has come, unless the process was killed; a paused one acts when it goes on. */
  later(delayMs: number, act: () => void): void {
    const life = this.#life;
    const due = (): void => {
      if (life !== this.#life) return;
      if (this.#paused) this.#overdue.push(act);
      else act();
    };
    if (delayMs === 0) due();
    else this.#clock.setTimer(due, delayMs);
  }

  #execute({ callId }: Delivery): void {
    if (callId === undefined) return;
    this.#executions.set(callId, this.executions(callId) + 1);
    this.#onExecuted(callId, this.address);
  }

  #decideDials(): void {
    if (this.#door === 'stalling') return;
    const dials = this.#dials;
    this.#dials = [];
    for (const dial of dials) dial(this.#door === 'open');
  }
}
