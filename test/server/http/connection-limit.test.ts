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
  ['127.0.0.1', '127.0.0.1'],
  ['localhost', '127.0.0.1'],
  ['localhost', '::1'],
])(
  'a connection above the limit of a server at %s closes the idlest one, and is logged once per client (%s)',
  async (host, dialled) => {
    const { http, warnings } = await startHarness({ host, maxConnections: 3 });
    const sockets = await open(dialled, http.port, 5);
    for (const idlest of sockets.slice(0, 2)) if (!idlest.closed) await once(idlest, 'close');
    expect(sockets.map(({ closed }) => closed)).toEqual([true, true, false, false, false]);
    expect(warnings).toEqual([
      'Principal address:loopback reached a limit: The server can have at most 3 connections, so it closed one of this principal that had no open request; raise the limit with --max-connections',
    ]);
    const last = sockets[4] as Socket;
    last.write('GET /v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    const [answer] = (await once(last, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 200 /);
    for (const socket of sockets) socket.destroy();
  },
);
