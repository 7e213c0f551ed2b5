/** Imports the library, creates a clerk and prints after each step whether any global has changed. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Dispatcher } from 'undici';
import { printLine } from './print-line.js';

const symbol = Symbol.for('undici.globalDispatcher.1');
const current = (): unknown => Reflect.get(globalThis, symbol);
const [, , setBefore] = process.argv;
const server = createServer((_request, response) => void response.end('{"ok":true}'));
await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

let dispatched = 0;
if (setBefore === 'own') {
  const { Agent, setGlobalDispatcher } = await import('undici');
  class Counting extends Agent {
    override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
      dispatched++;
      return super.dispatch(options, handler);
    }
  }
  setGlobalDispatcher(new Counting());
} else if (setBefore === 'fetched') {
  await (await fetch(address)).text();
}

const before = current();
const namesBefore = Object.getOwnPropertyNames(globalThis).sort().join();
const { fetch: fetchBefore } = globalThis;
// Reading these makes Node load its undici, so they are read only when a dispatcher was set before.
const classes = (): unknown[] =>
  before === undefined ? [] : [Request, Response, FormData, Headers].map((value: unknown) => value);
const classesBefore = classes();

const { createClerk } = await import('binding-clerk');
printLine('after-import', current() === before);

const clerk = createClerk({ registry: { '/shop/orders': address } });
const after = current();
// An existing dispatcher stays. Without one Node's own agent is set, as at the first fetch.
printLine(
  'after-create',
  before === undefined
    ? (after as object | undefined)?.constructor.name === 'Agent' &&
        !(after instanceof (await import('undici')).Agent)
    : after === before,
);

printLine('response', await clerk.bind('/shop/orders').text('/orders'));
printLine(
  'same-globals',
  fetch === fetchBefore &&
    classes().every((value, i) => value === classesBefore[i]) &&
    Object.getOwnPropertyNames(globalThis).sort().join() === namesBefore,
);
printLine('after-call', current() === after);

const { request, fetch: undiciFetch } = await import('undici');
printLine('own-request', await (await request(address)).body.text());
printLine('own-undici-fetch', await (await undiciFetch(address)).text());
printLine('own-fetch', await (await fetch(address)).text());
const passed = await clerk.fetch(address);
printLine('passed', await passed.text());
await clerk.close();
printLine('after-close', current() === after);
printLine('own-request-after-close', await (await request(address)).body.text());
printLine('dispatched', dispatched);
server.close().closeAllConnections();
const agent = current() as { close?: () => Promise<void> } | undefined;
await agent?.close?.();
