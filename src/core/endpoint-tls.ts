/**
 * Options of `tls.connect` for a connection to one endpoint. The caller adds `host` and `port`, or `path`. The
 * connection fails unless the endpoint proves its key. Must not be changed, except that ALPN protocols may be added.
 */
export interface EndpointTls {
  /** Certificate of the endpoint, in PEM. */
  readonly ca: string;
  /** Private key of this program, in PEM; absent without an identity. */
  readonly key?: string;
  /** Certificate of this program, in PEM; absent without an identity. */
  readonly cert?: string;
  /** Always TLS 1.3. */
  readonly minVersion: 'TLSv1.3';
  /** Empty, because the certificate of an endpoint proves a key and not a host name. */
  readonly servername: '';
  /** Always true: the connection fails unless the endpoint proves the key of `ca`. */
  readonly rejectUnauthorized: true;
  /** Returns an error if the certificate of the peer has another key than `ca`. */
  readonly checkServerIdentity: (
    hostname: string,
    certificate: { readonly raw: Uint8Array },
  ) => Error | undefined;
}
