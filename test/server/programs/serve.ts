/** A reference server as a process: says where it is, once told to begin, and ends cleanly when told to. */
import { once } from 'node:events';
import { startServer } from '../../../src/server/index.js';

const [data, port = '0'] = process.argv.slice(2);
process.stdout.write('loaded\n');
// Loading takes longest: a test has it done while the server before this one still runs.
await once(process.stdin, 'data');
const server = await startServer({ port: Number(port), ...(data !== undefined && data !== '' && { data }) });
process.stdout.write(`${server.url}\n`);
process.once('SIGTERM', () => {
  void server.close().then(() => process.stdin.destroy());
});
