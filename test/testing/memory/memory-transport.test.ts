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

const create = (): Transport => network.transport({ connections: 4, tls: {}, undici: {} }, runtime);

const options: TransportSuiteOptions = {
  create,
  async start(behaviour) {
    const address = `http://server-${String(++started)}`;
    const paths: string[] = [];
    const server = network.server(address, ({ path, isProbe }) => {
      if (!isProbe) paths.push(path);
      const status = /[0-9]+$/.exec(path)?.[0];
      return {
        behavior: behaviour === 'hangs' ? 'hang' : 'respond',
        statusCode: Number(status ?? 200),
        body: 'hello',
      };
    });
    if (behaviour === 'refuses') server.refuse();
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

// A probe keeps no process alive, so time would not flow by itself for it.
async function inTime(run: () => Promise<void>): Promise<void> {
  let over = false;
  const running = run().finally(() => (over = true));
  running.catch(() => undefined);
  while (!over) await runtime.advance(1);
  await running;
}

for (const { name, run } of transportSuite(options)) test(name, () => inTime(run));

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
    dispatch(request, handler, cautious) {
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
      channel.dispatch(request, eager, cautious);
    },
  }),
  'probes nobody': () => ({ probe: () => Promise.resolve() }),
  'never moves on': () => ({ nextAddress: () => false }),
  'asks for more when it connects': (channel) => ({
    async connect() {
      const nobody = {
        onConnect() {},
        onHeaders: () => true,
        onData: () => true,
        onComplete() {},
        onError() {},
        onUpgrade() {},
      };
      channel.dispatch({ path: '/extra', method: 'GET' }, nobody, false);
      await channel.connect();
    },
  }),
  'takes requests when it is closed': (channel) => ({
    close: () => Promise.resolve(channel.resetConnections()),
  }),
};

for (const [what, change] of Object.entries(faults)) {
  test(`a transport that ${what} does not pass`, async () => {
    const suite = transportSuite({ ...options, create: () => broken(change) });
    const failed: string[] = [];
    for (const { name, run } of suite) {
      const limit = new Promise<void>((resolve) => void runtime.setTimer(resolve, 5_000));
      await inTime(() =>
        Promise.race([run(), limit.then(() => Promise.reject(new Error('It hangs')))]),
      ).catch(() => failed.push(name));
    }
    expect(failed).not.toEqual([]);
    expect(failed.length).toBeLessThan(suite.length / 2);
  });
}
