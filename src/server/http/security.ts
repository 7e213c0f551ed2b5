import type { IncomingMessage } from 'node:http';
import type { KeyTools } from '../../core/credentials.js';
import type { KeyPin } from '../../core/key-pin.js';
import type { TicketIssuer } from '../../tickets/ticket-issuer.js';
import type { Caller, IdentityService, RegistryKey, ServerRuntime } from '../ports.js';
import { ConnectionKeys, type ProvedKey } from './connection-keys.js';
import { HttpError } from './http-error.js';
import { ListCursors } from './list-cursors.js';

/** The parts of a secured server that check keys and rights. */
export interface Security {
  readonly identities: IdentityService;
  readonly registryKey: RegistryKey;
  /** Issues tickets, signed with the present key of the registry. */
  readonly issuer: Pick<TicketIssuer, 'issue'>;
  readonly connectionKeys: ConnectionKeys;
  readonly listCursors: ListCursors;
}

export interface SecurityOptions {
  readonly identities: IdentityService;
  readonly registryKey: RegistryKey;
  readonly runtime: ServerRuntime;
  readonly keyTools: Pick<KeyTools, 'enrollablePinOf'>;
}

export async function createSecurity(options: SecurityOptions): Promise<Security> {
  const { identities, registryKey, runtime, keyTools } = options;
  // Loaded here so that an open server does not load the package jose.
  const { TicketIssuer: Issuer } = await import('../../tickets/ticket-issuer.js');
  let issuer = new Issuer(registryKey.credentials, runtime);
  registryKey.onChanged(() => (issuer = new Issuer(registryKey.credentials, runtime)));
  return {
    identities,
    registryKey,
    issuer: { issue: (...args) => issuer.issue(...args) },
    connectionKeys: new ConnectionKeys(keyTools),
    listCursors: new ListCursors(),
  };
}

export function registryKeysOf({ registryKey }: Security): readonly KeyPin[] {
  return registryKey.pins;
}

/**
 * Returns the owner of the client key; undefined without an enrolled key. Looks up the owner for each request, so
 * that a revoked key fails at once, even on open connections.
 */
export function findCaller(security: Security, { socket }: IncomingMessage): Caller | undefined {
  const key = security.connectionKeys.keyOf(socket);
  const owner = key && security.identities.ownerOf(key.pin);
  return owner && { ...owner, pin: key.pin, cert: key.cert };
}

/** @throws {@link ClerkError} `IDENTITY_INVALID`, with the same message for every reason */
export function authenticate(security: Security, incoming: IncomingMessage): Caller {
  const caller = findCaller(security, incoming);
  if (caller?.pin === undefined) throw identityError();
  security.identities.touch(caller.pin);
  return caller;
}

/** @throws {@link ClerkError} `IDENTITY_INVALID` when the client has not proved a key */
export function provedKeyOf({ connectionKeys }: Security, { socket }: IncomingMessage): ProvedKey {
  const key = connectionKeys.keyOf(socket);
  if (key === undefined) throw identityError();
  return key;
}

function identityError(): HttpError {
  return new HttpError(
    'IDENTITY_INVALID',
    'The client must prove a key that is enrolled at this registry; enroll a key with a token of an operator, and connect with the key',
  );
}
