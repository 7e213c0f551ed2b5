/**
 * The bundled server in a child process, with its data in a folder and with the launcher, so that it can be killed
 * and restarted. The command for a terminal is `npx clerk serve --data … --manifests …`.
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
process.on('SIGINT', () => {}); // Ctrl-C in a terminal reaches this process too; the parent decides
process.send?.({ port: server.port });
