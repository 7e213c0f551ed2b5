/**
 * The bundled server in a process of its own, with its data in a folder, so that it can be
 * killed and started again, and with the launcher. In a terminal that is `npx clerk serve --data … --manifests …`.
 *
 *   registry-process.ts PORT FOLDER
 */
import { startServer } from 'binding-clerk/server';

const [port = '0', folder = '.'] = process.argv.slice(2);
const server = await startServer({
  port: Number(port),
  data: `${folder}/data`,
  manifests: `${folder}/manifests`,
});
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {}); // Ctrl-C in the terminal reaches us too; who forked us decides
process.send?.({ port: server.port });
