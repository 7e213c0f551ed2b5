/**
 * A process with one service behind TLS, each in two forms: with tickets, at the registry; and without tickets, for peers
 * that use the same TLS. The handler is that of `http-server.js`.
 */
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import { handleTasks } from '../lib/child-process.js';
import { Replica } from '../lib/replica.js';
import { internalUrl } from '../lib/subject.js';

/** @typedef {{ tickets: number, bare: number, h2Tickets: number, h2Bare: number }} Ports */

const body = Buffer.from(JSON.stringify(new Replica({ replica: 'a' }, Math.random).body));
const head = { 'content-type': 'application/json', 'content-length': body.length };
const respond = (/** @type {unknown} */ _request, /** @type {any} */ response) =>
  response.writeHead(200, head).end(body);

handleTasks({
  /**
   * @param {{ name: string, identity: string, registry: string, registryKey: string, subject?: string }} input
   * @returns {Promise<Ports>}
   */
  async listen({ name, identity: file, registry, registryKey, subject }) {
    const { openIdentity } = await import(internalUrl('identity/index.js', subject));
    const { advertise, authenticate } = await import(internalUrl('service/index.js', subject));
    const identity = await openIdentity(file);
    const ticketed = authenticate(respond, { identity, registryKey });
    const servers = {
      tickets: createServer(identity.tls(), ticketed),
      bare: createServer(identity.tls(), respond),
      h2Tickets: createSecureServer(identity.tls(), ticketed),
      h2Bare: createSecureServer(identity.tls(), respond),
    };
    const ports = {};
    for (const [key, server] of Object.entries(servers)) {
      if ('keepAliveTimeout' in server) server.keepAliveTimeout = 60_000;
      await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
      ports[key] = server.address().port;
    }
    await advertise({
      name,
      address: servers.tickets,
      identity,
      registry,
      registryKey,
      drainOnSignal: false,
    });
    return ports;
  },
});
