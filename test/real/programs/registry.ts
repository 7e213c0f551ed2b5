/** A reference server in a process of its own: keeps its names in a folder, and starts services where it has manifests. */
import { startServer } from 'binding-clerk/server';
import { printLine } from './print-line.js';

const [data = '', port = '0', manifests] = process.argv.slice(2);
const server = await startServer({
  data,
  port: Number(port),
  ...(manifests !== undefined && { manifests }),
});
printLine('at', server.url);
