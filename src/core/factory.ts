import type { AddressString } from './address.js';
import type { EndpointInit } from './endpoint.js';

/** Arguments of a {@link Factory}. */
export interface FactoryContext {
  /** Name of the service to start. */
  readonly name: string;
  /**
   * Aborted when the clerk is closed, or when the start takes longer than 60 s. When aborted, the factory must stop the
   * processes that the factory has started.
   */
  readonly signal: AbortSignal;
}

/** Address of a started endpoint, or an object with the address and further fields. */
export type StartedEndpoint = AddressString | URL | EndpointInit;

/**
 * Starts a service that has no endpoint. One call of the factory serves all concurrent callers of the service. Resolves
 * to one or more endpoints when the service can be called; rejects when the service could not be started.
 *
 * @see [B3](../../docs/background.md#b3), [C6.1](../../docs/guarantees.md#c6-1)
 */
export type Factory = (
  context: FactoryContext,
) => Promise<StartedEndpoint | readonly StartedEndpoint[]> | StartedEndpoint | readonly StartedEndpoint[];
