/** A registry server with its data in a folder; launches services if there are manifests. */
import { startServer } from 'binding-clerk/server';
import { printLine } from './print-line.js';

const [data = '', port = '0', manifests = '', adopt] = process.argv.slice(2);
const log = (line: string): void => void process.stderr.write(`${line}\n`);
const server = await startServer({
  data,
  port: Number(port),
  ...(manifests !== '' && { manifests }),
  ...(adopt === 'adopt' && { adopt: true }),
  logger: { debug: () => undefined, info: () => undefined, warn: log, error: log },
});
printLine('at', server.url);
