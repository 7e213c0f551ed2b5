import { fork } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A listening socket with a full backlog: connecting stalls, as behind a firewall that drops packets. */
export interface FullBacklogListener {
  readonly address: string;
  close(): Promise<void>;
}

/** Starts one in a child process. */
export async function fullBacklogListener(): Promise<FullBacklogListener> {
  const child = fork(fileURLToPath(new URL('programs/full-backlog-listener.mjs', import.meta.url)));
  const held: Socket[] = [];
  const port = await new Promise<number>((resolve) =>
    child.once('message', (message) => resolve(message as number)),
  );
  // Connect until a connection stalls: then the backlog is full.
  for (let taken = true; taken;) {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => undefined);
    held.push(socket);
    taken = await Promise.race([
      new Promise<boolean>((resolve) => socket.once('connect', () => resolve(true))),
      new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 200)),
    ]);
  }
  return {
    address: `http://127.0.0.1:${port}`,
    async close() {
      for (const socket of held) socket.destroy();
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    },
  };
}
