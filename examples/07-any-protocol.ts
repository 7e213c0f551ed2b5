/**
 * Any protocol: you do the talking, the clerk does the rest. Here a line over TCP and a line back, and a server
 * that is gone. The clerk cannot see how far a talk got, so say what a repeat would do: `once`, the default, is
 * never repeated; `idempotent` and `safe` go on at another server.
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
    counter.call((endpoint, { signal }) => talk(endpoint, line, signal), { kind: 'idempotent' });

  console.log(await say('hello'));
  await a.stop();
  console.log(await say('hello again'));

  await clerk.close();
  await b.stop();
}

/** One line there, one line back. Throwing tells the clerk that it failed; the signal says when to give up. */
async function talk({ address }: Endpoint, line: string, signal: AbortSignal): Promise<string> {
  const { hostname, port } = new URL(address); // tcp://127.0.0.1:4000
  const socket = connect({ host: hostname, port: Number(port), signal });
  socket.end(`${line}\n`);
  const [answer] = (await once(socket, 'data', { signal })) as [Buffer];
  socket.destroy();
  return answer.toString().trim();
}

if (process.argv[1] === import.meta.filename) await main();
//=> a: HELLO
//=> b: HELLO AGAIN
