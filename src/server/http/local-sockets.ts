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
 * A Unix socket leads each clerk to its own host. Only a program on the host of the server may therefore register one.
 *
 * @throws {@link HttpError} `FORBIDDEN`
 * @see [A19](../../../docs/guarantees.md#a19)
 */
export function checkSockets({ name, addresses }: RegisterRequest, isOnLoopback: boolean): void {
  const socket = addresses.find((address) => /^unix[:+]/.test(address));
  if (socket === undefined || isOnLoopback) return;
  throw new HttpError(
    'FORBIDDEN',
    `The address ${quote(socket)} of ${name} must be registered over loopback, because a Unix socket leads each client to its own host; register an address of the network`,
  );
}
