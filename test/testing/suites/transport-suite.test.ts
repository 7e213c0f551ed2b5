import { createServer, type Server } from 'node:http';
import { createServer as createNetServer, type AddressInfo } from 'node:net';
import { afterAll, test } from 'vitest';
import { transportSuite, type SuiteBehavior } from 'binding-clerk/testing';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { defaultTransport } from '../../../src/transport/default-transport.js';

const open = new Set<Server>();
afterAll(() => {
  for (const server of open) server.close().closeAllConnections();
});

async function start(behavior: SuiteBehavior) {
  const paths: string[] = [];
  const waiting: (() => void)[] = [];
  const server = createServer((request, response) => {
    if (request.url !== '*') paths.push(String(request.url));
    for (const check of waiting) check();
    if (behavior === 'hangs') return;
    response.statusCode = Number(/[0-9]+$/.exec(String(request.url))?.[0] ?? 200);
    response.end('hello');
  });
  const address = `http://127.0.0.1:${String(await listening(server, behavior === 'refuses'))}`;
  return {
    address,
    paths: () => paths,
    whenRead: (count: number) =>
      new Promise<void>((resolve) => {
        const check = (): void => {
          if (paths.length >= count) resolve();
        };
        waiting.push(check);
        check();
      }),
    async close() {
      open.delete(server);
      server.close().closeAllConnections();
    },
  };
}

/** Listens and returns the port. For a refusing server, returns a port that was just closed. */
async function listening(server: Server, refuses: boolean): Promise<number> {
  const listener = refuses ? createNetServer() : server;
  await new Promise<void>((resolve) => void listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  if (refuses) await new Promise((resolve) => void listener.close(resolve));
  else open.add(server);
  return port;
}

const create = () =>
  defaultTransport({ connections: 4, maxSockets: 1_000, tls: {}, undici: {} }, systemClock);

for (const { name, run } of transportSuite({ create, start })) test(`real sockets: ${name}`, run);
