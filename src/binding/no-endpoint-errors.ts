import type { ResolvedService } from '../core/resolution-result.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import { ClerkError } from '../core/errors.js';
import type { PickConstraints } from '../invoke/endpoint-picker.js';
import type { ServiceState } from './service-state.js';

/** What a program can do if the service registers later. */
const ways =
  'set waitForReady with a timeoutMs that is long enough for the service to register, or give bind() a factory that starts the service';

export function noEndpointError(
  { name, excluded, clerk }: ServiceState,
  resolution: ResolvedService,
): ClerkError {
  const [first] = excluded;
  if (first !== undefined)
    return new ClerkError(
      first.code,
      first.code === 'NO_ENDPOINT'
        ? `No endpoint of ${name} is reachable from this host: ${first.reason}`
        : `No endpoint of ${name} can be called: ${first.reason}`,
    );
  if (resolution.kind === 'absent')
    return new ClerkError(
      'NAME_NOT_FOUND',
      clerk.credentials === undefined
        ? `No service is registered as ${name}; check the name, ${ways}`
        : `No service is registered as ${name}; the registry also hides a name if the identity of the clerk lacks the right read; check the name and the rights, ${ways}`,
    );
  return new ClerkError(
    'NO_ENDPOINT',
    `Service ${name} has no endpoint; start an endpoint, or give bind() a factory that starts the service`,
  );
}

/** @param version - version range that no endpoint satisfies; undefined if the version is not the cause */
export function noMatchError(
  { name, table }: ServiceState,
  version: string | undefined,
  constraints: PickConstraints,
): ClerkError {
  if (version !== undefined) {
    const available = new Set(table.members.map(({ endpoint }) => endpoint.version ?? 'unknown'));
    return new ClerkError(
      'VERSION_MISMATCH',
      `No endpoint of ${name} satisfies version ${version}; available versions: ${[...available].join(', ')}; start an endpoint of a matching version, or change the version of bind()`,
    );
  }
  return new ClerkError(
    'NO_ENDPOINT',
    constraints.tlsOnly
      ? `No endpoint of ${name} has a TLS address; use an http:// URL to allow endpoints without TLS`
      : `Service ${name} has no endpoint; start an endpoint`,
  );
}

export function policyChoseNoneError(name: string, eligible: readonly ConnectedCandidate[]): ClerkError {
  return new ClerkError(
    'NO_ENDPOINT',
    `The policy of ${name} picked none of ${String(eligible.length)} candidates, so the call failed; the policy must return one of its candidates`,
  );
}

export function allBackingOffError(name: string, nextDialInMs: number): ClerkError {
  return new ClerkError(
    'ENDPOINTS_EXHAUSTED',
    `No endpoint of ${name} accepted a connection, and the clerk does not dial again in the next ${String(Math.round(nextDialInMs))} ms; check that an endpoint of the service runs`,
  );
}
