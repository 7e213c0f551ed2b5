/** A process with one HTTP server that answers the check of its instance. */
import { createServer } from 'node:http';
import { handleTasks } from '../lib/child-process.js';
import { internalUrl } from '../lib/subject.js';

handleTasks({
  /** @param {{ id: string, subject?: string }} input */
  async listen({ id, subject }) {
    const { nameInstance } = await import(internalUrl('service/instance-naming.js', subject));
    const body = JSON.stringify({ order: 7 });
    const head = { 'content-type': 'application/json', 'content-length': body.length };
    const server = createServer((_, response) => response.writeHead(200, head).end(body));
    nameInstance(server, id);
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
    return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
  },
});
