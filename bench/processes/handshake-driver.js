/** A process that opens TLS connections to one server, one after another: with the dial of the library, and with node:tls. */
import { connect } from 'node:tls';
import { handleTasks } from '../lib/child-process.js';
import { now } from '../lib/clock.js';
import { pinOf, tlsOf } from '../lib/secured-registry.js';
import { internalUrl } from '../lib/subject.js';

/** @typedef {'dial' | 'tls'} Client */

/** Opens one connection. `isFull`: without the session of an earlier connection. @type {Record<Client, (isFull: boolean) => Promise<import('node:tls').TLSSocket>>} */
let open;

handleTasks({
  /** @param {{ port: number, pin: string, identity: string, registry: string, registryKey: string, subject?: string }} input */
  async prepare({ port, pin, identity: file, subject }) {
    const [{ pinnedDial }, { SessionCache }, { systemClock: clock }, { systemKeys: keys }, { parseAddress }] =
      await Promise.all(
        [
          'transport/pinned-tls',
          'transport/session-cache',
          'runtime/system-clock',
          'runtime/system-keys',
          'core/address',
        ].map((path) => import(internalUrl(`${path}.js`, subject))),
      );
    const tls = tlsOf(file);
    const credentials = keys.check({ name: '/shop/web', ...tls });
    const address = parseAddress(`https://127.0.0.1:${port}`);
    const kept = new SessionCache();
    const dialWith = (/** @type {unknown} */ sessions) =>
      pinnedDial({
        ...{ address, sessions, keys, clock, allowH2: false, timeoutMs: 10_000 },
        pins: () => [pin],
        credentials: () => credentials,
      });
    const resumedDial = dialWith(kept);
    /** @type {Buffer | undefined} */
    let session;
    open = {
      dial: (isFull) =>
        new Promise((resolve, reject) => {
          const dial = isFull ? dialWith(new SessionCache()) : resumedDial;
          dial({}, (/** @type {Error | null} */ error, /** @type {any} */ socket) =>
            error === null ? resolve(socket) : reject(error),
          );
        }),
      tls: (isFull) =>
        new Promise((resolve, reject) => {
          const offered = isFull || session === undefined ? {} : { session };
          const socket = connect({ ...tls, ...offered, port, host: '127.0.0.1' }, () => {
            const certificate = socket.getPeerX509Certificate();
            if (!socket.isSessionReused() && (!certificate || pinOf(certificate.raw) !== pin))
              reject(new Error('The server must prove its key'));
            resolve(socket);
          });
          if (!isFull) socket.on('session', (next) => (session = next));
          socket.setNoDelay(true).on('error', reject);
        }),
    };
    // The first connection of each client gets the session of the later ones.
    for (const client of Object.values(open)) {
      const socket = await client(false);
      await new Promise((resolve) => socket.once('session', resolve));
      socket.destroy();
    }
  },

  /**
   * @param {{ client: Client, isFull: boolean, count: number }} input
   * @returns {Promise<{ perSecond: number, cpuUs: number }>} `cpuUs`: CPU of this process per connection
   */
  async run({ client, isFull, count }) {
    const cpu = process.cpuUsage();
    const start = now();
    for (let i = 0; i < count; i++) {
      const socket = await open[client](isFull);
      if (socket.isSessionReused() === isFull)
        throw new Error(`The session must ${isFull ? 'be new' : 'be resumed'}; it is not`);
      socket.destroy();
    }
    const ms = now() - start;
    const { user, system } = process.cpuUsage(cpu);
    return { perSecond: (count * 1_000) / ms, cpuUs: (user + system) / count };
  },
});
