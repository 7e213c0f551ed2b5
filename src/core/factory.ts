import type { AddressString } from './address.js';
import type { EndpointInit } from './endpoint.js';

/** Arguments of a {@link Factory}. */
export interface FactoryContext {
  /** The service to start. */
  readonly name: string;
  /** Aborted when the clerk is closed, or when the start takes longer than 60 s. Stop what was started then. */
  readonly signal: AbortSignal;
}

/** Where a started service listens. */
export type StartedEndpoint = AddressString | URL | EndpointInit;

/**
 * Starts a service that has no endpoint. Called once for any number of concurrent callers. Resolves to one or more
 * addresses when the service can be called; rejects when it could not be started.
 *
 * @see [B3](../../docs/background.md#b3), [C6.1](../../docs/guarantees.md#c6-1)
 */
export type Factory = (
  context: FactoryContext,
) => Promise<StartedEndpoint | readonly StartedEndpoint[]> | StartedEndpoint | readonly StartedEndpoint[];
