/** A server that has as many connections as it may have. @see [A9](../../../docs/guarantees.md#a9) */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { startHarness } from './http-harness.js';

/** Opens connections one after the other. Each is accepted, or closed without an answer. */
async function open(host: string, port: number, count: number): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count; i++) {
    const socket = connect(port, host);
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    // The server handles the connection before it answers one that was opened later.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return sockets;
}

test.each([
  ['127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['localhost', '127.0.0.1', '127.0.0.1'],
  ['localhost', '::1', '::1'],
])(
  'a connection above the limit of a server at %s is closed, and logged once per client (%s)',
  async (host, dialled, shown) => {
    const { http, warnings } = await startHarness({ host, maxConnections: 3 });
    const sockets = await open(dialled, http.port, 5);
    for (const refused of sockets.slice(3)) if (!refused.closed) await once(refused, 'close');
    expect(sockets.map(({ closed }) => closed)).toEqual([false, false, false, true, true]);
    expect(warnings).toEqual([
      `A request of address:${shown} reached a limit: The server has 3 connections, which is the maximum; a further connection was closed`,
    ]);
    // The end of a connection makes room for another one.
    sockets[0]?.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const [next] = await open(dialled, http.port, 1);
    next?.write('GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(next as Socket, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of sockets) socket.destroy();
  },
);
