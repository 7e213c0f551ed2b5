/**
 * One try of a call on one endpoint. Stands between undici and the exchange that owns the call, knows how far the
 * try got, and stays silent for ever once it was abandoned: what was never handed to a connection is then never sent.
 */
import type { Address } from '../core/address.js';
import type { Reachable } from '../core/candidate.js';
import type { Stage } from '../core/outcome.js';
import type { Channel, WireHandler, WireRequest } from '../core/transport.js';

/** What an attempt tells the call it belongs to. */
export interface AttemptOwner {
  /** The request has waited for a connection: as it is sent now. */
  onTurn(attempt: Attempt, request: WireRequest): WireRequest;
  /** The request is about to be written. */
  onSent(attempt: Attempt): void;
  /** The head of an answer; false pauses. */
  onHead(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean;
  onInformation(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean;
  onPiece(attempt: Attempt, chunk: Buffer): boolean;
  onEnd(attempt: Attempt, trailers: string[] | null): void;
  onSwitched(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[] | string[] | null,
    socket: unknown,
  ): void;
  onFailed(attempt: Attempt, error: Error): void;
  onPieceSent(chunkSize: number, totalBytesSent: number): void;
  onAllSent(): void;
}

class Abandoned extends Error {
  override readonly name = 'Abandoned';
  readonly code = 'ABANDONED';
}

/** See the file's header. */
export class Attempt implements WireHandler {
  stage: Stage = 'waiting';
  /** Nobody wants to hear of it any more. */
  abandoned = false;
  /** The transport has taken it; what fails before is the request's own fault. */
  taken = false;
  /** See {@link WireHandler.failed}. */
  failed = false;
  /** Its end was told to health. */
  over = false;
  /** Status of the answer; 0 before there is one. */
  statusCode = 0;
  /** From the start to the answer's head, in ms. */
  latencyMs = 0;
  /** The address it was sent to. */
  readonly address: Address;
  #abort: ((reason?: Error) => void) | undefined;

  constructor(
    /** Who hears of it. */
    public owner: AttemptOwner,
    readonly candidate: Reachable,
    readonly channel: Channel,
    /** First is 1. */
    readonly number: number,
    readonly chosen: string,
    readonly beganAt: number,
    /** Whether undici may send it a second time on a new connection by itself. */
    readonly repeatable: boolean,
    /** A repeat was set aside for it in the budget, and it was not sent yet. */
    public paid: boolean,
  ) {
    this.address = channel.address;
  }

  /** The same try once more, at its channel's next address: takes over what was paid for it. */
  again(now: number): Attempt {
    const { owner, candidate, channel, number, chosen, repeatable, paid } = this;
    this.paid = false;
    const Kind = this.constructor as typeof Attempt;
    return new Kind(owner, candidate, channel, number, chosen, now, repeatable, paid);
  }

  /** Gives the attempt up: aborts what was sent, and sees to it that what was not sent never is and is not held. */
  abandon(reason: Error): void {
    if (this.abandoned) return;
    this.abandoned = true;
    if (this.stage === 'waiting') this.channel.leave?.(this);
    this.#abort?.(reason);
  }

  /** Cuts the connection; what follows is heard. */
  abort(reason: Error): void {
    this.#abort?.(reason);
  }

  onTurn(request: WireRequest): WireRequest {
    return this.owner.onTurn(this, request);
  }

  onConnect(abort: (reason?: Error) => void): void {
    if (this.abandoned) throw new Abandoned('The attempt was given up before it was sent');
    this.#abort = abort;
    if (this.stage === 'sent' && !this.repeatable) {
      abort(new Error('The connection was lost after the request may have run'));
      return;
    }
    this.stage = 'sent';
    this.owner.onSent(this);
  }

  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    if (this.abandoned) return true;
    return statusCode < 200
      ? this.owner.onInformation(this, statusCode, headers, resume, statusText)
      : this.owner.onHead(this, statusCode, headers, resume, statusText);
  }

  onData(chunk: Buffer): boolean {
    return this.abandoned || this.owner.onPiece(this, chunk);
  }

  onComplete(trailers: string[] | null): void {
    if (!this.abandoned) this.owner.onEnd(this, trailers);
  }

  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void {
    if (!this.abandoned) this.owner.onSwitched(this, statusCode, headers, socket);
    else (socket as { destroy?(): void } | undefined)?.destroy?.();
  }

  onError(error: Error): void {
    this.failed = true;
    if (!this.abandoned) this.owner.onFailed(this, error);
  }
}

/** An attempt that also tells what was sent. A class of its own, since undici's every word costs, also where nobody listens. */
export class FollowedAttempt extends Attempt {
  onBodySent(chunkSize: number, totalBytesSent: number): void {
    if (!this.abandoned) this.owner.onPieceSent(chunkSize, totalBytesSent);
  }

  onRequestSent(): void {
    if (!this.abandoned) this.owner.onAllSent();
  }
}
