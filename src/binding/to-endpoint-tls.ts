import type { CheckedCredentials, KeyTools } from '../core/credentials.js';
import type { Endpoint } from '../core/endpoint.js';
import type { EndpointTls } from '../core/endpoint-tls.js';
import { ClerkError } from '../core/errors.js';
import { certificatePem } from '../core/certificate-pem.js';

/** Returns undefined if the endpoint has no key, or if the certificate of the endpoint is unknown. */
export function toEndpointTls(
  { id, keys, cert }: Endpoint,
  credentials: CheckedCredentials | undefined,
  keyTools: Pick<KeyTools, 'pinOf'>,
): EndpointTls | undefined {
  if (keys.length === 0 || cert === undefined) return undefined;
  return {
    ca: certificatePem(cert),
    ...(credentials && { key: credentials.key, cert: credentials.cert }),
    minVersion: 'TLSv1.3',
    servername: '',
    rejectUnauthorized: true,
    checkServerIdentity: (_hostname, { raw }) =>
      keys.includes(keyTools.pinOf(raw))
        ? undefined
        : new ClerkError(
            'ENDPOINT_UNPROVEN',
            `Endpoint ${id} must prove the key ${keys.join(' or ')}; got a certificate with another key`,
          ),
  };
}
