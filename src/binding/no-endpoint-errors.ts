import type { ResolvedService } from '../core/resolution-result.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import { ClerkError } from '../core/errors.js';
import type { PickConstraints } from '../invoke/call-context.js';
import type { ServiceState } from './service-state.js';

/** The lookup succeeded, no endpoint is reachable from this host, and there is no factory. */
export function noEndpointError({ name, excluded }: ServiceState, resolution: ResolvedService): ClerkError {
  if (excluded.length > 0)
    return new ClerkError(
      'NO_ENDPOINT',
      `No endpoint of ${name} is reachable from this host: ${String(excluded[0]?.reason)}`,
    );
  if (resolution.kind === 'absent')
    return new ClerkError(
      'NAME_NOT_FOUND',
      `No service is registered as ${name}; check the name, or give bind() a factory that starts it`,
    );
  return new ClerkError(
    'NO_ENDPOINT',
    `Service ${name} has no endpoint; start one, or give bind() a factory that starts it`,
  );
}

/**
 * There are endpoints, and none matches the binding.
 *
 * @param version - the version range, if no endpoint satisfies it
 */
export function noMatchError(
  { name, table }: ServiceState,
  version: string | undefined,
  constraints: PickConstraints,
): ClerkError {
  if (version !== undefined) {
    const available = new Set(table.members.map(({ endpoint }) => endpoint.version ?? 'none'));
    return new ClerkError(
      'VERSION_MISMATCH',
      `No endpoint of ${name} satisfies version ${version}; available: ${[...available].join(', ')}`,
    );
  }
  return new ClerkError(
    'NO_ENDPOINT',
    constraints.tlsOnly
      ? `No endpoint of ${name} has a TLS address; use http:// to allow the others`
      : `Service ${name} has no endpoint`,
  );
}

/** The policy picked none although an endpoint is available. */
export function policyChoseNoneError(name: string, eligible: readonly ConnectedCandidate[]): ClerkError {
  return new ClerkError(
    'NO_ENDPOINT',
    `The policy of ${name} picked none of ${String(eligible.length)} candidates; it must return one of them, or undefined to fail the call`,
  );
}

/** All endpoints are backing off, and the next dial is too far away to wait for. */
export function allBackingOffError(name: string, nextDialInMs: number): ClerkError {
  return new ClerkError(
    'ENDPOINTS_EXHAUSTED',
    `All endpoints of ${name} refused connections and are backing off; the next one is dialed in ${String(Math.round(nextDialInMs))} ms`,
  );
}
