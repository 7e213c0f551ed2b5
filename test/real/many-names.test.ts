/** 1,500 names on one server: few connections, which close when they are idle. */
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createClerk } from 'binding-clerk';

test('1,500 names on one server use at most four connections for two calls at a time, and none is open some seconds later', async () => {
  const hosts = new Set<string>();
  const server = createServer((request, response) => {
    hosts.add(String(request.headers.host));
    response.end('{}');
  });
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  // The server closes no idle connection, and announces no time after which it would.
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const names = Array.from({ length: 1_500 }, (_, i) => `/many/n${String(i)}`);
  const clerk = createClerk({ registry: Object.fromEntries(names.map((name) => [name, address])) });
  onTestFinished(() => clerk.destroy());

  for (let i = 0; i < names.length; i += 2)
    await Promise.all(names.slice(i, i + 2).map((name) => clerk.bind(name).json('/')));

  expect(hosts.size).toBe(1_500);
  expect(connections).toBeLessThanOrEqual(4);
  for (let passed = 0; passed < 30_000 && sockets.size > 0; passed += 100) await sleep(100);
  expect(sockets.size).toBe(0);

  // A thousand calls at once share the connections of one endpoint: 64, and as many again if some calls were late.
  connections = 0;
  await Promise.all(names.slice(0, 1_000).map((name) => clerk.bind(name).json('/')));
  expect(connections).toBeLessThanOrEqual(128);
}, 60_000);
