/**
 * Every service of the video-on-demand system. Its name decides what it does, and it calls the others by name.
 *
 * @see [T17](../../docs/background.md#t17)
 *
 *   service.ts NAME PORT INSTANCE REGISTRY
 *   service.ts NAME                          started by the launcher
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk } from 'binding-clerk';
import { advertise } from 'binding-clerk/service';

const [name = '', port = '0', id, registry] = process.argv.slice(2);

/** How each service handles a request for a film. */
const handlers: Readonly<Record<string, (film: string) => Promise<string>>> = {
  // Continuous media servers: each has every film.
  '/cms/host1': (film) => Promise.resolve(`${film} from host1`),
  '/cms/host2': (film) => Promise.resolve(`${film} from host2`),
  // The manager knows the file servers by their names, and takes the first that responds.
  '/bvods/vmgr': async (film) => {
    const names = ['/bvods/vfs1/cms', '/bvods/vfs2/cms'];
    const sources = names.map((source) => clerk.bind(source, { timeoutMs: 5_000 }));
    for (const source of sources) {
      const response = await source.text(film).catch(() => undefined);
      if (response !== undefined) return response;
    }
    throw new Error(`No file server has ${film}`);
  },
  // The query server calls the manager.
  '/bvods/qs': (film) => clerk.bind('/bvods/vmgr').text(film),
};

const server = createServer((request, response) => {
  handlers[name]?.(request.url ?? '/').then(
    (text) => response.end(text),
    (error: unknown) => response.writeHead(503).end(String(error)),
  );
});
server.listen(Number(port), '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {}); // the parent decides

const ad = await advertise({
  name,
  address: server,
  ...(id !== undefined && registry !== undefined && { id, registry }),
});
const clerk = createClerk({ registry: ad.registry });
