/** A program that calls more servers than it may have files open. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { nodeArguments } from '../support/compiled-programs.js';

test('calls wait for a socket: all succeed, and no endpoint counts as unresponsive', async () => {
  const servers = await Promise.all(
    Array.from({ length: 150 }, async () => {
      const server = createServer((_request, response) => void setTimeout(() => response.end('ok'), 5));
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  onTestFinished(() => {
    for (const server of servers) server.close().closeAllConnections();
  });
  const addresses = servers.map(
    (server) => `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
  );
  const program = fileURLToPath(new URL('programs/many-servers.ts', import.meta.url));

  const child = spawn('sh', [
    '-c',
    'ulimit -n 120; exec "$0" "$@"',
    process.execPath,
    ...nodeArguments(program),
    addresses.join(),
  ]);
  onTestFinished(() => void child.kill('SIGKILL'));
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  await once(child, 'close');

  expect(JSON.parse(printed)).toEqual({ results: [['ok', 300]], trouble: [] });
});
