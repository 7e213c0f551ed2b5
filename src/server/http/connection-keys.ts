import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { KeyTools } from '../../core/credentials.js';
import type { KeyPin } from '../../core/key-pin.js';

export interface ProvedKey {
  readonly pin: KeyPin;
  /** Certificate of the client, as DER in base64. */
  readonly cert: string;
}

/**
 * Returns the client key of a TLS connection. Reads it once per connection, because parsing a certificate is slow.
 * For a resumed session, Node returns the certificate of the first handshake, so the key is the same.
 *
 * @see [C7.6](../../../docs/guarantees.md#c7-6)
 */
export class ConnectionKeys {
  readonly #keyTools: Pick<KeyTools, 'enrollablePinOf'>;
  readonly #bySocket = new WeakMap<Socket, ProvedKey | 'none'>();

  constructor(keyTools: Pick<KeyTools, 'enrollablePinOf'>) {
    this.#keyTools = keyTools;
  }

  keyOf(socket: Socket): ProvedKey | undefined {
    let key = this.#bySocket.get(socket);
    if (key === undefined) this.#bySocket.set(socket, (key = this.#read(socket)));
    return key === 'none' ? undefined : key;
  }

  /** Returns `none` for a connection without a key, and for a key of a kind that cannot be enrolled. */
  #read(socket: Socket): ProvedKey | 'none' {
    const raw = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
    const pin = raw && this.#keyTools.enrollablePinOf(raw);
    return raw === undefined || pin === undefined
      ? 'none'
      : Object.freeze({ pin, cert: raw.toString('base64') });
  }
}
