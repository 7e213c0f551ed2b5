import { forEachSettled } from '../core/for-each-settled.js';
import type { ResolvedService } from '../core/resolution-result.js';
import { ServiceBinding } from './service-binding.js';
import { toBindConfig } from './bind-config.js';
import { defaults } from '../client/config.js';
import type { BindOptions } from '../client/options.js';
import { createLruMap, type LruMap } from '../resolve/lru-cache.js';
import type { ClerkContext } from '../client/clerk-context.js';
import { BindingCallContext } from './binding-call-context.js';
import { ServiceState } from './service-state.js';

/**
 * Creates bindings. Bindings of one name share a {@link ServiceState}. The least recently used states are evicted. An
 * evicted state is closed when no binding of the program uses the state.
 */
export class BindingCache {
  readonly #clerk: ClerkContext;
  readonly #services: LruMap<ServiceState>;
  /** Service states that `#services` has evicted and that bindings of the program still use. */
  readonly #evictedButBound = new Map<string, ServiceState>();
  /** Bindings without options, for `.clerk` hosts and `clerk.request()`. */
  readonly #implicitBindings: LruMap<ServiceBinding>;
  readonly #collectedBindings = new FinalizationRegistry<ServiceState>((service) =>
    this.#onBindingCollected(service),
  );

  constructor(clerk: ClerkContext) {
    this.#clerk = clerk;
    this.#services = createLruMap<ServiceState>(defaults.maxNames, (service) => this.#onEvicted(service));
    this.#implicitBindings = createLruMap<ServiceBinding>(defaults.maxNames, () => undefined);
  }

  /** @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`, `CLERK_CLOSED` */
  bind(name: string, options: BindOptions): ServiceBinding {
    this.#clerk.callTracker.assertOpen();
    const config = toBindConfig(name, options, this.#clerk.config.root);
    const service = this.#serviceFor(config.name);
    const binding = new ServiceBinding(new BindingCallContext(service, config), config);
    service.bindingCount++;
    this.#collectedBindings.register(binding, service);
    return binding;
  }

  forName(name: string): ServiceBinding {
    let binding = this.#implicitBindings.get(name);
    if (binding === undefined) {
      binding = this.bind(name, {});
      this.#implicitBindings.set(name, binding);
    }
    return binding;
  }

  isBound(name: string): boolean {
    return (this.#find(name)?.bindingCount ?? 0) > 0;
  }

  update(resolution: ResolvedService): void {
    this.#find(resolution.name)?.applyResolution(resolution);
  }

  async close(): Promise<void> {
    await forEachSettled(this.#allServices(), (service) => service.close());
  }

  async destroy(error: Error): Promise<void> {
    await forEachSettled(this.#allServices(), (service) => service.destroy(error));
  }

  #serviceFor(name: string): ServiceState {
    let service = this.#find(name);
    if (service === undefined) {
      service = new ServiceState(name, this.#clerk);
      this.#services.set(name, service);
    }
    return service;
  }

  #find(name: string): ServiceState | undefined {
    return this.#services.get(name) ?? this.#evictedButBound.get(name);
  }

  #allServices(): ServiceState[] {
    return [...new Set([...this.#services.values(), ...this.#evictedButBound.values()])];
  }

  #onEvicted(service: ServiceState): void {
    if (service.bindingCount > 0) this.#evictedButBound.set(service.name, service);
    else closeUnused(service);
  }

  #onBindingCollected(service: ServiceState): void {
    service.bindingCount--;
    if (service.bindingCount === 0 && this.#evictedButBound.delete(service.name)) closeUnused(service);
  }
}

/** Closes the connections in the background. No caller waits for the result, so an error is ignored. */
function closeUnused(service: ServiceState): void {
  service.close().catch(() => undefined);
}
