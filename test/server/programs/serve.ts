/** A server as a process: prints its address once it reads from stdin, and closes on SIGTERM. */
import { once } from 'node:events';
import { startServer } from '../../../src/server/index.js';

const [data, port = '0'] = process.argv.slice(2);
process.stdout.write('loaded\n');
// Loading modules takes longest, so a test does it while the previous server still runs.
await once(process.stdin, 'data');
const server = await startServer({ port: Number(port), ...(data !== undefined && data !== '' && { data }) });
process.stdout.write(`${server.url}\n`);
process.once('SIGTERM', () => {
  void server.close().then(() => process.stdin.destroy());
});
