/** The launcher with the real name server and real processes. */
import { expect, onTestFinished, test } from 'vitest';
import { isClerkError } from '../../../src/core/errors.js';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { openNameServer } from '../../../src/server/naming/open-name-server.js';
import type { NameService } from '../../../src/server/ports.js';
import { memoryStore } from '../../../src/server/store/memory-store.js';
import type { RegisterResponse } from '../../../src/protocol/registration-messages.js';
import { launchProof } from '../../../src/protocol/launch-proof.js';
import type { ProcessPort } from '../../../src/service/service-runtime.js';
import { LaunchContext } from '../../../src/service/launch-context.js';
import { outcomeOf } from './fake-host.js';
import { isRunning, RealHost, until } from './real-host.js';

const runtime = { ...systemClock, ...systemHashing };
const name = '/shop/orders';

async function openNames(records: Map<string, string>): Promise<NameService> {
  const names = await openNameServer(memoryStore(records), runtime, { version: '0.0.0' });
  onTestFinished(() => names.close());
  return names;
}

/** A host whose name server can be closed and opened again over the same records. */
async function createSetup(options: readonly string[] = []) {
  const records = new Map<string, string>();
  const responses: RegisterResponse[] = [];
  const now = { names: await openNames(records) };
  await now.names.define({ name, launch: { manifest: 'orders' } });
  const host = new RealHost(now.names, async (request) =>
    responses.push(await now.names.register(request, { principal: 'address:127.0.0.1' })),
  );
  host.manifest(options);
  return { records, responses, now, host };
}

test('a started service is identified by its ticket and receives the launch proof of its registry', async () => {
  const { now, host, responses } = await createSetup();
  const launcher = await host.open({ names: now.names });
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, () => outcomeOf(launcher.launch({ name }, undefined))),
  );
  expect(outcomes.filter((outcome) => outcome === 'started')).toHaveLength(1);
  const handshake = host.handshake();
  expect(now.names.resolve(name).endpoints).toMatchObject([
    { id: handshake.instance, epoch: handshake.epoch },
  ]);
  expect(responses).toMatchObject([
    { proof: launchProof(systemHashing, handshake.registryKey, name, handshake.epoch) },
  ]);
  expect(now.names.launches.all()).toMatchObject([{ state: 'running', redeemed: true, registryKey: '' }]);
  const again = {
    name,
    id: handshake.instance,
    epoch: handshake.epoch,
    ticket: handshake.ticket,
    addresses: ['http://h'],
  };
  await expect(now.names.register(again as never, { principal: 'x' })).rejects.toMatchObject({
    code: 'TICKET_REFUSED',
  });
});

test('a killed service is withdrawn, started again with the next epoch, and stopped', async () => {
  const { now, host } = await createSetup();
  const launcher = await host.open({ names: now.names });
  await launcher.launch({ name }, undefined);
  process.kill(host.reports()[0]!.pid, 'SIGKILL');
  await until(() => now.names.resolve(name).endpoints.length === 0);
  await until(() => now.names.launches.all().length === 0);
  const { endpoints } = await launcher.launch({ name }, undefined);
  expect(endpoints).toMatchObject([{ epoch: 2 }]);
  const stopping = launcher.stop({ name });
  await until(() => now.names.resolve(name).endpoints[0]?.state !== 'up');
  expect(await stopping).toEqual({ stopped: 1 });
  expect(now.names.resolve(name).endpoints).toEqual([]);
  expect(now.names.launches.all()).toEqual([]);
  expect(await outcomeOf(launcher.reset({ name }))).toBe('started');
  expect(now.names.resolve(name).endpoints).toMatchObject([{ epoch: 3 }]);
});

test('after a restart of the server a running service is adopted and can be stopped', async () => {
  const { records, now, host } = await createSetup();
  const first = await host.open({ names: now.names });
  await first.launch({ name }, undefined);
  await first.close();
  await now.names.close();
  now.names = await openNames(records);
  const launcher = await host.open({ names: now.names });
  expect(await outcomeOf(launcher.launch({ name }, undefined))).toBe('found');
  const { pid } = host.reports()[0]!;
  expect(isRunning(pid)).toBe(true);
  expect(await launcher.stop({ name })).toEqual({ stopped: 1 });
  expect(isRunning(pid)).toBe(false);
  expect(now.names.resolve(name).endpoints).toEqual([]);
});

test('a late registration of an earlier launch is rejected', async () => {
  const { now, host } = await createSetup(['--silent']);
  const launcher = await host.open({ names: now.names });
  const waiting = outcomeOf(launcher.launch({ name }, undefined));
  await until(() => host.reports().length === 1);
  const { ticket, epoch, instance: id } = host.handshake();
  await launcher.stop({ name });
  expect(await waiting).toMatch(/^START_FAILED: .* an operator stopped the service/);
  const late = { name, id, epoch, ticket, addresses: ['http://127.0.0.1:1'] as const };
  const refused = await now.names.register(late, { principal: 'x' }).catch((error: unknown) => error);
  expect(isClerkError(refused) && refused.code).toBe('TICKET_REFUSED');
  expect(now.names.resolve(name).endpoints).toEqual([]);
});

test('a service that was moved since its start is stopped under its new name', async () => {
  const { now, host } = await createSetup();
  const launcher = await host.open({ names: now.names });
  await launcher.launch({ name }, undefined);
  await now.names.move({ from: '/shop', to: '/store' });
  expect(await launcher.stop({ name: '/store/orders' })).toEqual({ stopped: 1 });
  expect(now.names.resolve('/store/orders').endpoints).toEqual([]);
  expect(isRunning(host.reports()[0]!.pid)).toBe(false);
});

test('a service that was moved is started again under both names, and its program may use its former name', async () => {
  const { now, host } = await createSetup();
  const launcher = await host.open({ names: now.names });
  await now.names.move({ from: '/shop', to: '/store' });
  await now.names.move({ from: '/store/orders', to: '/store/sales' });
  const moved = '/store/sales';
  for (const [count, requested] of [moved, name, '/store/orders'].entries()) {
    expect(await outcomeOf(launcher.reset({ name: requested }))).toBe('started');
    const handshake = host.handshake();
    expect(handshake).toMatchObject({ name: moved, formerNames: ['/store/orders', '/shop/sales', name] });
    const context = new LaunchContext({
      env: { CLERK_LAUNCHED: '1' },
      readFirstLine: () => Promise.resolve(JSON.stringify(handshake)),
    } as unknown as ProcessPort);
    const read = await context.handshake();
    expect(() => context.claim(read!, '/shop/stock')).toThrow(/NAME_MISMATCH|must be \/store\/sales/);
    expect(context.claim(read!, name)).toEqual(handshake);
    process.kill(host.reports()[count]!.pid, 'SIGKILL');
    await until(() => now.names.resolve(moved).endpoints.length === 0);
    await until(() => now.names.launches.all().length === 0);
  }
});

test('a manifest starts no service whose name is only linked from a name that the manifest matches', async () => {
  const { now, host } = await createSetup();
  const launcher = await host.open({ names: now.names });
  await now.names.define({ name: '/other/sales', launch: { manifest: 'orders' } });
  await now.names.link({ name: '/shop/sales', target: '/other/sales' });
  expect(await outcomeOf(launcher.launch({ name: '/other/sales' }, undefined))).toMatch(/^FORBIDDEN/);
  expect(await outcomeOf(launcher.launch({ name: '/shop/sales' }, undefined))).toMatch(/^FORBIDDEN/);
});
