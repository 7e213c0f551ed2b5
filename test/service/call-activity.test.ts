/** The calls that a launched service reports with its renewals. @see [C6.6](../../docs/guarantees.md#c6-6) */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { CallActivity } from '../../src/core/call-activity.js';
import type { RenewRequest } from '../../src/protocol/registration-messages.js';
import { launchProof } from '../../src/protocol/launch-proof.js';
import { hashParts, systemHashing } from '../../src/runtime/hashing.js';
import { wrapHandler } from '../../src/service/at-most-once/wrap-handler.js';
import { memoryCalls } from '../../src/service/at-most-once/store/memory-idempotency-store.js';
import { SharedListener } from '../../src/service/cluster/shared-advertisement.js';
import type { ServerLike } from '../../src/service/server-addresses.js';
import { recordedLogger } from './at-most-once/guarded-service.js';
import { fakeService } from './fake-service.js';

const name = '/shop/orders';

class FakeServer extends EventEmitter implements ServerLike {
  readonly listening = true;
  readonly keepAliveTimeout = 5_000;

  address() {
    return { address: '10.0.0.7', port: 3001 };
  }

  /** A request arrives. Returns a function that closes its response. */
  request(headers: object = {}, event = 'request'): () => void {
    const response = Object.assign(new EventEmitter(), { statusCode: 200 });
    this.emit(event, { headers, httpVersionMajor: 1 }, response);
    return () => void response.emit('close');
  }
}

/** A process that a launcher has started. */
function launchedProcess() {
  const world = fakeService();
  world.env.CLERK_LAUNCHED = '1';
  world.handshakeLine = JSON.stringify({
    ...{ v: 1, registry: ['http://launcher:4711'], name, instance: 'launched-1' },
    ...{ epoch: 1, ticket: 'abc', registryKey: 'k' },
  });
  world.registry.proof = launchProof(systemHashing, 'k', name, 1);
  const renewals = (): readonly { name: string; activity?: CallActivity }[] =>
    (world.registry.requests.findLast(({ path }) => path === '/v1/renew')?.payload as RenewRequest).renewals;
  /** What the next renewal reports, a third of the lease later. */
  const report = async (): Promise<CallActivity | undefined> => {
    await world.runtime.advance(4_000);
    return renewals().find((one) => one.name === name)?.activity;
  };
  return { ...world, renewals, report };
}

test('a launched service reports its calls in flight, and the time since its last call', async () => {
  const { advertiser, report } = launchedProcess();
  const server = new FakeServer();
  await advertiser.advertise({ address: server });
  const first = await report();
  expect(first?.inFlight).toBe(0);
  expect(first?.idleMs).toBeGreaterThan(2_900);
  const close = [server.request(), server.request()];
  expect(await report()).toEqual({ inFlight: 2, idleMs: 0 });
  close[0]!();
  expect(await report()).toEqual({ inFlight: 1, idleMs: 0 });
  close[1]!();
  const ended = await report();
  expect(ended?.inFlight).toBe(0);
  expect(ended?.idleMs).toBeLessThanOrEqual(4_000);
  expect((await report())!.idleMs - ended!.idleMs).toBeGreaterThanOrEqual(3_000);
});

test('a probe of a client and a look of the launcher do not count', async () => {
  const { advertiser, report } = launchedProcess();
  const server = new FakeServer();
  await advertiser.advertise({ address: server });
  await report();
  server.request({ 'user-agent': 'binding-clerk (probe)' });
  const { inFlight, idleMs } = (await report())!;
  expect(inFlight).toBe(0);
  expect(idleMs).toBeGreaterThan(6_000);
});

test('an upgraded connection and a tunnel are in flight until they close, without a listener of the library', async () => {
  const { advertiser, report } = launchedProcess();
  const server = new FakeServer();
  await advertiser.advertise({ address: server });
  for (const event of ['upgrade', 'connect']) {
    const close = server.request({}, event);
    expect(server.listenerCount(event)).toBe(0);
    expect(await report()).toEqual({ inFlight: 1, idleMs: 0 });
    close();
    expect(await report()).toMatchObject({ inFlight: 0 });
  }
});

test('the calls of all services of the process count', async () => {
  const { advertiser, report, renewals } = launchedProcess();
  const [orders, admin] = [new FakeServer(), new FakeServer()];
  await advertiser.advertise({ address: orders });
  const other = await advertiser.advertise({
    name: '/shop/admin',
    address: admin,
    registry: 'http://launcher:4711',
  });
  const close = admin.request();
  expect(await report()).toEqual({ inFlight: 1, idleMs: 0 });
  // The launcher did not start the second service.
  expect(renewals().find((one) => one.name === '/shop/admin')?.activity).toBeUndefined();
  close();
  await other.close();
  expect(await report()).toMatchObject({ inFlight: 0 });
});

test('a process with a service whose calls are not counted reports nothing', async () => {
  // A server without `keepAliveTimeout` is not an HTTP server.
  const tcpServer = Object.assign(new FakeServer(), { keepAliveTimeout: undefined });
  for (const address of ['http://10.0.0.7:3001', tcpServer]) {
    const { advertiser, report } = launchedProcess();
    await advertiser.advertise({ address });
    expect(await report()).toBeUndefined();
  }
});

test('the workers of a cluster are in flight while one of them is busy', async () => {
  const { advertiser, report } = launchedProcess();
  const listener = new SharedListener({ bound: { address: '10.0.0.7', port: 3001 }, isSecure: false });
  await advertiser.advertise({ address: listener });
  listener.setBusy(1, true);
  listener.setBusy(2, true);
  expect(await report()).toEqual({ inFlight: 2, idleMs: 0 });
  listener.setBusy(1, false);
  expect(await report()).toEqual({ inFlight: 1, idleMs: 0 });
  listener.setBusy(2, false);
  expect(await report()).toMatchObject({ inFlight: 0 });
});

test('a handler of atMostOnce counts its calls when only an address is advertised', async () => {
  const { advertiser, report, runtime } = launchedProcess();
  let body = new ReadableStream<Uint8Array>();
  const handler = wrapHandler(
    () => new Response(body),
    {},
    {
      ...{ clock: runtime, digest: hashParts, logger: recordedLogger() },
      ...{ incarnation: 'a', createStore: () => memoryCalls() },
    },
  );
  await advertiser.advertise({ address: 'http://10.0.0.7:3001', atMostOnce: handler });
  expect(await report()).toMatchObject({ inFlight: 0 });
  const call = async (): Promise<Response> =>
    (await handler(new Request('http://x/', { headers: { accept: '*/*' } }))) as Response;

  let source!: ReadableStreamDefaultController<Uint8Array>;
  body = new ReadableStream({ start: (controller) => void (source = controller) });
  const response = await call();
  const text = response.text();
  expect(await report()).toEqual({ inFlight: 1, idleMs: 0 });
  source.enqueue(Buffer.from('ab'));
  source.close();
  expect(await text).toBe('ab');
  expect(await report()).toMatchObject({ inFlight: 0 });

  body = new ReadableStream();
  const abandoned = await call();
  expect(await report()).toEqual({ inFlight: 1, idleMs: 0 });
  await abandoned.body!.cancel();
  expect(await report()).toMatchObject({ inFlight: 0 });
  body = new ReadableStream();
  await handler(new Request('http://x/', { headers: { 'user-agent': 'binding-clerk (probe)' } }));
  expect(await report()).toMatchObject({ inFlight: 0 });
});

test('a service that was started by hand reports no calls', async () => {
  const { advertiser, runtime, registry } = fakeService();
  await advertiser.advertise({ name, address: new FakeServer() });
  await runtime.advance(4_000);
  const { renewals } = registry.requests.at(-1)!.payload as RenewRequest;
  expect(renewals).toMatchObject([{ name }]);
  expect(renewals[0]!.activity).toBeUndefined();
});
