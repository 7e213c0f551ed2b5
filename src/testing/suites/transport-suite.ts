import { strict as assert } from 'node:assert';
import { parseAddress } from '../../core/address.js';
import { toEndpoint } from '../../core/endpoint.js';
import type { Channel, Transport } from '../../core/transport.js';
import { RecordingHandler } from './recording-handler.js';
import type { SuiteCase } from './suite-case.js';

/**
 * Behavior of a server of the suite.
 *
 * - `responds`: the server responds with the body `hello` and with the status in the last segment of the path
 * (`/status/503`). Without a status in the path, the status is 200.
 * - `hangs`: the server reads requests and does not respond.
 * - `refuses`: the server refuses connections.
 */
export type SuiteBehavior = 'responds' | 'hangs' | 'refuses';

/** A server to which the suite sends requests. */
export interface SuiteEndpoint {
  /** Address of the server. */
  readonly address: string;
  /** Returns the paths of the requests that the server has received so far. Paths of probes may be included. */
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

const get = (path: string) => ({ path, method: 'GET' });

/**
 * Conformance suite of a transport, for any test runner. The suite checks the order of the `RequestHandler`
 * callbacks, that nothing is sent after an abort, and that channels close. Timeouts in the cases are 1 s or shorter.
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
    suiteCase('reports a response in the documented order', ['responds'], async (channel, endpoint) => {
      const handler = new RecordingHandler();
      channel.dispatch(get('/status/404'), handler, false);
      await handler.ended;
      assert.deepEqual(handler.calls, ['onConnect', 'onHeaders 404', 'onData', 'onComplete']);
      assert.equal(handler.body, 'hello');
      assert.deepEqual(endpoint.paths(), ['/status/404']);
    }),
    suiteCase('reports a refused connection without onConnect', ['refuses'], async (channel) => {
      for (const cautious of [false, true]) {
        const handler = new RecordingHandler();
        channel.dispatch(get('/'), handler, cautious);
        await handler.ended;
        assert.deepEqual(handler.calls, ['onError']);
      }
    }),
    suiteCase('sends nothing when onConnect throws', ['responds'], async (channel, endpoint) => {
      for (const cautious of [false, true]) {
        const reason = new Error('Aborted by the suite');
        const unwanted = new RecordingHandler({ throwInConnect: reason });
        channel.dispatch(get('/unwanted'), unwanted, cautious);
        await unwanted.ended;
        assert.deepEqual(unwanted.calls, ['onConnect', 'onError']);
        assert.equal(unwanted.error, reason);
        // The connection must still be usable. If the bytes of `/unwanted` had been written, the server would have
        // read `/unwanted` before `/wanted`.
        const wanted = new RecordingHandler();
        channel.dispatch(get('/wanted'), wanted, cautious);
        await wanted.ended;
        assert.deepEqual(wanted.calls.at(-1), 'onComplete');
      }
      assert.deepEqual(endpoint.paths(), ['/wanted', '/wanted']);
    }),
    suiteCase(
      'sends nothing when the request is aborted in onConnect',
      ['responds'],
      async (channel, endpoint) => {
        const reason = new Error('Aborted by the suite');
        const unwanted = new RecordingHandler({ abortInConnect: reason });
        channel.dispatch(get('/unwanted'), unwanted, false);
        await unwanted.ended;
        assert.deepEqual(unwanted.calls, ['onConnect', 'onError']);
        assert.equal(unwanted.error, reason);
        const wanted = new RecordingHandler();
        channel.dispatch(get('/wanted'), wanted, false);
        await wanted.ended;
        assert.deepEqual(endpoint.paths(), ['/wanted']);
      },
    ),
    suiteCase('reports an abort once', ['hangs'], async (channel, endpoint) => {
      const handler = new RecordingHandler();
      channel.dispatch(get('/'), handler, false);
      await endpoint.whenRead(1);
      const reason = new Error('Aborted by the suite');
      handler.abort(reason);
      handler.abort(new Error('A second time'));
      await handler.ended;
      assert.deepEqual(handler.calls, ['onConnect', 'onError']);
      assert.equal(handler.error, reason);
    }),
    suiteCase('calls nothing but onError after an abort in onHeaders', ['responds'], async (channel) => {
      const reason = new Error('Aborted by the suite');
      const handler = new RecordingHandler({ abortInHeaders: reason });
      channel.dispatch(get('/'), handler, false);
      await handler.ended;
      await completeRequest(channel);
      assert.deepEqual(handler.calls, ['onConnect', 'onHeaders 200', 'onError']);
      assert.equal(handler.error, reason);
    }),
    suiteCase('pauses the body until the handler resumes the body', ['responds'], async (channel) => {
      const handler = new RecordingHandler({ pauseInHeaders: true });
      channel.dispatch(get('/'), handler, false);
      await handler.headReceived;
      await completeRequest(channel);
      assert.deepEqual(handler.calls, ['onConnect', 'onHeaders 200']);
      handler.resume();
      await handler.ended;
      assert.deepEqual(handler.calls, ['onConnect', 'onHeaders 200', 'onData', 'onComplete']);
    }),
    suiteCase('connects without sending a request', ['responds'], async (channel, endpoint) => {
      await channel.connect();
      await completeRequest(channel);
      assert.deepEqual(endpoint.paths(), ['/']);
    }),
    suiteCase('rejects a connect that is refused', ['refuses'], async (channel) => {
      await assert.rejects(channel.connect());
    }),
    suiteCase('resolves a probe when the server responds', ['responds'], async (channel) => {
      await channel.probe(1_000);
    }),
    suiteCase('rejects a probe when the server does not respond in time', ['hangs'], async (channel) => {
      await assert.rejects(channel.probe(50));
    }),
    suiteCase('rejects a probe when the connection is refused', ['refuses'], async (channel) => {
      await assert.rejects(channel.probe(1_000));
    }),
    suiteCase(
      'uses new connections after a reset and finishes the requests in flight',
      ['responds'],
      async (channel) => {
        const before = new RecordingHandler({ pauseInHeaders: true });
        channel.dispatch(get('/'), before, false);
        await before.headReceived;
        channel.resetConnections();
        await completeRequest(channel);
        before.resume();
        await before.ended;
        assert.equal(before.body, 'hello');
      },
    ),
    suiteCase('switches to the next address', ['refuses', 'responds'], async (channel) => {
      const first = channel.address.text;
      await assert.rejects(channel.connect());
      assert.equal(channel.nextAddress(channel.address), true);
      assert.notEqual(channel.address.text, first);
      await completeRequest(channel);
    }),
    suiteCase(
      'switches once for all requests that failed at an address',
      ['refuses', 'responds'],
      async (channel) => {
        const { address } = channel;
        assert.equal(channel.nextAddress(address), true);
        const next = channel.address.text;
        assert.equal(channel.nextAddress(address), true);
        assert.equal(channel.address.text, next);
        await completeRequest(channel);
      },
    ),
    suiteCase('has no next address when all have failed', ['refuses', 'refuses'], async (channel) => {
      const first = channel.address.text;
      await assert.rejects(channel.connect());
      assert.equal(channel.nextAddress(channel.address), true);
      await assert.rejects(channel.connect());
      assert.equal(channel.nextAddress(channel.address), false);
      assert.equal(channel.address.text, first);
    }),
    suiteCase('has no next address when the endpoint has only one address', ['refuses'], async (channel) => {
      assert.equal(channel.nextAddress(channel.address), false);
    }),
    suiteCase('closes after the requests in flight', ['responds'], async (channel) => {
      const handler = new RecordingHandler({ pauseInHeaders: true });
      channel.dispatch(get('/'), handler, false);
      await handler.headReceived;
      let closed = false;
      const closing = channel.close().then(() => {
        closed = true;
      });
      assert.equal(closed, false);
      handler.resume();
      await handler.ended;
      assert.equal(handler.calls.at(-1), 'onComplete');
      await closing;
      await assertRefused(channel);
    }),
    suiteCase(
      'fails the requests in flight when the channel is destroyed',
      ['hangs'],
      async (channel, endpoint) => {
        const handlers = [new RecordingHandler(), new RecordingHandler()];
        channel.dispatch(get('/'), handlers[0] as RecordingHandler, false);
        channel.dispatch(get('/'), handlers[1] as RecordingHandler, true);
        await endpoint.whenRead(2);
        await channel.destroy(new Error('Destroyed'));
        for (const handler of handlers) {
          await handler.ended;
          assert.deepEqual(handler.calls, ['onConnect', 'onError']);
        }
        await assertRefused(channel);
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

/**
 * Sends a request and waits for its response. The server has then also received everything that the channel sent
 * before this request.
 */
async function completeRequest(channel: Channel): Promise<void> {
  const handler = new RecordingHandler();
  channel.dispatch(get('/'), handler, false);
  await handler.ended;
  assert.equal(handler.calls.at(-1), 'onComplete');
}

async function assertRefused(channel: Channel): Promise<void> {
  const late = new RecordingHandler();
  channel.dispatch(get('/late'), late, false);
  await late.ended;
  assert.deepEqual(late.calls, ['onError']);
}
