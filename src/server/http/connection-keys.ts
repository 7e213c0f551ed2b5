import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { KeyTools } from '../../core/credentials.js';
import type { KeyPin } from '../../core/key-pin.js';

export interface ProvedKey {
  readonly pin: KeyPin;
  /** DER in base64. */
  readonly cert: string;
}

/**
 * Reads the key of a connection once, because parsing a certificate is slow. On a resumed session, Node returns the
 * certificate of the first handshake.
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

  /** A key that cannot be enrolled counts as no key. */
  #read(socket: Socket): ProvedKey | 'none' {
    const raw = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
    const pin = raw && this.#keyTools.enrollablePinOf(raw);
    return raw === undefined || pin === undefined
      ? 'none'
      : Object.freeze({ pin, cert: raw.toString('base64') });
  }
}
