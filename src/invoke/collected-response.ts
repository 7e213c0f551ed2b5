import type { AsyncResource } from 'node:async_hooks';
import type { Attempt, AttemptHandler } from './attempt.js';
import { DeferredResponse } from './deferred-response.js';

interface CollectingCall extends AttemptHandler {
  readonly asyncContext: AsyncResource;
}

/**
 * A successful response whose body is read while other attempts continue. The call accepts the response when the body
 * is complete or exceeds 64 KiB. If the body is truncated before the call accepts the response, the attempt has failed.
 */
export class CollectedResponse extends DeferredResponse {
  protected override readonly mustResume = false;
  readonly #call: CollectingCall;
  readonly #onReady: (response: CollectedResponse) => void;

  constructor(
    call: CollectingCall,
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
    onReady: (response: CollectedResponse) => void,
  ) {
    super(attempt, statusCode, headers, resume, statusText, () => onReady(this));
    this.#call = call;
    this.#onReady = onReady;
  }

  get asyncContext(): AsyncResource {
    return this.#call.asyncContext;
  }

  override onData(attempt: Attempt, chunk: Buffer): boolean {
    if (super.onData(attempt, chunk)) return true;
    this.#onReady(this);
    return true;
  }

  override onError(attempt?: Attempt, error?: Error): void {
    this.attempt.handler = this.#call;
    if (attempt && error) this.#call.onError(attempt, error);
  }
}
