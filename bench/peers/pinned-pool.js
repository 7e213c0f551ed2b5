/** A Pool over mutual TLS, as a program writes it by hand: a client certificate, and a check of the server's key. */
import { pinOf, tlsOf } from '../lib/secured-registry.js';

/**
 * @param {typeof import('undici')} undici
 * @param {string} origin
 * @param {{ identity: string, pin: string, connections: number }} options - `pin`: of the server
 */
export function pinnedPool(undici, origin, { identity, pin, connections }) {
  const connector = undici.buildConnector(tlsOf(identity));
  return new undici.Pool(origin, {
    connections,
    connect(options, callback) {
      connector(options, (error, socket) => {
        if (error !== null) return callback(error, null);
        const tlsSocket = /** @type {import('node:tls').TLSSocket} */ (socket);
        // A resumed session shows no certificate. It began with a check.
        const certificate = tlsSocket.getPeerX509Certificate();
        if (tlsSocket.isSessionReused() || (certificate && pinOf(certificate.raw) === pin))
          return callback(null, socket);
        socket.destroy();
        callback(new Error(`${origin} must prove the key ${pin}`), null);
      });
    },
  });
}
