import type { Address } from '../core/address.js';
import { isClerkError, type ClerkError, type Execution } from '../core/errors.js';
import { responseTooLargeError } from '../core/response-limit.js';
import type { RequestHandler } from '../core/transport.js';
import type { WholeBodyHandler } from '../invoke/body-collector.js';
import { bodyErrorOf } from '../invoke/body-error.js';

/** The members of an `InterceptedCall` that the response handler of its inner call uses. */
export interface OuterCall {
  readonly name: string;
  /** The handler of the program. */
  readonly handler: RequestHandler;
  readonly maxResponseSize: number;
  /** Whether the call ran. Set by the response handler. */
  execution: Execution;
  /** Ends the inner call. Set by the response handler. */
  abortInner: ((reason?: Error) => void) | undefined;
  /** Error of the last truncated response body. Set by the response handler. */
  brokenBody: BrokenBody | undefined;
}

/** A response body that was truncated after the interceptors had received the response head. */
export interface BrokenBody {
  /** The error that the interceptors get. */
  readonly own: Error;
  readonly error: ClerkError;
}

/** Returns the response handler of the inner call. `target` is the handler of the innermost interceptor. */
export function interceptedResponse(
  target: RequestHandler,
  call: OuterCall,
  readsWholeBody: boolean,
): RequestHandler {
  return readsWholeBody ? new InterceptedWholeResponse(target, call) : new InterceptedResponse(target, call);
}

class InterceptedResponse implements RequestHandler {
  readonly onBodySent?: (chunk: unknown) => void;
  readonly onRequestSent?: () => void;
  protected readonly target: RequestHandler;
  protected readonly call: OuterCall;
  #hasHead = false;

  constructor(target: RequestHandler, call: OuterCall) {
    this.target = target;
    this.call = call;
    const { handler } = call;
    if (handler.onBodySent !== undefined) this.onBodySent = (chunk) => handler.onBodySent?.(chunk);
    if (handler.onRequestSent !== undefined) this.onRequestSent = () => handler.onRequestSent?.();
  }

  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    this.call.execution = 'unknown';
    this.call.abortInner = abort;
    this.target.onConnect(abort, context);
  }

  /** undici's interceptors expect one response, so informational responses (1xx) bypass the interceptors. */
  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    if (statusCode < 200) return this.call.handler.onHeaders(statusCode, headers, resume, statusText);
    this.call.execution = 'done';
    this.#hasHead = true;
    return this.target.onHeaders(statusCode, headers, resume, statusText);
  }

  onData(chunk: Buffer): boolean {
    return this.target.onData(chunk);
  }

  onComplete(trailers: string[] | null): void {
    this.target.onComplete(trailers);
  }

  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void {
    this.call.execution = 'done';
    this.target.onUpgrade(statusCode, headers, socket);
  }

  /**
   * undici's `interceptors.retry()` resumes a truncated body only after an error of undici, so a `ClerkError` is
   * unwrapped.
   */
  onError(error: Error): void {
    const { call, target } = this;
    if (!isClerkError(error)) {
      target.onError(error);
      return;
    }
    call.execution = error.execution;
    const own = this.#hasHead ? bodyErrorOf(error) : undefined;
    if (own !== undefined) call.brokenBody = { own, error };
    target.onError(own ?? error);
  }
}

interface Head {
  readonly statusCode: number;
  readonly headers: Buffer[];
  readonly statusText: string;
}

/** Passes only complete responses to the interceptors, so that a call with a truncated response body can be retried. */
class InterceptedWholeResponse extends InterceptedResponse implements WholeBodyHandler {
  #head: Head | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #abortReason: Error | undefined;

  override onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    super.onConnect((reason) => {
      this.#abortReason ??= reason ?? new Error('An interceptor aborted the call');
      abort(reason);
    }, context);
  }

  restart(): void {
    this.#head = undefined;
    this.#chunks = [];
    this.#bytes = 0;
  }

  startResponse(address: Address, otherExecution: Execution): void {
    (this.call.handler as WholeBodyHandler).startResponse(address, otherExecution);
  }

  override onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    if (statusCode < 200) return super.onHeaders(statusCode, headers, resume, statusText);
    this.#head = { statusCode, headers, statusText };
    return true;
  }

  override onData(chunk: Buffer): boolean {
    const { name, maxResponseSize } = this.call;
    this.#bytes += chunk.length;
    if (this.#bytes > maxResponseSize) throw responseTooLargeError(name, maxResponseSize);
    this.#chunks.push(chunk);
    return true;
  }

  override onComplete(trailers: string[] | null): void {
    const { statusCode, headers, statusText } = this.#head as Head;
    super.onHeaders(statusCode, headers, () => undefined, statusText);
    for (const chunk of this.#chunks) if (this.#abortReason === undefined) this.target.onData(chunk);
    if (this.#abortReason === undefined) this.target.onComplete(trailers);
    else this.target.onError(this.#abortReason);
  }
}
