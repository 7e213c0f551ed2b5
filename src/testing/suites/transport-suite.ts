import { strict as assert } from 'node:assert';
import { parseAddress } from '../../core/address.js';
import { toEndpoint } from '../../core/endpoint.js';
import type { Channel, Transport } from '../../core/transport.js';
import { RecordingHandler, type RecordingOptions } from './recording-handler.js';
import type { SuiteCase } from './suite-case.js';

/**
 * Behavior of a server of the suite.
 *
 * - `responds`: responds with the body `hello` and status 200. A path such as `/status/503` sets the status.
 * - `hangs`: reads requests and does not respond
 * - `refuses`: refuses connections
 */
export type SuiteBehavior = 'responds' | 'hangs' | 'refuses';

/** A server to which the suite sends requests. */
export interface SuiteEndpoint {
  /** Address of the server. */
  readonly address: string;
  /** Returns the paths of the requests received so far, perhaps with the paths of probes. */
  paths(): readonly string[];
  /** Resolves when the server has received `count` requests. */
  whenRead(count: number): Promise<void>;
  /** Stops the server. */
  close(): Promise<void>;
}

/** Options of {@link transportSuite}. */
export interface TransportSuiteOptions {
  /** Creates a transport. Called once per case. */
  create(): Transport;
  /** Starts a server with this behavior at an address that no other server uses. */
  start(behaviour: SuiteBehavior): Promise<SuiteEndpoint>;
}

/**
 * Conformance suite of a transport, for any test runner. The suite checks the order of the `RequestHandler`
 * callbacks, aborts, and the closing of channels. Timeouts in the cases are at most 1 s.
 *
 * @see [C3.3](../../../docs/guarantees.md#c3-3)
 */
export function transportSuite(options: TransportSuiteOptions): readonly SuiteCase[] {
  const suiteCase = (
    name: string,
    behaviours: readonly SuiteBehavior[],
    body: (channel: Channel, endpoint: SuiteEndpoint) => Promise<void>,
  ): SuiteCase => ({ name, run: () => withChannel(options, behaviours, body) });

  return [
    suiteCase(
      'calls the handler methods for a response in the documented order',
      ['responds'],
      async (channel, endpoint) => {
        const handler = await request(channel, { path: '/status/404' });
        assert.deepEqual(handler.calls, ['onConnect', 'onHeaders 404', 'onData', 'onComplete']);
        assert.equal(handler.body, 'hello');
        assert.deepEqual(endpoint.paths(), ['/status/404']);
      },
    ),
    suiteCase(
      'calls onError, and not onConnect, when the connection is refused',
      ['refuses'],
      async (channel) => {
        for (const freshOnly of [false, true])
          assert.deepEqual((await request(channel, { freshOnly })).calls, ['onError']);
      },
    ),
    suiteCase('sends nothing when onConnect throws', ['responds'], async (channel, endpoint) => {
      for (const freshOnly of [false, true]) {
        const unwanted = await request(channel, { path: '/unwanted', freshOnly, throwInConnect: aborted });
        assertAborted(unwanted, ['onConnect']);
        // The connection must still be usable. If the bytes of `/unwanted` had been written, the server would have
        // read them before `/wanted`.
        assertComplete(await request(channel, { path: '/wanted', freshOnly }));
      }
      assert.deepEqual(endpoint.paths(), ['/wanted', '/wanted']);
    }),
    suiteCase(
      'sends nothing when the request is aborted in onConnect',
      ['responds'],
      async (channel, endpoint) => {
        assertAborted(await request(channel, { path: '/unwanted', abortInConnect: aborted }), ['onConnect']);
        assertComplete(await request(channel, { path: '/wanted' }));
        assert.deepEqual(endpoint.paths(), ['/wanted']);
      },
    ),
    suiteCase('reports an abort once', ['hangs'], async (channel, endpoint) => {
      const handler = dispatch(channel);
      await endpoint.whenRead(1);
      handler.abort(aborted);
      handler.abort(new Error('A second time'));
      await handler.ended;
      assertAborted(handler, ['onConnect']);
    }),
    suiteCase('calls only onError after an abort in onHeaders', ['responds'], async (channel) => {
      const handler = await request(channel, { abortInHeaders: aborted });
      assertComplete(await request(channel));
      assertAborted(handler, ['onConnect', 'onHeaders 200']);
    }),
    suiteCase('pauses the body until the handler resumes the body', ['responds'], async (channel) => {
      const handler = await pausedRequest(channel);
      assertComplete(await request(channel));
      assert.deepEqual(handler.calls, ['onConnect', 'onHeaders 200']);
      handler.resume();
      await handler.ended;
      assert.deepEqual(handler.calls, ['onConnect', 'onHeaders 200', 'onData', 'onComplete']);
    }),
    suiteCase('connects without sending a request', ['responds'], async (channel, endpoint) => {
      await channel.connect();
      // When the response arrives, the server has also received everything that was sent before.
      assertComplete(await request(channel));
      assert.deepEqual(endpoint.paths(), ['/']);
    }),
    suiteCase('rejects connect() when the connection is refused', ['refuses'], async (channel) => {
      await assert.rejects(channel.connect());
    }),
    suiteCase('resolves a probe when the server responds', ['responds'], (channel) => channel.probe(1_000)),
    suiteCase('resolves a probe for any response status', ['responds'], (channel) =>
      channel.probe(1_000, { method: 'GET', path: '/status/503' }),
    ),
    suiteCase('rejects a probe when the server does not respond in time', ['hangs'], async (channel) => {
      await assert.rejects(channel.probe(50));
    }),
    suiteCase('rejects a probe when the connection is refused', ['refuses'], async (channel) => {
      await assert.rejects(channel.probe(1_000));
    }),
    suiteCase(
      'after resetConnections(), sends new requests over new connections and completes the requests in flight',
      ['responds'],
      async (channel) => {
        const before = await pausedRequest(channel);
        channel.resetConnections();
        assertComplete(await request(channel));
        before.resume();
        await before.ended;
        assert.equal(before.body, 'hello');
      },
    ),
    suiteCase('switches to the next address', ['refuses', 'responds'], async (channel) => {
      const { address } = channel;
      await assert.rejects(channel.connect());
      assert.equal(channel.nextAddress(address), true);
      assert.notEqual(channel.address.text, address.text);
      assertComplete(await request(channel));
    }),
    suiteCase(
      'switches to the next address once for all requests that failed at an address',
      ['refuses', 'responds'],
      async (channel) => {
        const { address } = channel;
        assert.equal(channel.nextAddress(address), true);
        const next = channel.address.text;
        assert.equal(channel.nextAddress(address), true);
        assert.equal(channel.address.text, next);
        assertComplete(await request(channel));
      },
    ),
    suiteCase(
      'has no next address when all addresses have failed',
      ['refuses', 'refuses'],
      async (channel) => {
        const first = channel.address.text;
        for (const hasNext of [true, false]) {
          await assert.rejects(channel.connect());
          assert.equal(channel.nextAddress(channel.address), hasNext);
        }
        assert.equal(channel.address.text, first);
      },
    ),
    suiteCase(
      'after all addresses have failed, tries each address again for the next request',
      ['refuses', 'responds'],
      async (channel) => {
        for (const hasNext of [true, false]) assert.equal(channel.nextAddress(channel.address), hasNext);
        await request(channel);
        assert.equal(channel.nextAddress(channel.address), true);
        assertComplete(await request(channel));
      },
    ),
    suiteCase('has no next address when the endpoint has only one address', ['refuses'], async (channel) => {
      assert.equal(channel.nextAddress(channel.address), false);
    }),
    suiteCase('closes when the requests in flight have ended', ['responds'], async (channel) => {
      const handler = await pausedRequest(channel);
      let closed = false;
      const closing = channel.close().then(() => {
        closed = true;
      });
      assert.equal(closed, false);
      handler.resume();
      await handler.ended;
      assertComplete(handler);
      await closing;
      assert.deepEqual((await request(channel)).calls, ['onError']);
    }),
    suiteCase(
      'fails the requests in flight when the channel is destroyed',
      ['hangs'],
      async (channel, endpoint) => {
        const handlers = [dispatch(channel), dispatch(channel, { freshOnly: true })];
        await endpoint.whenRead(2);
        await channel.destroy(new Error('Destroyed'));
        for (const handler of handlers) {
          await handler.ended;
          assert.deepEqual(handler.calls, ['onConnect', 'onError']);
        }
        assert.deepEqual((await request(channel)).calls, ['onError']);
      },
    ),
  ];
}

async function withChannel(
  options: TransportSuiteOptions,
  behaviours: readonly SuiteBehavior[],
  body: (channel: Channel, endpoint: SuiteEndpoint) => Promise<void>,
): Promise<void> {
  const endpoints = await Promise.all(behaviours.map((behaviour) => options.start(behaviour)));
  const addresses = endpoints.map(({ address }) => address);
  const endpoint = toEndpoint({ id: 'suite', addresses }, 'the transport suite');
  const channel = options.create().open(endpoint, addresses.map(parseAddress), 'suite.clerk');
  try {
    await body(channel, endpoints[0] as SuiteEndpoint);
  } finally {
    await channel.destroy(new Error('The case has ended'));
    await Promise.all(endpoints.map((started) => started.close()));
  }
}

interface SuiteRequest extends RecordingOptions {
  readonly path?: string;
  readonly freshOnly?: boolean;
}

function dispatch(
  channel: Channel,
  { path = '/', freshOnly = false, ...options }: SuiteRequest = {},
): RecordingHandler {
  const handler = new RecordingHandler(options);
  channel.dispatch({ path, method: 'GET' }, handler, freshOnly);
  return handler;
}

async function request(channel: Channel, options?: SuiteRequest): Promise<RecordingHandler> {
  const handler = dispatch(channel, options);
  await handler.ended;
  return handler;
}

async function pausedRequest(channel: Channel): Promise<RecordingHandler> {
  const handler = dispatch(channel, { pauseInHeaders: true });
  await handler.headReceived;
  return handler;
}

function assertComplete({ calls }: RecordingHandler): void {
  assert.equal(calls.at(-1), 'onComplete');
}

const aborted = new Error('Aborted by the suite');

function assertAborted({ calls, error }: RecordingHandler, before: readonly string[]): void {
  assert.deepEqual(calls, [...before, 'onError']);
  assert.equal(error, aborted);
}
