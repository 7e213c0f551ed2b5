import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Address } from '../core/address.js';
import { localhostLookup } from '../core/localhost-lookup.js';
import { probeUserAgent } from '../protocol/call-headers.js';
import { ownAddresses } from './host-addresses.js';

const bothLoopbacks = localhostLookup('localhost') as { readonly lookup?: LookupFunction };

export function probeListener(
  { protocol, hostname, port, socketPath }: Address,
  signal: AbortSignal,
): Promise<'answered' | 'silent' | 'unknown'> {
  const [ip, ...others] = ownAddresses(hostname);
  if (socketPath === undefined && ip === undefined) return Promise.resolve('unknown');
  const target =
    socketPath !== undefined
      ? { path: socketPath }
      : others.length === 0
        ? { host: ip as string, port }
        : // Both loopback addresses are tried.
          { host: 'localhost', port, autoSelectFamily: true, ...bothLoopbacks };
  return new Promise((resolve) => {
    let isConnected = false;
    const socket: Socket =
      protocol === 'https'
        ? // The probe sends no secret, so the certificate is not checked.
          connectTls({ ...target, rejectUnauthorized: false })
        : connectTcp(target);
    const settle = (result: 'answered' | 'silent'): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(result);
    };
    const onAbort = (): void => settle('silent');
    const onAnswered = (): void => settle('answered');
    // The kernel accepts a connection even for a stopped process. Only a running process closes the connection.
    const onEnded = (): void => settle(isConnected ? 'answered' : 'silent');
    socket.once('connect', () => {
      isConnected = true;
      if (protocol === 'tcp') onAnswered();
      else if (protocol === 'http')
        socket.write(
          `OPTIONS / HTTP/1.1\r\nhost: localhost\r\nuser-agent: ${probeUserAgent}\r\nconnection: close\r\n\r\n`,
        );
    });
    for (const event of ['data', 'secureConnect', 'end']) socket.once(event, onAnswered);
    socket.on('error', onEnded).once('close', onEnded);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort);
  });
}
