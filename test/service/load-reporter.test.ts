/** What a service says of its load, in virtual time: with the answers of its server, and with renewals. */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import type { ClerkError } from '../../src/core/errors.js';
import type { Load, LoadInit } from '../../src/core/load-report.js';
import { EventLoopMeter } from '../../src/service/event-loop-meter.js';
import type { ServerLike } from '../../src/service/server-addresses.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import type { RenewRequest } from '../../src/protocol/messages.js';
import { fakeService, type FakeService } from './fake-service.js';

/** An answer, as far as headers go. */
class Answer extends EventEmitter {
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

/** A server that listens; its handler is here already. */
class FakeServer extends EventEmitter implements ServerLike {
  listening = true;
  readonly connection = {};
  onRequest: (answer: Answer) => void = () => undefined;

  constructor() {
    super();
    this.on('request', (_request: unknown, answer: Answer) => this.onRequest(answer));
  }

  address(): { address: string; port: number } {
    return { address: '127.0.0.1', port: 3_001 };
  }

  /** One request from its beginning to its end; returns what the answer said of the load. */
  request(statusCode = 200, connection: object = this.connection): string | undefined {
    const answer = new Answer();
    answer.statusCode = statusCode;
    this.emit('request', { headers: {}, socket: connection }, answer);
    answer.emit('close');
    return answer.headers.get('endpoint-load-metrics');
  }
}

async function advertised(options: object = {}) {
  const made = fakeService();
  const server = new FakeServer();
  const ad = await made.advertiser.advertise({ name: '/s', address: server, ...options });
  return { ...made, made, server, ad };
}

/** Loads that the renewals since the last time carried. */
function renewed({ registry }: FakeService): (Load | undefined)[] {
  return registry.requests
    .splice(0)
    .filter(({ path }) => path === '/v1/renew')
    .map(({ payload }) => (payload as RenewRequest).renewals[0]?.load);
}

/** Lets time pass in which the loop works for a share of it. */
async function works(
  { made, runtime }: { made: FakeService; runtime: FakeService['runtime'] },
  ms: number,
  share: number,
) {
  for (let passed = 0; passed < ms; passed += 50) {
    made.busyMs += 50 * share;
    await runtime.advance(50);
  }
}

test('the loop is as busy as the last 2 s say, and busier for what it keeps waiting', async () => {
  const runtime = createFakeRuntime({ seed: 1, startAt: 1_000 });
  let busyMs = 0;
  const meter = new EventLoopMeter(runtime, () => busyMs);
  let looks = 0;
  const leave = meter.subscribe(() => looks++);
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
  expect(looks).toBe(16);
  // Half a second late, once in 2 s: those who come wait for 62 ms on average.
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

test('what is measured is told with answers and with renewals', async () => {
  const world = await advertised();
  expect(world.server.request()).toBeUndefined();
  for (let i = 0; i < 40; i++) {
    for (let j = 0; j < 5; j++) world.server.request(j === 0 ? 500 : j === 1 ? 501 : 200, {});
    await works(world, 100, 0.4);
  }
  expect(world.server.request()).toBe('TEXT application_utilization=0.4, rps_fractional=50, eps=10');
  expect(renewed(world.made)).toEqual([
    { utilization: expect.closeTo(0.4), callsPerSecond: 50, errorsPerSecond: 10 },
  ]);
  expect(world.runtime.refTimers).toBe(0);
});

test('a connection is told once a look, each for itself, and the other answers carry nothing', async () => {
  const world = await advertised();
  const other = {};
  await works(world, 1_000, 0.5);
  const all = [1, 2, 3].flatMap(() => [world.server.request(), world.server.request(200, other)]);
  expect(all.map((text) => text !== undefined)).toEqual([true, true, false, false, false, false]);
  await works(world, 250, 0.5);
  expect(world.server.request()).toBeDefined();
  expect(world.server.request()).toBeUndefined();
});

test('it comes before the handler, which may answer at once and has the last word', async () => {
  const world = await advertised();
  await works(world, 1_000, 0.5);
  world.server.onRequest = (answer) => answer.setHeader('endpoint-load-metrics', 'TEXT cpu_utilization=0.1');
  expect(world.server.request()).toBe('TEXT cpu_utilization=0.1');
  world.server.onRequest = (answer) => {
    answer.headersSent = true;
  };
  expect(world.server.request(200, {})).toMatch(/^TEXT application_utilization=0.5/);
});

test('a head that is gone, or names a load already, is left alone, and the next answer carries it', async () => {
  const world = await advertised();
  await works(world, 1_000, 0.5);
  let fault: ((answer: Answer) => void) | undefined;
  world.server.prependListener('request', (_request: unknown, answer: Answer) => fault?.(answer));
  fault = (answer) => {
    answer.headersSent = true;
  };
  expect(world.server.request()).toBeUndefined();
  fault = (answer) => answer.setHeader('endpoint-load-metrics', 'JSON {}');
  expect(world.server.request()).toBe('JSON {}');
  fault = (answer) => {
    answer.setHeader = () => {
      throw new Error('The stream has been destroyed');
    };
  };
  expect(world.server.request()).toBeUndefined();
  fault = undefined;
  expect(world.server.request()).toBeDefined();
});

test('the word of the program goes before what is measured, for 3 min', async () => {
  const world = await advertised();
  await works(world, 1_000, 0.1);
  world.ad.reportLoad({ utilization: 0.9, callsPerSecond: 7 });
  await works(world, 250, 0.1);
  expect(world.server.request()).toBe('TEXT application_utilization=0.9, rps_fractional=7');
  await works(world, 170_000, 0.1);
  expect(world.server.request()).toBe('TEXT application_utilization=0.9, rps_fractional=7');
  expect(new Set(renewed(world.made).map((load) => load?.utilization))).toEqual(new Set([0.9]));
  await works(world, 15_000, 0.1);
  expect(world.server.request()).toMatch(/^TEXT application_utilization=0.1/);
  expect(renewed(world.made).at(-1)?.utilization).toBeCloseTo(0.1);
});

test('what is said often is told at most four times a second', async () => {
  const world = await advertised({ measureLoad: false });
  const heard = new Set<string | undefined>();
  for (let i = 0; i < 100; i++) {
    world.ad.reportLoad({ utilization: i / 100 });
    heard.add(world.server.request());
    await world.runtime.advance(10);
  }
  heard.delete(undefined);
  expect(heard.size).toBe(4);
  expect(heard).toContain('TEXT application_utilization=0');
});

test('what is switched off is not measured, and the word of the program is told all the same', async () => {
  const world = await advertised({ measureLoad: false });
  await works(world, 10_000, 0.5);
  expect(world.server.request()).toBeUndefined();
  expect(new Set(renewed(world.made))).toEqual(new Set([undefined]));
  world.ad.reportLoad({ utilization: 0.3 });
  expect(world.server.request()).toBe('TEXT application_utilization=0.3');
  await works(world, 10_000, 0.5);
  expect(renewed(world.made).at(-1)?.utilization).toBe(0.3);
  await works(world, 180_000, 0.5);
  expect(world.server.request()).toBeUndefined();
  expect(renewed(world.made).at(-1)).toBeUndefined();
});

test('of a service elsewhere nothing is measured here, and the word of the program goes with renewals', async () => {
  const world = await advertised({ address: 'http://10.0.0.7:3001' });
  await works(world, 10_000, 0.5);
  expect(new Set(renewed(world.made))).toEqual(new Set([undefined]));
  world.ad.reportLoad({ utilization: 0.6, errorsPerSecond: 2 });
  await works(world, 10_000, 0.5);
  expect(renewed(world.made).at(-1)).toEqual({ utilization: 0.6, callsPerSecond: 0, errorsPerSecond: 2 });
});

test('once it is over, nothing is told or measured', async () => {
  const world = await advertised();
  await works(world, 1_000, 0.5);
  const listeners = world.server.listenerCount('request');
  await world.ad.close();
  expect(world.server.request()).toBeUndefined();
  expect(world.server.listenerCount('request')).toBe(listeners - 1);
  world.ad.reportLoad({ utilization: 0.3 });
  expect(world.server.request()).toBeUndefined();
  expect(world.runtime.pendingTimers).toBe(0);
});

test.each([
  [undefined, /load must be an object such as/],
  [0.4, /load must be an object such as/],
  [{}, /utilization must be a number from 0 \(idle\) over 1 \(full\) to 100; got undefined/],
  [{ utilization: '0.4' }, /got '0.4'/],
  [{ utilization: NaN }, /utilization must be .*; got NaN/],
  [{ utilization: -0.1 }, /utilization must be .*; got -0.1/],
  [
    { utilization: 40, callsPerSecond: Infinity },
    /callsPerSecond must be a number from 0 to 10\^9; got Infinity/,
  ],
  [{ utilization: 0.4, errorsPerSecond: -1 }, /errorsPerSecond must be .*; got -1/],
  [{ utilization: 101 }, /utilization must be .*; got 101/],
])('a load that nobody would believe is refused: %j', async (load, message) => {
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
