import type { Address } from '../core/address.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Stage } from '../core/outcome.js';
import type { Channel, RequestHandler, TransportRequest } from '../core/transport.js';

/** Receives the events of an attempt: undici's handler methods, with the attempt as the first argument. */
export interface AttemptHandler {
  /** The request waited for a connection. Returns it as it is to be sent now. */
  onDequeue(attempt: Attempt, request: TransportRequest): TransportRequest;
  /** The request is about to be written: from here on it may be executed. */
  onConnect(attempt: Attempt): void;
  /** Headers of the final response; false pauses the body. */
  onHeaders(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean;
  /** Headers of an informational response (1xx). */
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

/**
 * One attempt of a call at one endpoint, between the transport and the call. Tracks the stage that the request reached.
 * Once abandoned it calls its handler no more, and a request that has no connection yet is never sent.
 */
export class Attempt implements RequestHandler {
  stage: Stage = 'waiting';
  /** Set by {@link Attempt.abandon}: events are dropped from then on. */
  abandoned = false;
  /** The transport accepted the request. An error before that is an error of the request itself. */
  accepted = false;
  /** See {@link RequestHandler.hasFailed}. */
  hasFailed = false;
  /** Its end was reported to health. */
  ended = false;
  /** Status of the response; 0 before there is one. */
  statusCode = 0;
  /** From the start of the attempt to the response headers, in ms. */
  latencyMs = 0;
  /** The address in use. */
  readonly address: Address;
  #abort: ((reason?: Error) => void) | undefined;

  constructor(
    /** Receives the events. */
    public handler: AttemptHandler,
    readonly candidate: ConnectedCandidate,
    readonly channel: Channel,
    /** The first attempt of a call is 1. */
    readonly number: number,
    readonly pickReason: string,
    readonly startedAt: number,
    /** Whether undici may itself resend the request on a new connection. */
    readonly allowsResend: boolean,
    /** A retry is reserved for it in the budget, and it was not sent yet. */
    public hasReservedRetry: boolean,
  ) {
    this.address = channel.address;
  }

  /** A copy of this attempt for the next address of its channel. Takes over the reserved retry. */
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

  /** Abandons the attempt: cancels it in the queue, or aborts it on its connection. */
  abandon(reason: Error): void {
    if (this.abandoned) return;
    this.abandoned = true;
    if (this.stage === 'waiting') this.channel.cancelQueued?.(this);
    this.#abort?.(reason);
  }

  /** Aborts the request on its connection; the error still goes to the handler. */
  abort(reason: Error): void {
    this.#abort?.(reason);
  }

  onDequeue(request: TransportRequest): TransportRequest {
    return this.handler.onDequeue(this, request);
  }

  onConnect(abort: (reason?: Error) => void): void {
    if (this.abandoned) throw new AbandonedError('The attempt was abandoned before it was sent');
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

/** An attempt that reports upload progress. A subclass, since undici skips these calls when the methods are missing. */
export class UploadTrackingAttempt extends Attempt {
  onBodySent(chunkSize: number, totalBytesSent: number): void {
    if (!this.abandoned) this.handler.onBodySent(chunkSize, totalBytesSent);
  }

  onRequestSent(): void {
    if (!this.abandoned) this.handler.onRequestSent();
  }
}
