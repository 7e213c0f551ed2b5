/**
 * Every service of the video-on-demand system: what it does depends on its name, and whom it calls it knows by name.
 *
 * @see Tcl-DP T17
 *
 *   service.ts NAME PORT INSTANCE REGISTRY
 *   service.ts NAME                          started by the launcher
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk } from 'binding-clerk';
import { advertise } from 'binding-clerk/service';

const words = process.argv.slice(2);
const [name = '', port = '0', id, registry] = words;

/** What each of them answers to the question for a film. */
const answers: Readonly<Record<string, (film: string) => Promise<string>>> = {
  // Continuous media servers: each holds every film.
  '/cms/host1': (film) => Promise.resolve(`${film} from host1`),
  '/cms/host2': (film) => Promise.resolve(`${film} from host2`),
  // The manager knows the file servers by their names, and takes the first that can.
  '/bvods/vmgr': async (film) => {
    const sources = ['/bvods/vfs1/cms', '/bvods/vfs2/cms'].map((source) => clerk.bind(source));
    for (const source of sources) {
      const answer = await source.text(film).catch(() => undefined);
      if (answer !== undefined) return answer;
    }
    throw new Error(`Nobody has ${film}`);
  },
  // The query server asks the manager.
  '/bvods/qs': (film) => clerk.bind('/bvods/vmgr').text(film),
};

const server = createServer((request, response) => {
  answers[name]?.(request.url ?? '/').then(
    (answer) => response.end(answer),
    (error: unknown) => response.writeHead(503).end(String(error)),
  );
});
server.listen(Number(port), '127.0.0.1', () =>
  process.send?.({ port: (server.address() as AddressInfo).port }),
);
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {}); // who forked us decides

const ad = await advertise({
  name,
  address: server,
  ...(id !== undefined && registry !== undefined && { id, registry }),
});
const clerk = createClerk({ registry: ad.registry });
