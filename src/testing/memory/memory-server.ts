import type { Clock } from '../../core/clock.js';
import { connectionReset } from './socket-errors.js';
import type { MemoryServer, ServerHandler } from './memory-request.js';
import type { DeliveredRequest, ServerSide, ServerConnection } from './server-side.js';

type DialCallback = (accepted: boolean) => void;

export class InMemoryServer implements MemoryServer, ServerSide {
  requests = 0;
  handler: ServerHandler;
  readBytesPerMs = Infinity;
  readonly #clock: Clock;
  readonly #onExecuted: (callId: string, address: string) => void;
  readonly #executions = new Map<string, number>();
  readonly #connections = new Set<ServerConnection>();
  #acceptMode: 'accept' | 'refuse' | 'stall' = 'accept';
  #paused = false;
  /** Incremented by each kill. Actions of earlier incarnations do not run. */
  #incarnation = 0;
  #dials: DialCallback[] = [];
  #unread: DeliveredRequest[] = [];
  #deferred: (() => void)[] = [];

  constructor(
    readonly address: string,
    clock: Clock,
    handler: ServerHandler,
    onExecuted: (callId: string, address: string) => void,
  ) {
    this.#clock = clock;
    this.handler = handler;
    this.#onExecuted = onExecuted;
  }

  refuse(): void {
    this.#acceptMode = 'refuse';
    this.#settleDials();
  }

  stall(): void {
    this.#acceptMode = 'stall';
  }

  accept(): void {
    this.#acceptMode = 'accept';
    this.#settleDials();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const overdue = this.#deferred;
    const unread = this.#unread;
    this.#deferred = [];
    this.#unread = [];
    for (const act of overdue) act();
    for (const delivery of unread) this.receive(delivery);
  }

  kill(): void {
    this.#incarnation++;
    this.#paused = false;
    this.#unread = [];
    this.#deferred = [];
    this.refuse();
    for (const connection of this.#connections) connection.reset(connectionReset());
    this.#connections.clear();
  }

  executions(callId: string): number {
    return this.#executions.get(callId) ?? 0;
  }

  dial(callback: DialCallback): void {
    this.#dials.push(callback);
    this.#settleDials();
  }

  connected(connection: ServerConnection): void {
    this.#connections.add(connection);
  }

  disconnected(connection: ServerConnection): void {
    this.#connections.delete(connection);
  }

  receive(delivered: DeliveredRequest): void {
    if (this.#paused) {
      this.#unread.push(delivered);
      return;
    }
    const { request, connection } = delivered;
    if (!request.isProbe) this.requests++;
    const reply = this.handler(request);
    const behavior = reply.behavior ?? 'respond';
    if (behavior === 'hang') return;
    if (behavior !== 'reset-before' && behavior !== 'refuse-stream' && !request.isProbe)
      this.#execute(delivered);
    if (behavior === 'drop-response') return;
    this.schedule(reply.delayMs ?? 0, () => {
      if (behavior === 'respond' || behavior === 'truncate')
        delivered.respond(reply, behavior === 'truncate');
      else if (behavior === 'refuse-stream') delivered.refuseStream();
      else connection.reset(connectionReset());
    });
  }

  schedule(delayMs: number, action: () => void): void {
    const incarnation = this.#incarnation;
    const due = (): void => {
      if (incarnation !== this.#incarnation) return;
      if (this.#paused) this.#deferred.push(action);
      else action();
    };
    if (delayMs === 0) due();
    else this.#clock.setTimer(due, delayMs);
  }

  #execute({ callId }: DeliveredRequest): void {
    if (callId === undefined) return;
    this.#executions.set(callId, this.executions(callId) + 1);
    this.#onExecuted(callId, this.address);
  }

  #settleDials(): void {
    if (this.#acceptMode === 'stall') return;
    const dials = this.#dials;
    this.#dials = [];
    for (const dial of dials) dial(this.#acceptMode === 'accept');
  }
}
