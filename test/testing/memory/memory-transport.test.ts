import { expect, test } from 'vitest';
import type { Channel, Transport, RequestHandler } from 'binding-clerk/extend';
import {
  createFakeRuntime,
  createMemoryNetwork,
  transportSuite,
  type TransportSuiteOptions,
} from 'binding-clerk/testing';

const runtime = createFakeRuntime({ seed: 1 });
const network = createMemoryNetwork(runtime);
let started = 0;

const create = (): Transport =>
  network.transport({ connections: 4, maxSockets: 1_000, tls: {}, undici: {} }, runtime);

const options: TransportSuiteOptions = {
  create,
  async start(serverBehavior) {
    const address = `http://server-${String(++started)}`;
    const paths: string[] = [];
    const server = network.server(address, ({ path, isProbe }) => {
      if (!isProbe) paths.push(path);
      const status = /[0-9]+$/.exec(path)?.[0];
      return {
        behavior: serverBehavior === 'hangs' ? 'hang' : 'respond',
        statusCode: Number(status ?? 200),
        body: 'hello',
      };
    });
    if (serverBehavior === 'refuses') server.refuse();
    return {
      address,
      paths: () => paths,
      async whenRead(count) {
        while (paths.length < count) await new Promise<void>((resolve) => void runtime.setTimer(resolve, 1));
      },
      async close() {
        server.kill();
      },
    };
  },
};

// Probe timers do not keep a process alive, so `autoAdvance` would not run them.
async function inVirtualTime(run: () => Promise<void>): Promise<void> {
  let isSettled = false;
  const running = run().finally(() => (isSettled = true));
  running.catch(() => undefined);
  while (!isSettled) await runtime.advance(1);
  await running;
}

for (const { name, run } of transportSuite(options)) test(name, () => inVirtualTime(run));

/** A transport with one method of its channels replaced. */
function broken(change: (channel: Channel) => Partial<Channel>): Transport {
  return {
    open: (...args) => {
      const channel = create().open(...args);
      return Object.assign(Object.create(channel) as Channel, {
        dispatch: channel.dispatch.bind(channel),
        connect: channel.connect.bind(channel),
        probe: channel.probe.bind(channel),
        resetConnections: channel.resetConnections.bind(channel),
        nextAddress: channel.nextAddress.bind(channel),
        close: channel.close.bind(channel),
        destroy: channel.destroy.bind(channel),
        ...change(channel),
      });
    },
  };
}

const faults: Record<string, (channel: Channel) => Partial<Channel>> = {
  'sends although onConnect throws': (channel) => ({
    dispatch(request, handler, freshOnly) {
      const eager: RequestHandler = Object.assign(Object.create(handler) as RequestHandler, {
        onConnect(abort: (reason?: Error) => void) {
          try {
            handler.onConnect(abort);
          } catch {
            return;
          }
        },
        onHeaders: handler.onHeaders.bind(handler),
        onData: handler.onData.bind(handler),
        onComplete: handler.onComplete.bind(handler),
        onError: handler.onError.bind(handler),
      });
      channel.dispatch(request, eager, freshOnly);
    },
  }),
  'does not probe': () => ({ probe: () => Promise.resolve() }),
  'never switches its address': () => ({ nextAddress: () => false }),
  'sends a request when it connects': (channel) => ({
    async connect() {
      const ignoringHandler = {
        onConnect() {},
        onHeaders: () => true,
        onData: () => true,
        onComplete() {},
        onError() {},
        onUpgrade() {},
      };
      channel.dispatch({ path: '/extra', method: 'GET' }, ignoringHandler, false);
      await channel.connect();
    },
  }),
  'sends requests after close': (channel) => ({
    close: () => Promise.resolve(channel.resetConnections()),
  }),
};

for (const [what, change] of Object.entries(faults)) {
  test(`the suite rejects a transport that ${what}`, async () => {
    const suite = transportSuite({ ...options, create: () => broken(change) });
    const failed: string[] = [];
    for (const { name, run } of suite) {
      const limit = new Promise<void>((resolve) => void runtime.setTimer(resolve, 5_000));
      await inVirtualTime(() =>
        Promise.race([run(), limit.then(() => Promise.reject(new Error('The case does not settle')))]),
      ).catch(() => failed.push(name));
    }
    expect(failed).not.toEqual([]);
    expect(failed.length).toBeLessThan(suite.length / 2);
  });
}
