/** Why a call finds nobody to go to, in words that say what to do about it. */
import type { ResolvedService } from '../core/resolution-result.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import { ClerkError } from '../core/errors.js';
import type { PickConstraints } from '../invoke/call-context.js';
import type { ServiceState } from './service-state.js';

/** The registry has answered, no endpoint of the answer can be used, and there is nothing that could start one. */
export function noEndpointError({ name, excluded }: ServiceState, resolution: ResolvedService): ClerkError {
  if (excluded.length > 0)
    return new ClerkError(
      'NO_ENDPOINT',
      `No endpoint of ${name} can be used from here: ${String(excluded[0]?.reason)}`,
    );
  if (resolution.kind === 'absent')
    return new ClerkError(
      'NAME_NOT_FOUND',
      `The registry knows no ${name}; check the name, or give bind() a factory that can start it`,
    );
  return new ClerkError(
    'NO_ENDPOINT',
    `Nobody runs ${name}: the registry has the service and no endpoint; start one, or give bind() a factory that can`,
  );
}

/**
 * There are endpoints, and none fits the binding.
 *
 * @param version - the range that was asked for, if it is what none of them fits
 */
export function noMatchError(
  { name, table }: ServiceState,
  version: string | undefined,
  constraints: PickConstraints,
): ClerkError {
  if (version !== undefined) {
    const offered = new Set(table.members.map(({ endpoint }) => endpoint.version ?? 'none'));
    return new ClerkError(
      'VERSION_MISMATCH',
      `Nobody runs ${name} in version ${version}; what runs is ${[...offered].join(', ')}`,
    );
  }
  return new ClerkError(
    'NO_ENDPOINT',
    constraints.tlsOnly
      ? `No endpoint of ${name} speaks TLS; use http:// to admit the others`
      : `Nobody runs ${name}`,
  );
}

/** The policy returned nobody although somebody could be called. */
export function policyChoseNoneError(name: string, eligible: readonly ConnectedCandidate[]): ClerkError {
  return new ClerkError(
    'NO_ENDPOINT',
    `The policy of ${name} chose nobody among ${String(eligible.length)}; it must return one of the candidates, or undefined if the call shall fail`,
  );
}

/** Everybody refuses, and the next dial is too far away to wait for. */
export function allBackingOffError(name: string, nextDialInMs: number): ClerkError {
  return new ClerkError(
    'ENDPOINTS_EXHAUSTED',
    `No endpoint of ${name} could be reached lately; the next one is tried in ${String(Math.round(nextDialInMs))} ms`,
  );
}
