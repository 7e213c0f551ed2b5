import type { AsyncResource } from 'node:async_hooks';
import type { Endpoint } from '../core/endpoint.js';
import type { CallKind } from '../core/idempotency.js';
import type { RequestHandler } from '../core/transport.js';
import type { CallContext } from '../invoke/call-context.js';
import type { CallDeadline } from '../invoke/call-deadline.js';
import type { EndpointPicker, PickConstraints } from '../invoke/endpoint-picker.js';
import { HttpCall } from '../invoke/http-call.js';
import { RequestCopy } from './request-copy.js';
import type { CallInterception } from './call-interception.js';
import type { InterceptedCall } from './intercepted-call.js';
import type { RequestOptions } from './request-options.js';

export class PreparedRequest extends RequestCopy {
  readonly opaque: unknown;
  readonly responseHeaders: RequestOptions['responseHeaders'];
  readonly onInfo: RequestOptions['onInfo'];
  readonly highWaterMark: number | undefined;
  readonly signal: AbortSignal | undefined;
  #call: HttpCall | InterceptedCall | undefined;
  readonly #context: CallContext & { readonly maxResponseSize: number };
  readonly #picker: EndpointPicker;
  readonly #kind: CallKind;
  readonly #constraints: PickConstraints;
  readonly #deadline: CallDeadline;

  constructor(
    options: RequestOptions,
    context: CallContext & { readonly maxResponseSize: number },
    picker: EndpointPicker,
    kind: CallKind,
    constraints: PickConstraints,
    deadline: CallDeadline,
  ) {
    super(options);
    this.opaque = options.opaque;
    this.responseHeaders = options.responseHeaders;
    this.onInfo = options.onInfo;
    this.highWaterMark = options.highWaterMark;
    this.signal = options.signal;
    this.#context = context;
    this.#picker = picker;
    this.#kind = kind;
    this.#constraints = constraints;
    this.#deadline = deadline;
  }

  start(handler: RequestHandler, scope: AsyncResource, interception: CallInterception | undefined): void {
    if (interception !== undefined) {
      this.#call = this.#intercept(handler, scope, interception);
      this.#call.start();
      return;
    }
    this.#call = new HttpCall(
      this.#context,
      this.#picker,
      this,
      handler,
      this.#kind,
      this.#constraints,
      this.#deadline,
      scope,
    );
    this.#call.start();
  }

  get name(): string {
    return this.#context.name;
  }

  get maxResponseSize(): number {
    return this.#context.maxResponseSize;
  }

  get endpoint(): Endpoint | undefined {
    return this.#call?.endpoint;
  }

  get attempts(): number {
    return this.#call?.attemptCount ?? 0;
  }

  #intercept(
    handler: RequestHandler,
    asyncContext: AsyncResource,
    interception: CallInterception,
  ): InterceptedCall {
    const { path, method, headers, body, query, idempotent, signal } = this;
    const { headersTimeout, bodyTimeout, reset, expectContinue, blocking, upgrade } = this;
    return interception.open({
      options: {
        ...{ path, method, headers, body, query, idempotent, signal },
        ...{ headersTimeout, bodyTimeout, reset, expectContinue, blocking, upgrade },
        kind: this.#kind,
        affinity: this.#constraints.affinity,
      },
      tlsOnly: false,
      picker: this.#picker,
      handler,
      deadline: this.#deadline,
      asyncContext,
      convertsErrors: true,
    });
  }
}
