import type { AddressString } from './address.js';
import type { EndpointInit } from './endpoint.js';

/** Arguments of a {@link Factory}. */
export interface FactoryContext {
  /** Name of the service to start. */
  readonly name: string;
  /** Aborted when the clerk closes, and after 60 s. The factory must then stop the processes that it has started. */
  readonly signal: AbortSignal;
}

/** Address of a started endpoint, or an object with the address and further fields. */
export type StartedEndpoint = AddressString | URL | EndpointInit;

/**
 * Starts a service that has no endpoint. Concurrent calls wait for the same start. Resolves to one or more endpoints
 * when the service can be called; rejects if the start fails. @see [B3](../../docs/background.md#b3),
 * [C6.1](../../docs/guarantees.md#c6-1)
 */
export type Factory = (
  context: FactoryContext,
) => Promise<StartedEndpoint | readonly StartedEndpoint[]> | StartedEndpoint | readonly StartedEndpoint[];
