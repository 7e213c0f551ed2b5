/** The launcher looks at the endpoints of a service when a start is requested or a client reports one unreachable. */
import { expect, test } from 'vitest';
import { sleep } from '../../../src/core/clock.js';
import type { ListenerState } from '../../../src/core/processes.js';
import { definedFields } from '../../../src/core/defined-fields.js';
import { FakeHost } from './fake-host.js';
import type { FakeProcess } from './fake-processes.js';

const name = '/shop/orders';

async function startedHost() {
  const host = new FakeHost();
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('started');
  return { host, launcher, first: host.processes.all[0]! };
}

/** A host on which an endpoint was registered by hand. */
async function hostWithForeign(state: ListenerState, hostId?: string, address = 'http://127.0.0.1:9000') {
  const host = new FakeHost();
  host.processes.listeners.set(address, state);
  host.names.register({ name, id: 'by-hand', epoch: 1, addresses: [address], ...definedFields({ hostId }) });
  return { host, launcher: await host.open(), address };
}

const idsOf = (host: FakeHost): readonly string[] => host.names.resolve(name).endpoints.map(({ id }) => id);

test.each([
  ['is stopped (SIGSTOP)', 'isStopped', 300],
  ['has not responded for 1 s', 'isSilent', 1_000],
] as const)('a process that %s is killed at once, withdrawn and replaced', async (fault, field, afterMs) => {
  const { host, launcher, first } = await startedHost();
  first[field] = true;
  const caller = host.startLaunch(launcher);
  await host.clock.advance(afterMs - 20);
  expect(first.isAlive).toBe(true);
  await host.clock.advance(100);
  expect(first.signals).toEqual(['SIGKILL']);
  await host.clock.advance(500);
  expect(await caller).toBe('started');
  expect(host.lines).toContain(`Ending the process of ${name} (${first.handshake.instance}), which ${fault}`);
  expect(idsOf(host)).toEqual([host.processes.all[1]!.handshake.instance]);
  expect(host.names.journal.filter((line) => line !== `draining ${name}`)).toEqual([
    `intended ${name} 1`,
    `registered ${name}`,
    `withdrawn ${name}`,
    `intended ${name} 2`,
    `registered ${name}`,
  ]);
});

test.each([
  ['noticed', (first: FakeProcess) => first.exit(null, 'SIGKILL')],
  ['not noticed', (first: FakeProcess) => void first.exitBeforeNotice()],
])('a service whose exit is %s is started again while its withdrawal is being saved', async (_how, kill) => {
  const { host, launcher, first } = await startedHost();
  const withdraw = host.names.withdraw.bind(host.names);
  host.names.withdraw = async (request) => {
    await new Promise<void>((resolve) => host.clock.setTimer(resolve, 100));
    return withdraw(request);
  };
  kill(first);
  await host.clock.advance(0);
  expect(await host.launch(launcher)).toBe('started');
  expect(idsOf(host)).toEqual([host.processes.all[1]!.handshake.instance]);
});

test('a process that is stopped for less than 300 ms is not ended', async () => {
  const { host, launcher, first } = await startedHost();
  first.isStopped = true;
  const caller = host.startLaunch(launcher);
  await host.clock.advance(250);
  first.isStopped = false;
  await host.clock.advance(2_000);
  expect(await caller).toBe('found');
  expect(first.isAlive).toBe(true);
});

test('a silent process is ended although the event loop of the server was blocked when its time was over', async () => {
  const { host, launcher, first } = await startedHost();
  first.isSilent = true;
  const caller = host.startLaunch(launcher);
  await host.clock.advance(900);
  host.clock.stall(400);
  await host.clock.advance(100);
  expect(first.signals).toEqual(['SIGKILL']);
  await host.clock.advance(500);
  expect(await caller).toBe('started');
});

test('a process that answers once the event loop of the server is no longer blocked is not ended', async () => {
  const { host, launcher, first } = await startedHost();
  host.processes.probe = async () => {
    // The server connects, and reads the response 300 ms after it can do so.
    for (const delayMs of [10, 300]) await sleep(host.clock, delayMs);
    return 'answered';
  };
  const caller = host.startLaunch(launcher);
  await host.clock.advance(5);
  host.clock.stall(5_000);
  await host.clock.advance(2_000);
  expect(await caller).toBe('found');
  expect(first.isAlive).toBe(true);
});

test('a report makes the launcher look; only what the launcher sees ends a process', async () => {
  const { host, first } = await startedHost();
  const { instance } = first.handshake;
  for (let i = 0; i < 50; i++) {
    host.names.report(instance);
    await host.clock.advance(100);
  }
  expect(host.processes.all).toEqual([first]);
  expect(first.isAlive).toBe(true);
  // At most one look a second, however many reports arrive.
  expect(host.processes.probed).toHaveLength(5);

  first.isStopped = true;
  host.names.report(instance);
  await host.clock.advance(1_500);
  expect(first.isAlive).toBe(false);
  expect(idsOf(host)).toEqual([host.processes.all[1]!.handshake.instance]);
});

test('a report during a stop by the operator starts nothing', async () => {
  const { host, launcher, first } = await startedHost();
  first.ignoresSigterm = true;
  const stop = launcher.stop({ name });
  await host.clock.advance(100);
  host.names.report(first.handshake.instance);
  await host.clock.advance(10_000);
  expect(await stop).toEqual({ stopped: 1 });
  expect(host.processes.all).toHaveLength(1);
});

test('the launcher connects only to the addresses that were registered with the ticket', async () => {
  const { host, launcher, first } = await startedHost();
  const { instance: id } = first.handshake;
  // The instance registers again, now without its ticket and with an address of another program.
  host.names.endpoints.set(name, []);
  host.names.register({ name, id, epoch: 1, addresses: ['http://169.254.169.254'] });
  await host.launch(launcher);
  expect(host.processes.probed).toEqual([first.address]);
});

test.each(['none', 'stopped'] as const)(
  'an endpoint that was registered by hand, with listener %s, is fenced when another one is up',
  async (state) => {
    const { host, launcher, address } = await hostWithForeign(state);
    host.processes.onSpawn = (process) => {
      // Until then the endpoint stays registered.
      expect(idsOf(host)).toEqual(['by-hand']);
      host.clock.setTimer(() => host.register(process), 200);
    };
    expect(await host.launch(launcher)).toBe('started');
    expect(idsOf(host)).toEqual([host.processes.all[0]!.handshake.instance]);
    expect(host.processes.probed).not.toContain(address);
  },
);

test('an endpoint that was registered by hand stays registered if the start fails', async () => {
  const { host, launcher } = await hostWithForeign('none');
  host.programsCrash();
  expect(await host.launch(launcher)).toMatch(/^START_FAILED/);
  expect(idsOf(host)).toEqual(['by-hand']);
});

test('an endpoint by hand that accepts no connection for 1 s is replaced and fenced, and its process is not ended', async () => {
  const { host, launcher, address } = await hostWithForeign('listening');
  host.processes.waiting.set(address, 1);
  const caller = host.startLaunch(launcher);
  await host.clock.advance(2_000);
  expect(await caller).toBe('started');
  expect(host.lines).toContain(
    `Endpoint by-hand of ${name} has accepted no connection for 1 s; the launcher starts another endpoint`,
  );
  expect(idsOf(host)).toEqual([host.processes.all[0]!.handshake.instance]);
});

test.each([
  ['the queue is empty for a moment', [3, 0, 3]],
  ['the queue grows, but became shorter once', [3, 2, 4]],
])('an endpoint by hand with waiting connections serves when %s', async (_how, lengths) => {
  const { host, launcher, address } = await hostWithForeign('listening');
  const caller = host.startLaunch(launcher);
  for (const length of lengths) {
    host.processes.waiting.set(address, length);
    await host.clock.advance(300);
  }
  await host.clock.advance(2_000);
  expect(await caller).toBe('found');
  expect(host.processes.all).toEqual([]);
});

test('reports on an endpoint whose listener is present start nothing', async () => {
  const { host, launcher } = await hostWithForeign('listening');
  host.names.suspects.add('by-hand');
  expect(await host.launch(launcher)).toBe('found');
  expect(host.processes.all).toEqual([]);
});

test('beside a suspect endpoint of another host another one is started, and neither is ended', async () => {
  const { host, launcher } = await hostWithForeign('unknown');
  expect(await host.launch(launcher)).toBe('found');
  host.names.suspects.add('by-hand');
  expect(await host.launch(launcher)).toBe('started');
  expect(idsOf(host)).toEqual(['by-hand', host.processes.all[0]!.handshake.instance]);
});

// Both hosts have addresses such as 127.0.0.1 and that of a bridge for containers.
test.each(['none', 'stopped'] as const)(
  'an endpoint of another host is not judged by listener %s of this host',
  async (state) => {
    const { host, launcher } = await hostWithForeign(state, 'boot/2');
    expect(await host.launch(launcher)).toBe('found');
    host.names.suspects.add('by-hand');
    expect(await host.launch(launcher)).toBe('started');
    expect(idsOf(host)).toEqual(['by-hand', host.processes.all[0]!.handshake.instance]);
  },
);

const elsewhere = ['unix:/run/orders.sock', 'http://vm:9000'];

test.each(elsewhere)(
  'an endpoint at %s of a host that is not stated is not judged by listeners',
  async (address) => {
    const { host, launcher } = await hostWithForeign('none', undefined, address);
    expect(await host.launch(launcher)).toBe('found');
    expect(idsOf(host)).toEqual(['by-hand']);
  },
);

test.each(elsewhere)('an endpoint at %s of this host is judged by its listeners', async (address) => {
  const { host, launcher } = await hostWithForeign('none', 'boot/1', address);
  expect(await host.launch(launcher)).toBe('started');
  expect(idsOf(host)).toEqual([host.processes.all[0]!.handshake.instance]);
});

test('an endpoint of this host is judged by the listeners of this host', async () => {
  const { host, launcher } = await hostWithForeign('none', 'boot/1');
  expect(await host.launch(launcher)).toBe('started');
  expect(idsOf(host)).toEqual([host.processes.all[0]!.handshake.instance]);
});

test('a process in another network namespace is not judged by the listeners of this one', async () => {
  const host = new FakeHost();
  host.processes.onSpawn = (process) => {
    const { name, instance: id, epoch, ticket } = process.handshake;
    const addresses = [process.address];
    host.clock.setTimer(
      () => host.names.register({ name, id, epoch, ticket, addresses, hostId: 'boot/2' }),
      200,
    );
  };
  const launcher = await host.open();
  expect(await host.launch(launcher)).toBe('started');
  const [first] = host.processes.all;
  // Another program has the same address in the namespace of the launcher, and hangs.
  first!.isSilent = true;
  expect(await host.launch(launcher)).toBe('found');
  expect([host.processes.probed, first!.isAlive]).toEqual([[], true]);
  first!.isStopped = true;
  expect(await host.launch(launcher)).toBe('started');
  expect(first!.isAlive).toBe(false);
});

test.each(['before', 'after'])(
  'an endpoint by hand is fenced although the server was killed %s its replacement was up',
  async (moment) => {
    const host = new FakeHost();
    host.programsRegister(1_000);
    const address = 'http://127.0.0.1:9000';
    host.processes.listeners.set(address, 'stopped');
    host.names.register({ name, id: 'by-hand', epoch: 1, addresses: [address] });
    const first = await host.open();
    void host.startLaunch(first);
    await host.clock.advance(500);
    expect(host.processes.all).toHaveLength(1);
    const withdraw = host.names.withdraw.bind(host.names);
    // The server ends before the withdrawal is saved.
    host.names.withdraw = () => new Promise(() => {});
    if (moment === 'after') await host.clock.advance(1_000);
    await first.close();
    expect(idsOf(host)).toContain('by-hand');
    host.names.withdraw = withdraw;

    // The process continues, and would serve again under the name.
    host.processes.listeners.set(address, 'listening');
    await host.open();
    await host.clock.advance(1_000);
    expect(idsOf(host)).toEqual([host.processes.all[0]!.handshake.instance]);
    expect(host.names.launches.all()[0]!.replaces).toEqual([{ id: 'by-hand', epoch: 1 }]);
  },
);

test('an endpoint by hand stays registered if its replacement does not start with the next server either', async () => {
  const { host, launcher } = await hostWithForeign('none');
  host.programsHang();
  void host.startLaunch(launcher);
  await host.clock.advance(500);
  await launcher.close();
  await host.open();
  await host.clock.advance(10_000);
  expect(host.names.launches.all()).toEqual([]);
  expect(idsOf(host)).toEqual(['by-hand']);
});
