/** The launcher over the names as they are, with real programs. */
import { expect, onTestFinished, test } from 'vitest';
import { isClerkError } from '../../../src/core/errors.js';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { openNameServer } from '../../../src/server/naming/open-name-server.js';
import type { NameService } from '../../../src/server/ports.js';
import { memoryStore } from '../../../src/server/store/memory-store.js';
import type { RegisterResponse } from '../../../src/protocol/messages.js';
import { launchProof } from '../../../src/protocol/launch-proof.js';
import { outcomeOf } from './fake-host.js';
import { isRunning, RealHost, until } from './real-host.js';

const runtime = { ...systemClock, ...systemHashing };
const name = '/shop/orders';

async function namesOver(kept: Map<string, string>): Promise<NameService> {
  const names = await openNameServer(memoryStore(kept), runtime, { version: '0.0.0' });
  onTestFinished(() => names.close());
  return names;
}

/** A launcher's host over names that are opened anew with each `open`. */
async function setting(options: readonly string[] = []) {
  const kept = new Map<string, string>();
  const replies: RegisterResponse[] = [];
  const now = { names: await namesOver(kept) };
  await now.names.define({ name, launch: { manifest: 'orders' } });
  const host = new RealHost(now.names, async (request) =>
    replies.push(await now.names.register(request, { principal: 'address:127.0.0.1' })),
  );
  host.manifest(options);
  return { kept, replies, now, host };
}

test('a service is started, found by its ticket alone, and answered with the proof of its registry', async () => {
  const { now, host, replies } = await setting();
  const launcher = await host.open({ names: now.names });
  const words = await Promise.all(
    Array.from({ length: 50 }, () => outcomeOf(launcher.launch({ name }, undefined))),
  );
  expect(words.filter((word) => word === 'started')).toHaveLength(1);
  const line = host.handshake();
  expect(now.names.resolve(name).endpoints).toMatchObject([{ id: line.instance, epoch: line.epoch }]);
  expect(replies).toMatchObject([{ proof: launchProof(systemHashing, line.registryKey, name, line.epoch) }]);
  expect(now.names.launches.all()).toMatchObject([{ state: 'running', redeemed: true, registryKey: '' }]);
  const again = { name, id: line.instance, epoch: line.epoch, ticket: line.ticket, addresses: ['http://h'] };
  await expect(now.names.register(again as never, { principal: 'x' })).rejects.toMatchObject({
    code: 'TICKET_REFUSED',
  });
});

test('it is withdrawn when it is killed, started again with the next number, and stopped', async () => {
  const { now, host } = await setting();
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

test('after a restart of the server it is there, recognised, and can be stopped', async () => {
  const { kept, now, host } = await setting();
  const first = await host.open({ names: now.names });
  await first.launch({ name }, undefined);
  await first.close();
  await now.names.close();
  now.names = await namesOver(kept);
  const launcher = await host.open({ names: now.names });
  expect(await outcomeOf(launcher.launch({ name }, undefined))).toBe('found');
  const { pid } = host.reports()[0]!;
  expect(isRunning(pid)).toBe(true);
  expect(await launcher.stop({ name })).toEqual({ stopped: 1 });
  expect(isRunning(pid)).toBe(false);
  expect(now.names.resolve(name).endpoints).toEqual([]);
});

test('a program of an earlier number that comes late is refused', async () => {
  const { now, host } = await setting(['--silent']);
  const launcher = await host.open({ names: now.names });
  const waiting = outcomeOf(launcher.launch({ name }, undefined));
  await until(() => host.reports().length === 1);
  const { ticket, epoch, instance: id } = host.handshake();
  await launcher.stop({ name });
  expect(await waiting).toMatch(/^START_FAILED: .* stopped by an operator/);
  const late = { name, id, epoch, ticket, addresses: ['http://127.0.0.1:1'] as const };
  const refused = await now.names.register(late, { principal: 'x' }).catch((error: unknown) => error);
  expect(isClerkError(refused) && refused.code).toBe('TICKET_REFUSED');
  expect(now.names.resolve(name).endpoints).toEqual([]);
});

test('what was moved since it was started is stopped under its new name', async () => {
  const { now, host } = await setting();
  const launcher = await host.open({ names: now.names });
  await launcher.launch({ name }, undefined);
  await now.names.move({ from: '/shop', to: '/store' });
  expect(await launcher.stop({ name: '/store/orders' })).toEqual({ stopped: 1 });
  expect(now.names.resolve('/store/orders').endpoints).toEqual([]);
  expect(isRunning(host.reports()[0]!.pid)).toBe(false);
});
