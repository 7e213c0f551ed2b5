/** A listening socket that accepts nobody and whose queue is full: connecting to it stalls, as to a host behind a wall. */
import { fork } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/** See the file's header. */
export interface FullBacklogListener {
  readonly address: string;
  close(): Promise<void>;
}

/** Starts one in a process of its own. */
export async function fullBacklogListener(): Promise<FullBacklogListener> {
  const child = fork(fileURLToPath(new URL('programs/deaf-listener.mjs', import.meta.url)));
  const held: Socket[] = [];
  const port = await new Promise<number>((resolve) =>
    child.once('message', (message) => resolve(message as number)),
  );
  // The kernel takes as many as its queue holds and lets the rest wait: when one is not taken, it is full.
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
