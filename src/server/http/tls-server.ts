import { createServer, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Server as TlsServer, TlsOptions } from 'node:tls';
import type { Credentials } from '../../core/credentials.js';
import { limits } from '../../protocol/limits.js';
import { MeteredResponse } from './unsent-responses.js';

/** Time after which an idle connection is closed, in ms. */
const keepAliveMs = 65_000;

const httpOptions = {
  maxHeaderSize: limits.maxHeaderBytes,
  headersTimeout: 5_000,
  requestTimeout: 10_000,
  connectionsCheckingInterval: 1_000,
  keepAliveTimeout: keepAliveMs,
  noDelay: true,
  ServerResponse: MeteredResponse,
};

/**
 * TLS settings. Clients prove their keys in the handshake. A trusted authority need not issue the certificates, because
 * each request is authenticated by the key of its connection. @see [C7.8](../../../docs/guarantees.md#c7-8)
 */
const tlsOptions = {
  minVersion: 'TLSv1.3',
  requestCert: true,
  rejectUnauthorized: false,
  sessionTimeout: 300,
  handshakeTimeout: 10_000,
} as const;

/**
 * Creates an HTTP server that does not listen yet. Its responses are {@link MeteredResponse}s.
 *
 * @param credentials - key and certificate of the server; undefined for a server without TLS
 */
export function createHttpServer(credentials: Credentials | undefined): Server {
  if (credentials === undefined) return createServer(httpOptions);
  return createHttpsServer({ ...httpOptions, ...secureOptions(credentials) });
}

/**
 * Replaces the key of a running TLS server. Open connections stay open. Sessions of the former key cannot be resumed.
 */
export function replaceKey(server: Server, credentials: Credentials): void {
  const { setSecureContext } = server as unknown as Pick<TlsServer, 'setSecureContext'>;
  setSecureContext.call(server, secureOptions(credentials));
}

function secureOptions({ key, cert }: Credentials): TlsOptions {
  return { ...tlsOptions, key, cert };
}
