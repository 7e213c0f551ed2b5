/**
 * One try of a call on one endpoint. Stands between undici and the exchange that owns the call, knows how far the
 * try got, and stays silent for ever once it was abandoned: what was never handed to a connection is then never sent.
 */
import type { Address } from '../core/address.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Stage } from '../core/outcome.js';
import type { Channel, RequestHandler, TransportRequest } from '../core/transport.js';

/** What an attempt tells the call it belongs to. */
export interface AttemptHandler {
  /** The request has waited for a connection: as it is sent now. */
  onDequeue(attempt: Attempt, request: TransportRequest): TransportRequest;
  /** The request is about to be written. */
  onConnect(attempt: Attempt): void;
  /** The head of an answer; false pauses. */
  onHeaders(
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
  onData(attempt: Attempt, chunk: Buffer): boolean;
  onComplete(attempt: Attempt, trailers: string[] | null): void;
  onUpgrade(attempt: Attempt, statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void;
  onError(attempt: Attempt, error: Error): void;
  onBodySent(chunkSize: number, totalBytesSent: number): void;
  onRequestSent(): void;
}

class AbandonedError extends Error {
  override readonly name = 'Abandoned';
  readonly code = 'ABANDONED';
}

/** See the file's header. */
export class Attempt implements RequestHandler {
  stage: Stage = 'waiting';
  /** Nobody wants to hear of it any more. */
  abandoned = false;
  /** The transport has taken it; what fails before is the request's own fault. */
  accepted = false;
  /** See {@link RequestHandler.hasFailed}. */
  hasFailed = false;
  /** Its end was told to health. */
  ended = false;
  /** Status of the answer; 0 before there is one. */
  statusCode = 0;
  /** From the start to the answer's head, in ms. */
  latencyMs = 0;
  /** The address it was sent to. */
  readonly address: Address;
  #abort: ((reason?: Error) => void) | undefined;

  constructor(
    /** Who hears of it. */
    public handler: AttemptHandler,
    readonly candidate: ConnectedCandidate,
    readonly channel: Channel,
    /** First is 1. */
    readonly number: number,
    readonly pickReason: string,
    readonly startedAt: number,
    /** Whether undici may send it a second time on a new connection by itself. */
    readonly allowsResend: boolean,
    /** A repeat was set aside for it in the budget, and it was not sent yet. */
    public hasReservedRetry: boolean,
  ) {
    this.address = channel.address;
  }

  /** The same try once more, at its channel's next address: takes over what was paid for it. */
  redial(now: number): Attempt {
    const { handler, candidate, channel, number, pickReason, allowsResend, hasReservedRetry } = this;
    this.hasReservedRetry = false;
    const AttemptClass = this.constructor as typeof Attempt;
    return new AttemptClass(
      handler,
      candidate,
      channel,
      number,
      pickReason,
      now,
      allowsResend,
      hasReservedRetry,
    );
  }

  /** Gives the attempt up: aborts what was sent, and sees to it that what was not sent never is and is not held. */
  abandon(reason: Error): void {
    if (this.abandoned) return;
    this.abandoned = true;
    if (this.stage === 'waiting') this.channel.cancelQueued?.(this);
    this.#abort?.(reason);
  }

  /** Cuts the connection; what follows is heard. */
  abort(reason: Error): void {
    this.#abort?.(reason);
  }

  onDequeue(request: TransportRequest): TransportRequest {
    return this.handler.onDequeue(this, request);
  }

  onConnect(abort: (reason?: Error) => void): void {
    if (this.abandoned) throw new AbandonedError('The attempt was given up before it was sent');
    this.#abort = abort;
    if (this.stage === 'sent' && !this.allowsResend) {
      abort(new Error('The connection was lost after the request may have run'));
      return;
    }
    this.stage = 'sent';
    this.handler.onConnect(this);
  }

  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    if (this.abandoned) return true;
    return statusCode < 200
      ? this.handler.onInformation(this, statusCode, headers, resume, statusText)
      : this.handler.onHeaders(this, statusCode, headers, resume, statusText);
  }

  onData(chunk: Buffer): boolean {
    return this.abandoned || this.handler.onData(this, chunk);
  }

  onComplete(trailers: string[] | null): void {
    if (!this.abandoned) this.handler.onComplete(this, trailers);
  }

  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void {
    if (!this.abandoned) this.handler.onUpgrade(this, statusCode, headers, socket);
    else (socket as { destroy?(): void } | undefined)?.destroy?.();
  }

  onError(error: Error): void {
    this.hasFailed = true;
    if (!this.abandoned) this.handler.onError(this, error);
  }
}

/** An attempt that also tells what was sent. A class of its own, since undici's every word costs, also where nobody listens. */
export class UploadTrackingAttempt extends Attempt {
  onBodySent(chunkSize: number, totalBytesSent: number): void {
    if (!this.abandoned) this.handler.onBodySent(chunkSize, totalBytesSent);
  }

  onRequestSent(): void {
    if (!this.abandoned) this.handler.onRequestSent();
  }
}
