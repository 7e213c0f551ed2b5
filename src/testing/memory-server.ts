/**
 * A server that exists in memory only, and breaks in every way that a test asks for. It reads whole requests, decides
 * by a function what becomes of each, and counts what it has executed, so that a test knows the truth.
 */
import type { Clock } from '../core/clock.js';
import { reset } from './memory-failure.js';
import type { MemoryServer, Treat } from './memory-request.js';
import type { Delivery, Host, Wire } from './memory-wire.js';

/** Someone waits for a connection to be accepted or refused. */
type Dial = (accepted: boolean) => void;

/** See {@link MemoryServer} and {@link Host}. */
export class InMemoryServer implements MemoryServer, Host {
  requests = 0;
  treat: Treat;
  readonly #clock: Clock;
  readonly #onExecuted: (callId: string, address: string) => void;
  readonly #executions = new Map<string, number>();
  readonly #connections = new Set<Wire>();
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
  connected(connection: Wire): void {
    this.#connections.add(connection);
  }

  /** The connection is gone. */
  disconnected(connection: Wire): void {
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
    if (fate !== 'reset-before' && fate !== 'refuse-stream' && !request.isProbe) this.#execute(delivery);
    if (fate === 'drop-reply') return;
    this.later(treatment.delayMs ?? 0, () => {
      if (fate === 'answer' || fate === 'truncate') delivery.answer(treatment, fate === 'truncate');
      else if (fate === 'refuse-stream') delivery.refuse();
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
