import type { AsyncResource } from 'node:async_hooks';
import { isClerkError, type ClerkError } from '../core/errors.js';
import type { CallKind } from '../core/idempotency.js';
import type { RequestHandler, TransportRequest } from '../core/transport.js';
import { bodyErrorOf } from './body-error.js';
import type { CallContext } from './call-context.js';
import type { CallDeadline } from './call-deadline.js';
import type { EndpointPicker, PickConstraints } from './endpoint-picker.js';
import { HttpCall } from './http-call.js';

/** A handler that gets every error as a `ClerkError`, such as the handler of `clerk.fetch`. */
export interface ClerkErrorHandler extends RequestHandler {
  readonly getsClerkErrors: true;
}

/**
 * A call of a program that uses undici's interface. As in undici, an error that the program caused ends the call
 * unchanged: an abort reason, or the error of a body stream or callback. If the response body breaks off, the call ends
 * with undici's error, because handlers such as that of undici's `RetryAgent` need the code of this error.
 */
export class DispatchedCall extends HttpCall {
  readonly #createAbortError: () => Error;

  /** @param createAbortError - creates undici's error for an abort without a reason */
  constructor(
    context: CallContext,
    picker: EndpointPicker,
    request: TransportRequest,
    handler: RequestHandler,
    kind: CallKind,
    constraints: PickConstraints,
    deadline: CallDeadline,
    asyncContext: AsyncResource,
    createAbortError: () => Error,
  ) {
    super(context, picker, request, handler, kind, constraints, deadline, asyncContext);
    this.#createAbortError = createAbortError;
  }

  protected override cancel(reason: Error | undefined): void {
    super.cancel(reason ?? this.#createAbortError());
  }

  protected override reportError(error: unknown): void {
    const { getsClerkErrors } = this.handler as Partial<ClerkErrorHandler>;
    super.reportError(getsClerkErrors !== true && isClerkError(error) ? this.#errorOfUndici(error) : error);
  }

  #errorOfUndici(error: ClerkError): unknown {
    const { code, cause } = error;
    if (code === 'ABORTED' && cause !== undefined) return cause;
    return (this.isStreaming ? bodyErrorOf(error) : undefined) ?? error;
  }
}
