/** Which requests end when one of several registry servers has responded. */
import { expect, test } from 'vitest';
import type { RegistryConnection, RegistryResponse } from '../../src/registry-client/connection.js';
import { FailoverClient } from '../../src/registry-client/failover-client.js';
import { ManualClock } from '../support/manual-clock.js';

/** A server that responds when the test says so. */
class Server {
  signal: AbortSignal | undefined;
  respond: () => void = () => undefined;

  constructor(readonly name: string) {}

  readonly connection: RegistryConnection = {
    url: 'http://registry',
    request: (_request, signal) => {
      this.signal = signal;
      return new Promise<RegistryResponse>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error));
        this.respond = () =>
          resolve({ status: 200, body: this.name, revision: '1', incarnation: 'i', position: '' });
      });
    },
    stream: () => () => undefined,
    close: () => Promise.resolve(),
  };
}

function lookup(signal = new AbortController().signal) {
  const [first, second, clock] = [new Server('first'), new Server('second'), new ManualClock()];
  const client = new FailoverClient([first.connection, second.connection], clock);
  const options = { signal, hedged: true, parse: ({ body }: RegistryResponse) => body };
  return { first, second, clock, response: client.request({ path: '/v1/resolve' }, options) };
}

test('a response aborts the request that is still pending at the other server', async () => {
  const { first, second, clock, response } = lookup();
  clock.advance(500);
  second.respond();
  expect(await response).toBe('second');
  expect([first.signal?.aborted, first.signal?.reason]).toEqual([
    true,
    new Error('Another server has responded'),
  ]);
});

test('a response to the only request aborts nothing', async () => {
  const { first, second, response } = lookup();
  first.respond();
  expect(await response).toBe('first');
  expect([first.signal?.aborted, second.signal]).toEqual([false, undefined]);
});

test('an abort by the caller aborts the requests at both servers', async () => {
  const controller = new AbortController();
  const { first, second, clock, response } = lookup(controller.signal);
  clock.advance(500);
  controller.abort(new Error('Enough'));
  await expect(response).rejects.toThrow('Enough');
  expect([first.signal?.aborted, second.signal?.aborted]).toEqual([true, true]);
});
