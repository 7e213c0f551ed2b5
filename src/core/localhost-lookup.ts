type LookupCallback = (error: null, address: string | readonly ResolvedAddress[], family?: number) => void;

interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

export interface SocketLookup {
  readonly lookup?: (hostname: string, options: { readonly all?: boolean }, callback: LookupCallback) => void;
}

const loopback: readonly ResolvedAddress[] = Object.freeze([
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
] as const);

/**
 * Returns socket options for a host name. `localhost` is always 127.0.0.1 and ::1. Node resolves any other name.
 *
 * @see [RFC 6761](https://www.rfc-editor.org/rfc/rfc6761#section-6.3)
 */
export function localhostLookup(hostname: string): SocketLookup {
  if (hostname.toLowerCase() !== 'localhost') return {};
  return {
    lookup: (_hostname, { all }, callback) => {
      if (all === true) callback(null, loopback);
      else callback(null, '127.0.0.1', 4);
    },
  };
}
