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
  readonly #keyTools: Pick<KeyTools, 'pinOf'>;
  readonly #bySocket = new WeakMap<Socket, ProvedKey | 'none'>();

  constructor(keyTools: Pick<KeyTools, 'pinOf'>) {
    this.#keyTools = keyTools;
  }

  keyOf(socket: Socket): ProvedKey | undefined {
    let key = this.#bySocket.get(socket);
    if (key === undefined) this.#bySocket.set(socket, (key = this.#read(socket)));
    return key === 'none' ? undefined : key;
  }

  #read(socket: Socket): ProvedKey | 'none' {
    const raw = socket instanceof TLSSocket ? socket.getPeerX509Certificate()?.raw : undefined;
    return raw === undefined
      ? 'none'
      : Object.freeze({ pin: this.#keyTools.pinOf(raw), cert: raw.toString('base64') });
  }
}
