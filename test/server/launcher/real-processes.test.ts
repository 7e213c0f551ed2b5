import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemProcesses } from '../../../src/runtime/system-processes.js';
import type { Launcher } from '../../../src/server/ports.js';
import { outcomeOf } from './fake-host.js';
import { FakeNameService } from './fake-name-service.js';
import { isRunning, RealHost, until } from './real-host.js';

function realHost(options: readonly string[] = [], more: readonly string[] = []) {
  const names = new FakeNameService();
  names.define('/shop/orders', { manifest: 'orders' });
  const host = new RealHost(names, (request) => names.register(request));
  host.manifest(options, more);
  return { names, host };
}

const name = '/shop/orders';

function launched(launcher: Launcher): Promise<string> {
  return outcomeOf(launcher.launch({ name }, undefined));
}

test('a real program is started, finds all it needs and nothing else, and can be called', async () => {
  const { names, host } = realHost(
    ['--title=${title}', '${title}'],
    ['params: { title: { type: string } }', 'env: [LANG, HOME]', `cwd: /usr`],
  );
  const title = '$(touch x); `id` && echo "a\'b" > /dev/null | * ? \\ \n -v';
  names.define(name, { manifest: 'orders', params: { title } });
  const launcher = await host.open();
  const { endpoints, started } = await launcher.launch({ name }, undefined);
  expect(started).toBe(true);
  const [told] = host.reports();
  expect(told!.argv.slice(1)).toEqual([`--title=${title}`, title, name]);
  expect(told!.cwd).toBe('/usr');
  const passed = ['LANG', 'HOME'].filter((key) => process.env[key] !== undefined);
  expect(Object.keys(told!.env).sort()).toEqual(
    ['PATH', 'CLERK_LAUNCHED', 'CLERK_INSTANCE', ...passed].sort(),
  );
  expect(told!.env).toMatchObject({ CLERK_LAUNCHED: '1', PATH: '/usr/local/bin:/usr/bin:/bin' });
  expect(told!.input).toMatch(/^\{"v":1,[^\n]*\}\n$/);
  expect(host.handshake()).toMatchObject({ name, epoch: 1, instance: endpoints[0]!.id });
  const answer = await fetch(`${endpoints[0]!.addresses[0]!}/orders/7`);
  expect(await answer.text()).toBe('/orders/7');
  // At the head of a group and a session of its own.
  const stat = readFileSync(`/proc/${told!.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  expect([stat[2], stat[3]]).toEqual([String(told!.pid), String(told!.pid)]);
  const log = join(host.folder, 'shop.orders.log');
  expect(statSync(log).mode & 0o777).toBe(0o600);
  await until(() => readFileSync(log, 'utf8').includes('registered: 200'));
});

test('200 callers cause one real start', async () => {
  const { host } = realHost();
  const launcher = await host.open();
  const words = await Promise.all(Array.from({ length: 200 }, () => launched(launcher)));
  expect(words.filter((word) => word === 'started')).toHaveLength(1);
  expect(words.filter((word) => word === 'found')).toHaveLength(199);
  expect(host.reports()).toHaveLength(1);
});

test('a program that ends early is told with its code and its last words', async () => {
  const { host } = realHost(['--crash']);
  const launcher = await host.open();
  expect(await launched(launcher)).toBe(
    'START_FAILED: /shop/orders could not be started: it exited with code 3 before it registered; it last said:\nError: the disk is full [31m',
  );
  // Without a folder for logs there are no words.
  const other = realHost(['--crash']);
  const silent = await other.host.open({ logs: undefined });
  expect(await launched(silent)).toMatch(/it exited with code 3 before it registered$/);
});

test('what was printed by the run before is kept beside the new', async () => {
  const { host } = realHost();
  const launcher = await host.open();
  await launched(launcher);
  const log = join(host.folder, 'shop.orders.log');
  expect(existsSync(`${log}.1`)).toBe(false);
  await until(() => readFileSync(log, 'utf8').includes('registered'));
  expect(await outcomeOf(launcher.reset({ name }))).toBe('started');
  expect(readFileSync(`${log}.1`, 'utf8')).toMatch(/^listening\nregistered: 200\n/);
});

test('what does not register in time is ended, children that have left its group too', async () => {
  const { names, host } = realHost(['--silent', '--deaf', '--child', '--stray'], ['readyMs: 1000']);
  const launcher = await host.open();
  expect(await launched(launcher)).toMatch(/^START_FAILED: .* did not register within 1.0 s and was ended$/);
  const { pid, children } = host.reports()[0]!;
  expect(children).toHaveLength(2);
  expect([pid, ...children].map(isRunning)).toEqual([true, true, true]);
  await until(() => ![pid, ...children].some(isRunning));
  await until(() => names.launches.all().length === 0);
});

test('stop ends a service with its children, whatever they think of it', async () => {
  const { names, host } = realHost(['--child', '--stray']);
  const launcher = await host.open();
  await launched(launcher);
  const { pid, children } = host.reports()[0]!;
  expect(await launcher.stop({ name })).toEqual({ stopped: 1 });
  expect([pid, ...children].map(isRunning)).toEqual([false, false, false]);
  expect(names.resolve(name).endpoints).toEqual([]);
  expect(names.journal).toContain('draining /shop/orders');
});

test('a service that is killed is withdrawn, and the next call starts it again', async () => {
  const { names, host } = realHost();
  const launcher = await host.open();
  await launched(launcher);
  const { pid } = host.reports()[0]!;
  process.kill(pid, 'SIGKILL');
  await until(() => names.resolve(name).endpoints.length === 0);
  expect(await launched(launcher)).toBe('started');
  expect(new Set(host.reports().map((told) => told.pid)).size).toBe(2);
});

test('a later launcher recognises what an earlier one has started, and ends it when asked', async () => {
  const { names, host } = realHost();
  const first = await host.open();
  await launched(first);
  await first.close();
  const { pid } = host.reports()[0]!;
  expect(names.launches.all()).toMatchObject([{ state: 'running', pid, redeemed: true }]);
  const launcher = await host.open();
  expect(await launched(launcher)).toBe('found');
  expect(await launcher.stop({ name })).toEqual({ stopped: 1 });
  expect(isRunning(pid)).toBe(false);
});

test('a process that an intent left behind is found by its mark', async () => {
  const { names, host } = realHost(['--silent']);
  const first = await host.open();
  const { update } = names.launches;
  names.launches.update = () => new Promise(() => {});
  const waiting = launched(first);
  await until(() => host.reports().length === 1);
  await first.close();
  expect(await waiting).toMatch(/^CLERK_CLOSED/);
  names.launches.update = update;
  const { pid } = host.reports()[0]!;
  expect(names.launches.all()).toMatchObject([{ state: 'intent', pid: undefined }]);
  const launcher = await host.open();
  expect(names.launches.all()).toMatchObject([{ state: 'running', pid }]);
  await launcher.stop({ name });
  expect(isRunning(pid)).toBe(false);
});

test('a service goes on when whoever started it is killed', async () => {
  const { host } = realHost();
  host.manifest([]);
  const program = new URL('programs/starts-and-waits.ts', import.meta.url).pathname;
  const starter = spawn(process.execPath, ['--import', 'tsx', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void starter.kill('SIGKILL'));
  let told = '';
  starter.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
  await until(() => told.includes('\n'));
  const { pid, identity } = JSON.parse(told) as { pid: number; identity: string };
  onTestFinished(() => void systemProcesses.signal(pid, 'CLERK_INSTANCE=starts-and-waits', 'SIGKILL'));
  const gone = new Promise((resolve) => starter.once('exit', resolve));
  starter.kill('SIGKILL');
  await gone;
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(systemProcesses.identityOf(pid)).toBe(identity);
});

test('a service that nobody uses is ended and comes back', async () => {
  const { names, host } = realHost([], ['idleStopMs: 1000']);
  const launcher = await host.open();
  await launched(launcher);
  const { pid } = host.reports()[0]!;
  await until(() => names.launches.all().length === 0);
  expect(isRunning(pid)).toBe(false);
  expect(await launched(launcher)).toBe('started');
});

test.runIf(process.getuid?.() === 0)('a program runs as the user that its manifest names', async () => {
  const { host } = realHost([], ['user: 65534']);
  const launcher = await host.open();
  const { chmodSync } = await import('node:fs');
  chmodSync(host.folder, 0o711);
  chmodSync(host.reportFile, 0o666);
  expect(await launched(launcher)).toBe('started');
  expect(host.reports()).toMatchObject([{ uid: 65_534, gid: 65_534 }]);
  expect(host.reports()[0]!.groups.filter((group) => group !== 65_534)).toEqual([]);
});

test('what the host refuses to start is said', async () => {
  const order = { argv0: 'x', args: [], env: {}, cwd: '/', stdin: '', logFile: undefined };
  await expect(systemProcesses.spawn({ ...order, file: '/no/such/program' })).rejects.toThrow(/ENOENT/);
  await expect(systemProcesses.spawn({ ...order, file: '/etc/passwd' })).rejects.toThrow(/EACCES/);
  await expect(
    systemProcesses.spawn({ ...order, file: '/bin/true', logFile: '/no/such/log' }),
  ).rejects.toThrow(/ENOENT/);
});

test('one that has ended and was not collected is gone', async () => {
  const parent = spawn('/bin/sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 20'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void parent.kill('SIGKILL'));
  let told = '';
  parent.stdout.setEncoding('utf8').on('data', (text: string) => (told += text));
  await until(() => told.includes('\n'));
  const pid = Number(told);
  await until(() => stateOf(pid) === 'Z');
  expect(systemProcesses.identityOf(pid)).toBeUndefined();
  expect(systemProcesses.identityOf(parent.pid!)).toMatch(/^\d+@[0-9a-f-]{36}$/);
});

function stateOf(pid: number): string {
  return execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' })
    .split(') ')[1]!
    .charAt(0);
}
