/** Listens with the shortest backlog and never accepts: once the backlog is full, connections stall. */
import { createServer } from 'node:net';

const server = createServer();
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
  process.send(server.address().port, () => {
    // Blocks the event loop from here on; the parent ends this process.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
});
