/**
 * Any protocol: your function exchanges messages with the endpoint that the clerk has chosen. Here, the function
 * sends a line over TCP and reads a line. The clerk does not know which bytes were sent, so declare the kind of the
 * call. `once`, the default, is never retried. `idempotent` and `safe` calls fail over to another endpoint.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { createClerk, type Endpoint } from 'binding-clerk';
import { serveLines } from './lib/serve-lines.js';

export async function main(): Promise<void> {
  const [a, b] = [await serveLines('a'), await serveLines('b')];
  const clerk = createClerk({ registry: { '/shop/counter': [a.endpoint, { ...b.endpoint, weight: 0 }] } });
  const counter = clerk.bind('/shop/counter');

  const say = (line: string) =>
    counter.call((endpoint, { signal }) => exchangeLine(endpoint, line, signal), { kind: 'idempotent' });

  console.log(await say('hello'));
  await a.stop();
  console.log(await say('hello again'));

  await clerk.close();
  await b.stop();
}

/** Sends a line and reads a line. If the function throws, the attempt has failed. The signal aborts at the deadline. */
async function exchangeLine({ address }: Endpoint, line: string, signal: AbortSignal): Promise<string> {
  const { hostname, port } = new URL(address); // tcp://127.0.0.1:4000
  const socket = connect({ host: hostname, port: Number(port), signal });
  socket.end(`${line}\n`);
  const [response] = (await once(socket, 'data', { signal })) as [Buffer];
  socket.destroy();
  return response.toString().trim();
}

if (process.argv[1] === import.meta.filename) await main();
//=> a: HELLO
//=> b: HELLO AGAIN
