/**
 * What every transport must hold: the order in which a handler hears of things, that nothing is sent against a
 * handler's will, and that a channel lets go when it is told to.
 */
import { strict as assert } from 'node:assert';
import { parseAddress } from '../../core/address.js';
import { toEndpoint } from '../../core/endpoint.js';
import type { Channel, Transport } from '../../core/transport.js';
import { RecordingHandler } from './recording-handler.js';
import type { SuiteCase } from './suite-case.js';

/** How an endpoint of the suite behaves: `hangs` accepts, reads requests and answers none, `refuses` accepts nobody. */
export type SuiteBehavior = 'responds' | 'hangs' | 'refuses';

/** A server that the suite talks to. */
export interface SuiteEndpoint {
  /** Where it is. */
  readonly address: string;
  /**
   * Paths of the requests that it has read so far. One that answers does so with status 200, or with the status that
   * is the path's last part (`/status/503`), and the body `hello`; a probe may count or not.
   */
  paths(): readonly string[];
  /** Resolves when it has read that many requests. */
  whenRead(count: number): Promise<void>;
  /** Ends it. */
  close(): Promise<void>;
}

/** What the suite needs. */
export interface TransportSuiteOptions {
  /** Makes a transport; called anew for each case. */
  create(): Transport;
  /** Starts a server at an address of its own. */
  start(behaviour: SuiteBehavior): Promise<SuiteEndpoint>;
}

const get = (path: string) => ({ path, method: 'GET' });

/**
 * The contract of a transport, to be run in any test runner. A case takes as long as the transport needs; none waits
 * for a limit of more than a second.
 *
 * @see `WireHandler`; promises C3.3
 */
export function transportSuite(options: TransportSuiteOptions): readonly SuiteCase[] {
  const suiteCase = (
    name: string,
    behaviours: readonly SuiteBehavior[],
    body: (channel: Channel, endpoint: SuiteEndpoint) => Promise<void>,
  ): SuiteCase => ({ name, run: () => withChannel(options, behaviours, body) });

  return [
    suiteCase('tells of an answer in the order of the port', ['responds'], async (channel, endpoint) => {
      const handler = new RecordingHandler();
      channel.dispatch(get('/status/404'), handler, false);
      await handler.ended;
      assert.deepEqual(handler.calls, ['onConnect', 'onHeaders 404', 'onData', 'onComplete']);
      assert.equal(handler.body, 'hello');
      assert.deepEqual(endpoint.paths(), ['/status/404']);
    }),
    suiteCase('tells of a refused connection without a connect before', ['refuses'], async (channel) => {
      for (const cautious of [false, true]) {
        const handler = new RecordingHandler();
        channel.dispatch(get('/'), handler, cautious);
        await handler.ended;
        assert.deepEqual(handler.calls, ['onError']);
      }
    }),
    suiteCase('sends nothing when onConnect throws', ['responds'], async (channel, endpoint) => {
      for (const cautious of [false, true]) {
        const reason = new Error('Not wanted any more');
        const unwanted = new RecordingHandler({ throwInConnect: reason });
        channel.dispatch(get('/unwanted'), unwanted, cautious);
        await unwanted.ended;
        assert.deepEqual(unwanted.calls, ['onConnect', 'onError']);
        assert.equal(unwanted.error, reason);
        // The connection was not harmed, and whatever was written before would be read before this.
        const wanted = new RecordingHandler();
        channel.dispatch(get('/wanted'), wanted, cautious);
        await wanted.ended;
        assert.deepEqual(wanted.calls.at(-1), 'onComplete');
      }
      assert.deepEqual(endpoint.paths(), ['/wanted', '/wanted']);
    }),
    suiteCase('sends nothing when it is aborted in onConnect', ['responds'], async (channel, endpoint) => {
      const reason = new Error('Not wanted any more');
      const unwanted = new RecordingHandler({ abortInConnect: reason });
      channel.dispatch(get('/unwanted'), unwanted, false);
      await unwanted.ended;
      assert.deepEqual(unwanted.calls, ['onConnect', 'onError']);
      assert.equal(unwanted.error, reason);
      const wanted = new RecordingHandler();
      channel.dispatch(get('/wanted'), wanted, false);
      await wanted.ended;
      assert.deepEqual(endpoint.paths(), ['/wanted']);
    }),
    suiteCase('gives a request up when it is aborted, once', ['hangs'], async (channel, endpoint) => {
      const handler = new RecordingHandler();
      channel.dispatch(get('/'), handler, false);
      await endpoint.whenRead(1);
      const reason = new Error('Not wanted any more');
      handler.abort(reason);
      handler.abort(new Error('A second time'));
      await handler.ended;
      assert.deepEqual(handler.calls, ['onConnect', 'onError']);
      assert.equal(handler.error, reason);
    }),
    suiteCase('says nothing more after an abort in the head', ['responds'], async (channel) => {
      const reason = new Error('Not wanted any more');
      const handler = new RecordingHandler({ abortInHeaders: reason });
      channel.dispatch(get('/'), handler, false);
      await handler.ended;
      await completeRequest(channel);
      assert.deepEqual(handler.calls, ['onConnect', 'onHeaders 200', 'onError']);
      assert.equal(handler.error, reason);
    }),
    suiteCase('holds the body back until it is resumed', ['responds'], async (channel) => {
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
    suiteCase('probes: a sign of life', ['responds'], async (channel) => {
      await channel.probe(1_000);
    }),
    suiteCase('probes: no sign of life within the limit', ['hangs'], async (channel) => {
      await assert.rejects(channel.probe(50));
    }),
    suiteCase('probes: refused', ['refuses'], async (channel) => {
      await assert.rejects(channel.probe(1_000));
    }),
    suiteCase('goes on after a renewal, and finishes what was under way', ['responds'], async (channel) => {
      const before = new RecordingHandler({ pauseInHeaders: true });
      channel.dispatch(get('/'), before, false);
      await before.headReceived;
      channel.resetConnections();
      await completeRequest(channel);
      before.resume();
      await before.ended;
      assert.equal(before.body, 'hello');
    }),
    suiteCase(
      'moves to the next address, and says when there is none',
      ['refuses', 'responds'],
      async (channel) => {
        const first = channel.address.text;
        await assert.rejects(channel.connect());
        assert.equal(channel.nextAddress(channel.address), true);
        assert.notEqual(channel.address.text, first);
        await completeRequest(channel);
      },
    ),
    suiteCase('moves on once for all that failed on an address', ['refuses', 'responds'], async (channel) => {
      const { address } = channel;
      assert.equal(channel.nextAddress(address), true);
      const next = channel.address.text;
      assert.equal(channel.nextAddress(address), true);
      assert.equal(channel.address.text, next);
      await completeRequest(channel);
    }),
    suiteCase('has no next address when all have failed', ['refuses', 'refuses'], async (channel) => {
      const first = channel.address.text;
      await assert.rejects(channel.connect());
      assert.equal(channel.nextAddress(channel.address), true);
      await assert.rejects(channel.connect());
      assert.equal(channel.nextAddress(channel.address), false);
      assert.equal(channel.address.text, first);
    }),
    suiteCase('has no next address when there is only one', ['refuses'], async (channel) => {
      assert.equal(channel.nextAddress(channel.address), false);
    }),
    suiteCase('closes after what is under way', ['responds'], async (channel) => {
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
    suiteCase('is destroyed with what is under way', ['hangs'], async (channel, endpoint) => {
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
    }),
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
    await channel.destroy(new Error('The case is over'));
    await Promise.all(endpoints.map((started) => started.close()));
  }
}

/** A request that is answered: it takes at least as long as whatever was on its way before. */
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
