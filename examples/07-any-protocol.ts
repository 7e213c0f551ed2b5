/**
 * Any protocol: your function exchanges the messages, the clerk does the rest. This one sends a line over TCP and reads a
 * line. The clerk cannot see how far the exchange got, so declare its kind. `once`, the default, is never retried.
 * `idempotent` and `safe` calls fail over to another endpoint.
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

/** Sends one line and reads one. A throw marks the attempt as failed; the signal aborts when its time is over. */
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
