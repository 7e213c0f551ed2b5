/** The port of starting: what can bring up a service that nobody is running. */
import type { AddressString } from './address.js';
import type { EndpointInit } from './endpoint.js';

/** What a factory is told. */
export interface FactoryContext {
  /** The service to start. */
  readonly name: string;
  /** Aborted when the clerk is closed, or when the start takes longer than 60 s; end what was begun then. */
  readonly signal: AbortSignal;
}

/** What a factory returns: where the service now listens. */
export type StartedEndpoint = AddressString | URL | EndpointInit;

/**
 * Starts a service. Called once for any number of concurrent callers; resolves when the service can be called, to its
 * address or a list of them; rejects when it could not be started.
 *
 * @see "Building Secure and Reliable Network Applications" B3 (the factory problem); promises C6.1
 */
export type Factory = (
  context: FactoryContext,
) => Promise<StartedEndpoint | readonly StartedEndpoint[]> | StartedEndpoint | readonly StartedEndpoint[];
