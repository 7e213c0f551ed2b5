/** Load reports in virtual time: in response headers and with lease renewals. */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { ClerkError } from '../../src/core/errors.js';
import type { Load, LoadInit } from '../../src/core/load-report.js';
import { EventLoopMeter } from '../../src/service/event-loop-meter.js';
import type { ServerLike } from '../../src/service/server-addresses.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import type { RenewRequest } from '../../src/protocol/registration-messages.js';
import { fakeService, type FakeService } from './fake-service.js';

/** A response with headers only. */
class FakeResponse extends EventEmitter {
  statusCode = 200;
  headersSent = false;
  readonly headers = new Map<string, string>();

  hasHeader(name: string): boolean {
    return this.headers.has(name);
  }

  setHeader(name: string, value: string): void {
    this.headers.set(name, value);
  }
}

/** A listening server with its request handler. */
class FakeServer extends EventEmitter implements ServerLike {
  listening = true;
  readonly connection = {};
  onRequest: (response: FakeResponse) => void = () => undefined;

  constructor() {
    super();
    this.on('request', (_request: unknown, response: FakeResponse) => this.onRequest(response));
  }

  address(): { address: string; port: number } {
    return { address: '127.0.0.1', port: 3_001 };
  }

  /** Handles one request; returns the load header of its response. */
  request(statusCode = 200, connection: object = this.connection): string | undefined {
    const response = new FakeResponse();
    response.statusCode = statusCode;
    this.emit('request', { headers: {}, socket: connection }, response);
    response.emit('close');
    return response.headers.get('endpoint-load-metrics');
  }
}

async function advertised(options: object = {}) {
  const made = fakeService();
  const server = new FakeServer();
  const ad = await made.advertiser.advertise({ name: '/s', address: server, ...options });
  return { ...made, made, server, ad };
}

/** Loads of the renewals since the last call. */
function renewedLoads({ registry }: FakeService): (Load | undefined)[] {
  return registry.requests
    .splice(0)
    .filter(({ path }) => path === '/v1/renew')
    .map(({ payload }) => (payload as RenewRequest).renewals[0]?.load);
}

/** Advances the clock while the event loop is active for a share of the time. */
async function runLoad(
  { made, runtime }: { made: FakeService; runtime: FakeService['runtime'] },
  ms: number,
  share: number,
) {
  for (let passed = 0; passed < ms; passed += 50) {
    made.busyMs += 50 * share;
    await runtime.advance(50);
  }
}

test('utilization is the active share of the last 2 s plus the event-loop delay', async () => {
  const runtime = createFakeRuntime({ seed: 1, startAt: 1_000 });
  let busyMs = 0;
  const meter = new EventLoopMeter(runtime, () => busyMs);
  let samples = 0;
  const leave = meter.subscribe(() => samples++);
  expect(meter.utilization).toBeUndefined();
  expect(runtime.refTimers).toBe(0);
  const pass = async (share: number): Promise<number> => {
    for (let i = 0; i < 8; i++) {
      busyMs += 250 * share;
      await runtime.advance(250);
    }
    return meter.utilization ?? NaN;
  };
  expect(await pass(0.4)).toBeCloseTo(0.4, 9);
  expect(await pass(0)).toBe(0);
  expect(samples).toBe(16);
  // A delay of 500 ms once in 2 s: 62 ms on average.
  busyMs += 750;
  runtime.stall(750);
  await runtime.advance(0);
  for (let i = 0; i < 7; i++) await runtime.advance(250);
  expect(meter.utilization).toBeCloseTo(750 / 2_500 + 498 / 8 / 100, 9);
  leave();
  expect(runtime.pendingTimers).toBe(0);
  await runtime.advance(10_000);
  busyMs += 100;
  meter.subscribe(() => undefined);
  expect(meter.utilization).toBeUndefined();
});

test('the measured load goes out with responses and renewals', async () => {
  const world = await advertised();
  expect(world.server.request()).toBeUndefined();
  for (let i = 0; i < 40; i++) {
    for (let j = 0; j < 5; j++) world.server.request(j === 0 ? 500 : j === 1 ? 501 : 200, {});
    await runLoad(world, 100, 0.4);
  }
  expect(world.server.request()).toBe('TEXT application_utilization=0.4, rps_fractional=50, eps=10');
  expect(renewedLoads(world.made)).toEqual([
    { utilization: expect.closeTo(0.4), callsPerSecond: 50, errorsPerSecond: 10 },
  ]);
  expect(world.runtime.refTimers).toBe(0);
});

test('each connection gets the load once per sample, and no other response carries it', async () => {
  const world = await advertised();
  const other = {};
  await runLoad(world, 1_000, 0.5);
  const all = [1, 2, 3].flatMap(() => [world.server.request(), world.server.request(200, other)]);
  expect(all.map((text) => text !== undefined)).toEqual([true, true, false, false, false, false]);
  await runLoad(world, 250, 0.5);
  expect(world.server.request()).toBeDefined();
  expect(world.server.request()).toBeUndefined();
});

test('the header is set before the handler runs, which may overwrite it', async () => {
  const world = await advertised();
  await runLoad(world, 1_000, 0.5);
  world.server.onRequest = (response) =>
    response.setHeader('endpoint-load-metrics', 'TEXT cpu_utilization=0.1');
  expect(world.server.request()).toBe('TEXT cpu_utilization=0.1');
  world.server.onRequest = (response) => {
    response.headersSent = true;
  };
  expect(world.server.request(200, {})).toMatch(/^TEXT application_utilization=0.5/);
});

test('a response with sent headers or a load header stays unchanged, and the next one carries the load', async () => {
  const world = await advertised();
  await runLoad(world, 1_000, 0.5);
  let fault: ((response: FakeResponse) => void) | undefined;
  world.server.prependListener('request', (_request: unknown, response: FakeResponse) => fault?.(response));
  fault = (response) => {
    response.headersSent = true;
  };
  expect(world.server.request()).toBeUndefined();
  fault = (response) => response.setHeader('endpoint-load-metrics', 'JSON {}');
  expect(world.server.request()).toBe('JSON {}');
  fault = (response) => {
    response.setHeader = () => {
      throw new Error('The stream has been destroyed');
    };
  };
  expect(world.server.request()).toBeUndefined();
  fault = undefined;
  expect(world.server.request()).toBeDefined();
});

test('a reported load replaces the measured one for 180 s', async () => {
  const world = await advertised();
  await runLoad(world, 1_000, 0.1);
  world.ad.reportLoad({ utilization: 0.9, callsPerSecond: 7 });
  await runLoad(world, 250, 0.1);
  expect(world.server.request()).toBe('TEXT application_utilization=0.9, rps_fractional=7');
  await runLoad(world, 170_000, 0.1);
  expect(world.server.request()).toBe('TEXT application_utilization=0.9, rps_fractional=7');
  expect(new Set(renewedLoads(world.made).map((load) => load?.utilization))).toEqual(new Set([0.9]));
  await runLoad(world, 15_000, 0.1);
  expect(world.server.request()).toMatch(/^TEXT application_utilization=0.1/);
  expect(renewedLoads(world.made).at(-1)?.utilization).toBeCloseTo(0.1);
});

test('frequent reports are sent at most four times per second', async () => {
  const world = await advertised({ measureLoad: false });
  const headers = new Set<string | undefined>();
  for (let i = 0; i < 100; i++) {
    world.ad.reportLoad({ utilization: i / 100 });
    headers.add(world.server.request());
    await world.runtime.advance(10);
  }
  headers.delete(undefined);
  expect(headers.size).toBe(4);
  expect(headers).toContain('TEXT application_utilization=0');
});

test('measureLoad: false measures nothing, and reported loads are still sent', async () => {
  const world = await advertised({ measureLoad: false });
  await runLoad(world, 10_000, 0.5);
  expect(world.server.request()).toBeUndefined();
  expect(new Set(renewedLoads(world.made))).toEqual(new Set([undefined]));
  world.ad.reportLoad({ utilization: 0.3 });
  expect(world.server.request()).toBe('TEXT application_utilization=0.3');
  await runLoad(world, 10_000, 0.5);
  expect(renewedLoads(world.made).at(-1)?.utilization).toBe(0.3);
  await runLoad(world, 180_000, 0.5);
  expect(world.server.request()).toBeUndefined();
  expect(renewedLoads(world.made).at(-1)).toBeUndefined();
});

test('a service without a server here is not measured, and reported loads go with renewals', async () => {
  const world = await advertised({ address: 'http://10.0.0.7:3001' });
  await runLoad(world, 10_000, 0.5);
  expect(new Set(renewedLoads(world.made))).toEqual(new Set([undefined]));
  world.ad.reportLoad({ utilization: 0.6, errorsPerSecond: 2 });
  await runLoad(world, 10_000, 0.5);
  expect(renewedLoads(world.made).at(-1)).toEqual({
    utilization: 0.6,
    callsPerSecond: 0,
    errorsPerSecond: 2,
  });
});

test('a closed advertisement neither measures nor reports', async () => {
  const world = await advertised();
  await runLoad(world, 1_000, 0.5);
  await world.ad.close();
  expect(world.server.request()).toBeUndefined();
  // Only the listener of the program is left.
  expect(world.server.listenerCount('request')).toBe(1);
  world.ad.reportLoad({ utilization: 0.3 });
  expect(world.server.request()).toBeUndefined();
  expect(world.runtime.pendingTimers).toBe(0);
});

test.each([
  [undefined, /load must be an object such as/],
  [0.4, /load must be an object such as/],
  [{}, /utilization must be a number from 0 to 100; got undefined; write 1 for full capacity, or 0.5/],
  [{ utilization: '0.4' }, /got '0.4'/],
  [{ utilization: NaN }, /utilization must be .*; got NaN/],
  [{ utilization: -0.1 }, /utilization must be .*; got -0.1/],
  [
    { utilization: 40, callsPerSecond: Infinity },
    /callsPerSecond must be a number from 0 to 10\^9; got Infinity/,
  ],
  [{ utilization: 0.4, errorsPerSecond: -1 }, /errorsPerSecond must be .*; got -1/],
  [{ utilization: 101 }, /utilization must be .*; got 101/],
])('an invalid load is rejected: %j', async (load, message) => {
  const { ad } = await advertised();
  let refusal: ClerkError | undefined;
  try {
    ad.reportLoad(load as LoadInit);
  } catch (error) {
    refusal = error as ClerkError;
  }
  expect(refusal).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(message) as string,
  });
});
