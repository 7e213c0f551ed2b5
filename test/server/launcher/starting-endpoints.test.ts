/**
 * Starts of a service whose endpoints register before they accept connections.
 *
 * @see [C5.9](../../../docs/guarantees.md#c5-9)
 */
import { expect, test } from 'vitest';
import type { FakeProcess } from './fake-processes.js';
import { FakeHost } from './fake-host.js';

const name = '/shop/orders';
const manual = { name, id: 'manual', addresses: ['http://127.0.0.1:3001'] } as const;

test('a launch waits for a starting endpoint that runs by hand, and starts no process beside it', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  host.names.register({ ...manual, state: 'starting' });
  const callers = Array.from({ length: 20 }, () => host.startLaunch(launcher));
  const impatient = host.startLaunch(launcher, 1_000);
  await host.clock.advance(5_000);
  expect(await impatient).toMatch(/^DEADLINE_EXCEEDED/);
  expect(host.processes.all).toEqual([]);
  host.names.register(manual);
  await host.clock.advance(100);
  expect(new Set(await Promise.all(callers))).toEqual(new Set(['found']));
  expect(host.processes.all).toEqual([]);
  await host.clock.advance(1_000);
  expect(host.clock.pendingTimers).toBe(0);
});

test('a launch starts the service when the starting endpoint has ended', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  host.names.register({ ...manual, state: 'starting' });
  const caller = host.startLaunch(launcher);
  await host.clock.advance(2_000);
  await host.names.withdraw({ name, id: 'manual', epoch: 0, now: true });
  await host.clock.advance(1_000);
  expect(await caller).toBe('started');
  expect(host.processes.all).toHaveLength(1);
});

test('a stop ends a launch that waits for a starting endpoint', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  host.names.register({ ...manual, state: 'starting' });
  const caller = host.startLaunch(launcher);
  await host.clock.advance(2_000);
  const stopped = launcher.stop({ name });
  await host.clock.advance(1_000);
  expect(await stopped).toEqual({ stopped: 0 });
  expect(await caller).toMatch(/^START_FAILED: .* an operator stopped the service/);
});

/** The program registers after 200 ms, before it listens; `listensAfterMs` later it is up. */
function programsRegisterEarly(host: FakeHost, listensAfterMs: number): void {
  const register = ({ handshake, isAlive, address }: FakeProcess, isUp: boolean): void => {
    if (!isAlive) return;
    const { instance: id, epoch, ticket } = handshake;
    const place = { name, id, epoch, addresses: [address] };
    host.names.register(isUp ? place : { ...place, ticket, state: 'starting' });
  };
  host.processes.onSpawn = (process) => {
    host.clock.setTimer(() => register(process, false), 200);
    host.clock.setTimer(() => register(process, true), 200 + listensAfterMs);
  };
}

test('a started program that registers before it listens counts as started once it is up', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  programsRegisterEarly(host, 1_500);
  const caller = host.startLaunch(launcher);
  let outcome: string | undefined;
  void caller.then((result) => (outcome = result));
  await host.clock.advance(1_600);
  expect(outcome).toBeUndefined();
  await host.clock.advance(200);
  expect(outcome).toBe('started');
  expect(host.processes.all).toHaveLength(1);
});

test('a started program that registers and never listens fails its start, and its endpoint is withdrawn', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  programsRegisterEarly(host, 100_000);
  expect(await host.launch(launcher)).toMatch(
    /^START_FAILED: .*the service did not accept a connection within 3\.0 s/,
  );
  await host.clock.advance(5_000);
  expect(host.names.endpoints.get(name)).toEqual([]);
  expect(host.processes.all.map(({ isAlive }) => isAlive)).toEqual([false]);
});
