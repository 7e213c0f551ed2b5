import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from '../core/address.js';
import { callHeaders, responseHeaders } from '../protocol/call-headers.js';

/** Maximum size of a response head. The response to an instance check has about 150 bytes. */
const maxResponseBytes = 16_384;

/**
 * Asks the program that accepts the next connection to a listener of this host for its instance id. Never rejects.
 *
 * @returns the instance id; an empty string if an HTTP response contains none; undefined if no HTTP response arrives
 * before `signal` aborts
 * @see [C2.7](../../docs/guarantees.md#c2-7)
 */
export function askInstance(
  { protocol, hostname, port, socketPath }: Address,
  instance: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  const target = socketPath === undefined ? { host: hostname, port } : { path: socketPath };
  return new Promise((resolve) => {
    const socket: Socket =
      protocol === 'https'
        ? // The request has no secret, so the certificate is not checked.
          connectTls({ ...target, rejectUnauthorized: false })
        : connectTcp(target);
    let received = '';
    const settle = (answer: string | undefined): void => {
      signal.removeEventListener('abort', onEnd);
      socket.destroy();
      resolve(answer);
    };
    const onEnd = (): void => settle(undefined);
    socket.once(protocol === 'https' ? 'secureConnect' : 'connect', () =>
      socket.write(
        `OPTIONS / HTTP/1.1\r\nhost: localhost\r\n${callHeaders.instanceCheck}: ${instance}\r\nconnection: close\r\n\r\n`,
      ),
    );
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString('latin1');
      const end = received.indexOf('\r\n\r\n');
      if (end < 0 && received.length <= maxResponseBytes) return;
      const head = received.slice(0, Math.max(0, end));
      if (!head.startsWith('HTTP/1.1 ')) {
        onEnd();
        return;
      }
      const line = head
        .split('\r\n')
        .find((one) => one.toLowerCase().startsWith(`${responseHeaders.instance}:`));
      settle(line?.slice(line.indexOf(':') + 1).trim() ?? '');
    });
    socket.on('error', onEnd).once('close', onEnd);
    signal.addEventListener('abort', onEnd);
    socket.unref();
  });
}
