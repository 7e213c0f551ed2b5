import { expect, test } from 'vitest';
import { FakeHost } from './fake-host.js';

/** Starts `/shop/orders` with a launcher that is closed afterwards. */
async function launchWithEarlierServer(host: FakeHost): Promise<void> {
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('started');
  await launcher.close();
}

test('a running launch of an earlier server is adopted and supervised', async () => {
  const host = new FakeHost();
  await launchWithEarlierServer(host);
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('found');
  expect(host.processes.all).toHaveLength(1);
  host.processes.all[0]!.exit(1);
  await host.clock.advance(250);
  expect(host.names.resolve('/shop/orders').endpoints).toEqual([]);
  expect(host.names.launches.all()).toEqual([]);
  expect(await host.launch(launcher)).toBe('started');
});

test('a launch of an earlier server can be stopped', async () => {
  const host = new FakeHost();
  await launchWithEarlierServer(host);
  host.processes.all[0]!.children = 1;
  const launcher = await host.open();
  const stopping = launcher.stop({ name: '/shop/orders' });
  await host.clock.advance(100);
  expect(await stopping).toEqual({ stopped: 1 });
  expect(host.processes.alive).toBe(0);
  expect(host.names.launches.all()).toEqual([]);
});

test('a launch whose process exited while no server ran is withdrawn, and its children are stopped', async () => {
  const host = new FakeHost();
  await launchWithEarlierServer(host);
  host.processes.all[0]!.detachedChildren = 1;
  host.processes.all[0]!.exit(1);
  const launcher = await host.open();
  await host.clock.advance(100);
  expect(host.names.resolve('/shop/orders').endpoints).toEqual([]);
  expect(host.processes.alive).toBe(0);
  expect(await host.launch(launcher)).toBe('started');
});

test('another process with the recorded process id is neither adopted nor stopped', async () => {
  const host = new FakeHost();
  await launchWithEarlierServer(host);
  host.processes.all[0]!.exit(1);
  host.processes.nextPid = 100;
  host.programsHang();
  const { options } = host.processes.all[0]!;
  await host.processes.spawn({ ...options, env: { CLERK_OWNER: 'folder/another' } });
  const launcher = await host.open();
  await host.clock.advance(1_000);
  expect(host.names.resolve('/shop/orders').endpoints).toEqual([]);
  await launcher.stop({ name: '/shop/orders' });
  expect(host.processes.all[1]).toMatchObject({ pid: 100, isAlive: true, signals: [] });
});

test('after a reboot no launch is adopted', async () => {
  const host = new FakeHost();
  await launchWithEarlierServer(host);
  host.processes.boot = 'another boot';
  await host.open();
  await host.clock.advance(100);
  expect(host.names.launches.all()).toEqual([]);
});

test('a launch that was starting may still register with the next server', async () => {
  const host = new FakeHost();
  host.programsRegister(1_000);
  const first = await host.open();
  const waiting = host.startLaunch(first);
  await host.clock.advance(500);
  await first.close();
  await waiting;
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('found');
  expect(host.processes.all).toHaveLength(1);
});

test('a launch that was starting and never registers is stopped, then started again', async () => {
  const host = new FakeHost();
  host.programsHang();
  const first = await host.open();
  void host.startLaunch(first);
  await host.clock.advance(500);
  await first.close();
  const launcher = await host.open();
  expect(await host.launch(launcher)).toMatch(
    /^START_FAILED: .* did not register within 3.0 s and was stopped$/,
  );
  await host.clock.advance(1_000);
  host.programsRegister();
  expect(await host.launch(launcher)).toBe('started');
  expect(host.processes.alive).toBe(1);
});

/** Leaves the record of a server that was killed between recording the intent and recording the process. */
async function leaveIntent(host: FakeHost, isStarted: boolean): Promise<void> {
  const launcher = await host.open();
  host.names.launches.update = () => new Promise(() => {});
  if (!isStarted) host.processes.spawn = () => new Promise(() => {});
  void host.startLaunch(launcher);
  await host.clock.advance(10);
  await launcher.close();
  expect(host.names.launches.all()).toMatchObject([{ state: 'intent', pid: undefined, epoch: 1 }]);
  const fresh = new FakeHost();
  host.names.launches.update = async (record) => void host.names.records.set(record.instance, record);
  host.processes.spawn = fresh.processes.spawn.bind(host.processes);
}

test('the process of a recorded intent is found by its environment marker', async () => {
  const host = new FakeHost();
  host.programsRegister(1_000);
  await leaveIntent(host, true);
  const launcher = await host.open();
  expect(host.names.launches.all()).toMatchObject([{ state: 'running', pid: 100, startTicks: '0@boot' }]);
  expect(await host.launch(launcher)).toBe('found');
  expect(host.processes.all).toHaveLength(1);
});

test('an intent without a process is kept for the registration timeout, then the next epoch begins', async () => {
  const host = new FakeHost();
  await leaveIntent(host, false);
  const launcher = await host.open();
  const caller = host.startLaunch(launcher);
  await host.clock.advance(2_999);
  expect(host.names.epochs.get('/shop/orders')).toBe(1);
  expect(host.processes.all).toHaveLength(0);
  await host.clock.advance(1);
  expect(host.names.epochs.get('/shop/orders')).toBe(2);
  await host.clock.advance(200);
  expect(await caller).toBe('started');
  expect(host.names.launches.all()).toMatchObject([{ epoch: 2, state: 'running' }]);
});

test('the process of an intent that is found only after its registration is supervised', async () => {
  const host = new FakeHost();
  const find = host.processes.findGroupLeader.bind(host.processes);
  host.programsRegister(1_000);
  await leaveIntent(host, true);
  host.processes.findGroupLeader = async () => undefined;
  const launcher = await host.open();
  const caller = host.startLaunch(launcher);
  await host.clock.advance(500);
  host.processes.findGroupLeader = find;
  await host.clock.advance(500);
  expect(await caller).toBe('found');
  expect(host.names.launches.all()).toMatchObject([{ state: 'running', pid: 100, redeemed: true }]);
  host.processes.all[0]!.exit(1);
  await host.clock.advance(250);
  expect(host.names.resolve('/shop/orders').endpoints).toEqual([]);
});

test('where the host cannot identify processes, a running service is not supervised', async () => {
  const host = new FakeHost();
  host.processes.identityOf = () => undefined;
  host.processes.findGroupLeader = async () => undefined;
  await launchWithEarlierServer(host);
  const launcher = await host.open();
  expect(host.names.launches.all()).toEqual([]);
  expect(await host.launch(launcher)).toBe('found');
  expect(host.processes.all[0]!.signals).toEqual([]);
});
