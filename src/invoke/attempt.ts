import type { AsyncResource } from 'node:async_hooks';
import type { Address } from '../core/address.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Stage } from '../core/outcome.js';
import type { Channel, ConnectionLimit, RequestHandler, TransportRequest } from '../core/transport.js';
import type { UploadProgress } from './upload-progress.js';

export interface AttemptHandler {
  readonly asyncContext?: AsyncResource;
  readonly needsNewConnection?: boolean;
  onDequeue(attempt: Attempt, request: TransportRequest): TransportRequest;
  /** Called when the request is about to be written. The endpoint may execute the call from now on. */
  onConnect(attempt: Attempt): void;
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
  onResponseStarted?(attempt: Attempt): void;
  onBodySent(attempt: Attempt, chunk: unknown): void;
  onRequestSent(attempt: Attempt): void;
  /** Whether the upload waits until the program supplies more of the body. Without this method: false. */
  isAwaitingBody?(): boolean;
}

export class AbandonedError extends Error {
  override readonly name = 'Abandoned';
  readonly code = 'ABANDONED';
}

export class Attempt implements RequestHandler {
  stage: Stage = 'waiting';
  abandoned = false;
  /**
   * Whether the `dispatch` of the transport has returned. An error without a `code` during `dispatch` means that the
   * request is invalid.
   */
  accepted = false;
  readonly tracksUpload: boolean = false;
  hasFailed = false;
  ended = false;
  isRecorded = false;
  isLate = false;
  isGoAway = false;
  sentAt: number;
  upload: UploadProgress | undefined = undefined;
  statusCode = 0;
  /** The ticket in the request; undefined when the request has no ticket. */
  ticket: string | undefined = undefined;
  /** Whether the endpoint refused the ticket, and the call was repeated with another ticket. */
  isTicketRenewed = false;
  /**
   * The delay in `Retry-After`, in ms, if the delay leaves no time for another attempt. Declared without a value,
   * because setting this field in every attempt would cost time.
   */
  declare retryAfterMs?: number;
  /** Time from the start of the attempt to the response headers; 0 before the headers arrive. */
  latencyMs = 0;
  readonly address: Address;
  #abort: ((reason?: Error) => void) | undefined;

  constructor(
    public handler: AttemptHandler,
    readonly candidate: ConnectedCandidate,
    readonly channel: Channel,
    readonly number: number,
    readonly pickReason: string,
    readonly startedAt: number,
    public checkAt: number,
    /** Whether undici may send the request again on a new connection if the first connection breaks. */
    readonly allowsResend: boolean,
    public hasReservedRetry: boolean,
  ) {
    this.address = channel.address;
    this.sentAt = startedAt;
  }

  get asyncContext(): AsyncResource | undefined {
    return this.handler.asyncContext;
  }

  get needsNewConnection(): boolean {
    return this.handler.needsNewConnection === true;
  }

  get isHeld(): boolean {
    return this.statusCode !== 0;
  }

  dueAt(timeoutMs: number, now: number): number {
    const { stage, upload, handler } = this;
    if (stage !== 'sent' || upload === undefined) return Math.ceil(this.sentAt + timeoutMs);
    const isAwaiting = !upload.isComplete && (!upload.isReported || handler.isAwaitingBody?.() === true);
    return Math.ceil(isAwaiting ? now + timeoutMs : this.sentAt + upload.timeoutMs(timeoutMs));
  }

  queuedBy(): ConnectionLimit | undefined {
    return this.stage === 'waiting' ? this.channel.queuedBy?.(this) : undefined;
  }

  redial(now: number, checkAt: number): Attempt {
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
      checkAt,
      allowsResend,
      hasReservedRetry,
    );
  }

  /**
   * Ends the attempt without any further event for `handler`. An unsent request leaves the queue; a sent request is
   * aborted.
   */
  abandon(reason: Error): void {
    if (this.abandoned) return;
    this.abandoned = true;
    if (this.stage === 'waiting') this.channel.cancelQueued?.(this);
    this.#abort?.(reason);
  }

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
      abort(
        new Error(
          'The connection was lost after the request was sent, so the endpoint may have executed the request; the request is not sent again',
        ),
      );
      return;
    }
    this.stage = 'sent';
    this.isGoAway = false;
    this.handler.onConnect(this);
  }

  onGoAway(): void {
    this.isGoAway = this.stage !== 'waiting';
  }

  onResponseStarted(): void {
    if (!this.abandoned) this.handler.onResponseStarted?.(this);
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

/**
 * undici reports an upload only to a handler with the methods `onBodySent` and `onRequestSent`. The class
 * {@link Attempt} has neither method.
 */
export class UploadTrackingAttempt extends Attempt {
  override readonly tracksUpload = true;

  onBodySent(chunk: unknown): void {
    if (!this.abandoned) this.handler.onBodySent(this, chunk);
  }

  onRequestSent(): void {
    if (!this.abandoned) this.handler.onRequestSent(this);
  }
}
