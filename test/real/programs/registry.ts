/** A registry server with its data in a folder; launches services if there are manifests. */
import { startServer } from 'binding-clerk/server';
import { printLine } from './print-line.js';

const [data = '', port = '0', manifests] = process.argv.slice(2);
const server = await startServer({
  data,
  port: Number(port),
  ...(manifests !== undefined && { manifests }),
});
printLine('at', server.url);
