import type { CheckedCredentials, KeyTools } from '../core/credentials.js';
import type { Endpoint } from '../core/endpoint.js';
import type { EndpointTls } from '../core/endpoint-tls.js';
import { ClerkError } from '../core/errors.js';

/** Undefined if the endpoint has no key, or its certificate is unknown. */
export function toEndpointTls(
  { id, keys, cert }: Endpoint,
  credentials: CheckedCredentials | undefined,
  keyTools: Pick<KeyTools, 'pinOf'>,
): EndpointTls | undefined {
  if (keys.length === 0 || cert === undefined) return undefined;
  return {
    ca: toPem(cert),
    ...(credentials && { key: credentials.key, cert: credentials.cert }),
    minVersion: 'TLSv1.3',
    servername: '',
    rejectUnauthorized: true,
    checkServerIdentity: (_hostname, { raw }) =>
      keys.includes(keyTools.pinOf(raw))
        ? undefined
        : new ClerkError('ENDPOINT_UNPROVEN', `Endpoint ${id} must prove the key ${keys.join(' or ')}`),
  };
}

function toPem(der: string): string {
  const lines = der.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
