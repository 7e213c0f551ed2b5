import { createServer as createHttpsServer } from 'node:https';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Certificate } from './certificates.js';

/** A TLS server whose handshakes wait until the test calls `open`. */
export interface GatedServer {
  readonly address: string;
  /** Requests that arrived. */
  readonly requests: readonly string[];
  /** Resolves when a handshake waits. */
  readonly handshakeWaiting: Promise<void>;
  /**
   * Lets all handshakes proceed; resolves when those that waited have succeeded or their connections have
   * ended.
   */
  open(): Promise<void>;
}

/** Starts a server on a free loopback port; it ends with the test. */
export async function gatedServer(identity: Certificate): Promise<GatedServer> {
  const requests: string[] = [];
  const waiting = new Set<Socket>();
  const all = new Set<Socket>();
  const inner = createHttpsServer(identity, (request, response) => {
    requests.push(`${request.method} ${request.url}`);
    response.end('{"ok":true}');
  });
  inner.on('tlsClientError', () => undefined);
  let onHandshake: () => void = () => undefined;
  const handshakeWaiting = new Promise<void>((resolve) => (onHandshake = resolve));
  const gate = createServer({ pauseOnConnect: true }, (socket) => {
    socket.on('error', () => undefined);
    waiting.add(socket);
    all.add(socket);
    onHandshake();
  });
  await new Promise<void>((resolve) => void gate.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    const closed = new Promise<void>((resolve) => void gate.close(() => resolve()));
    for (const socket of all) socket.destroy();
    await closed;
  });
  return {
    address: `https://127.0.0.1:${(gate.address() as AddressInfo).port}`,
    requests,
    handshakeWaiting,
    async open() {
      const settled = [...waiting].map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.once('close', () => resolve());
            inner.once('secureConnection', () => resolve());
          }),
      );
      for (const socket of waiting) {
        socket.resume();
        inner.emit('connection', socket);
      }
      waiting.clear();
      await Promise.all(settled);
    },
  };
}
