import type { Dispatcher } from 'undici';
import type { BindingCache } from '../binding/binding-cache.js';
import type { ServiceBinding } from '../binding/service-binding.js';
import { nameFromHostname } from '../core/clerk-hostname.js';
import type { RequestHandler } from '../core/transport.js';
import { createLruMap } from '../resolve/lru-cache.js';
import { defaults } from './config.js';

export class HostRouter {
  readonly #bindings: BindingCache;
  readonly #hosts = createLruMap<HostBinding>(defaults.maxNames, () => undefined);

  constructor(bindings: BindingCache) {
    this.#bindings = bindings;
  }

  /** Never throws: every error goes to the handler. */
  dispatch(request: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const origin = String(request.origin);
    let host = this.#hosts.get(origin);
    try {
      if (host === undefined) {
        const url = new URL(origin);
        host = {
          binding: this.#bindings.forName(nameFromHostname(url.hostname, url.port) as string),
          tlsOnly: url.protocol === 'https:',
        };
        this.#hosts.set(origin, host);
      }
    } catch (error) {
      handler.onConnect(() => undefined);
      handler.onError(error as Error);
      return;
    }
    host.binding.dispatch(request, handler, host.tlsOnly);
  }
}

interface HostBinding {
  readonly binding: ServiceBinding;
  readonly tlsOnly: boolean;
}
