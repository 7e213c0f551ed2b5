import type { AsyncResource } from 'node:async_hooks';
import type { Dispatcher } from 'undici';
import { isClerkOrigin } from '../client/fetch.js';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import type { Interceptor } from '../core/interceptors.js';
import type { RequestHandler } from '../core/transport.js';
import type { Send } from '../core/undici-port.js';
import type { CallDeadline } from '../invoke/call-deadline.js';
import type { EndpointPicker } from '../invoke/endpoint-picker.js';
import { HttpCall } from '../invoke/http-call.js';
import type { BindingCallContext } from './binding-call-context.js';
import type { CallSettings } from './call-settings.js';
import { InterceptedCall } from './intercepted-call.js';
import { RequestCopy } from './request-copy.js';
import { requestOrigin } from '../core/request-origin.js';
import { ClerkOrigins } from './clerk-origins.js';

const callKey: unique symbol = Symbol('binding-clerk.call');

/** Refers from request options to their call. A copy of the options by an interceptor keeps the reference. */
interface CallReference {
  readonly call: InterceptedCall;
  readonly picker: EndpointPicker;
}

type InterceptedOptions = Dispatcher.DispatchOptions & {
  readonly [callKey]?: CallReference;
  readonly kind?: unknown;
  readonly affinity?: unknown;
  readonly idempotent?: boolean;
};

export interface InterceptedRequest {
  readonly options: object;
  /** Whether only endpoints with a TLS address qualify. */
  readonly tlsOnly: boolean;
  readonly picker: EndpointPicker;
  readonly handler: RequestHandler;
  readonly deadline: CallDeadline;
  readonly asyncContext: AsyncResource;
  /** Whether errors of interceptors become a {@link ClerkError}. */
  readonly convertsErrors: boolean;
}

/** Sends the calls of one binding through its call interceptors. */
export class CallInterception {
  readonly #context: BindingCallContext;
  readonly #settings: CallSettings;
  readonly #origins: ClerkOrigins;
  readonly #intercepted: Send;

  /** @throws {@link ClerkError} `CONFIG_INVALID` when an interceptor does not return a function */
  constructor(context: BindingCallContext, settings: CallSettings, interceptors: readonly Interceptor[]) {
    this.#context = context;
    this.#settings = settings;
    this.#origins = new ClerkOrigins(context.name);
    const { undici } = context.service.clerk;
    this.#intercepted = undici.compose(interceptors, (options, handler) => this.#send(options, handler));
  }

  open({ options, tlsOnly, picker, ...request }: InterceptedRequest): InterceptedCall {
    const origin = tlsOnly ? this.#origins.https : this.#origins.http;
    return new InterceptedCall({
      ...request,
      context: this.#context,
      createAbortError: this.#context.service.clerk.undici.createAbortError,
      dispatch: (call) =>
        this.#intercepted({ ...options, origin, [callKey]: { call, picker } } as never, call),
    });
  }

  #send(options: InterceptedOptions, handler: RequestHandler): void {
    const reference = options[callKey];
    const origin = requestOrigin(options) || this.#origins.http;
    if (reference === undefined) handler.onError(lostOptionsError(options.path));
    else if (!this.#origins.includes(origin)) this.#sendElsewhere(options, handler, origin);
    else
      reference.call.send(handler, (inner, deadline, asyncContext) => {
        const affinity = this.#settings.affinityKey(options.affinity, options.path);
        return new HttpCall(
          this.#context,
          reference.picker,
          new RequestCopy(options),
          inner,
          this.#settings.kind(options),
          { tlsOnly: origin === this.#origins.https, affinity },
          deadline,
          asyncContext,
        );
      });
  }

  /** Called when an interceptor sends a request to another host, as undici's `interceptors.redirect()` does. */
  #sendElsewhere(options: Dispatcher.DispatchOptions, handler: RequestHandler, origin: string): void {
    const { config, dispatcher } = this.#context.service.clerk;
    if (config.redirects === 'names' && !isClerkOrigin(origin))
      handler.onError(
        new ClerkError(
          'FORBIDDEN',
          `An interceptor of ${this.#context.name} must send requests to hosts under .clerk only, because the clerk has redirects: 'names'; got ${quote(origin)}, to which nothing was sent; to allow other hosts, set redirects: 'all' of createClerk()`,
        ),
      );
    else dispatcher().dispatch(options, handler);
  }
}

function lostOptionsError(path: unknown): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `A call interceptor must pass on the options that it got, or a copy with all of them, such as { ...options, headers }; got other options for ${quote(path)}`,
  );
}
