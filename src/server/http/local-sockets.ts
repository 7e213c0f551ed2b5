import { isIP } from 'node:net';
import { quote } from '../../core/describe-value.js';
import type { RegisterRequest } from '../../protocol/registration-messages.js';
import { unmapIpv4 } from './host-check.js';
import { HttpError } from './http-error.js';

export function isLoopback(remoteAddress: string | undefined): boolean {
  const address = unmapIpv4(remoteAddress ?? '');
  return address === '::1' || (isIP(address) === 4 && address.startsWith('127.'));
}

/**
 * Rejects a Unix socket that is not registered over loopback. Each client connects to the socket on its own host, so
 * only a program on the host of the server may register one.
 *
 * @throws {@link HttpError} `FORBIDDEN`
 * @see [A19](../../../docs/guarantees.md#a19)
 */
export function checkSockets({ name, addresses }: RegisterRequest, isOnLoopback: boolean): void {
  const socket = addresses.find((address) => /^unix[:+]/.test(address));
  if (socket === undefined || isOnLoopback) return;
  throw new HttpError(
    'FORBIDDEN',
    `The address ${quote(socket)} of ${name} is a Unix socket, which clients open on their own host; register a network address, or register the socket over loopback on the host of the registry`,
  );
}
