/** A TCP server for the examples: reads a line, returns its own name and that line in capitals. */
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** Starts a server on a free port of loopback; it never keeps the process alive. */
export async function serveLines(id: string): Promise<{
  readonly endpoint: { readonly id: string; readonly address: string };
  stop(): Promise<void>;
}> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined).on('close', () => sockets.delete(socket)));
    socket.once('data', (line) => socket.end(`${id}: ${line.toString().toUpperCase()}`));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();
  return {
    endpoint: { id, address: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}` },
    stop() {
      for (const socket of sockets) socket.destroy();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
