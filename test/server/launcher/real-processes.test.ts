import { execFileSync, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import type { LaunchHandshake } from '../../../src/protocol/launch-messages.js';
import { systemProcesses } from '../../../src/runtime/system-processes.js';
import type { Launcher } from '../../../src/server/ports.js';
import { outcomeOf } from './fake-host.js';
import { FakeNameService } from './fake-name-service.js';
import { isRunning, RealHost, until } from './real-host.js';
import { nodeArguments } from '../../support/compiled-programs.js';

function createHost(options: readonly string[] = [], more: readonly string[] = []) {
  const names = new FakeNameService();
  names.define('/shop/orders', { manifest: 'orders' });
  const host = new RealHost(names, (request) => names.register(request));
  host.manifest(options, more);
  return { names, host };
}

const name = '/shop/orders';

function launchOutcome(launcher: Launcher): Promise<string> {
  return outcomeOf(launcher.launch({ name }, undefined));
}

test('a real service gets its arguments, environment and handshake and nothing else, and can be called', async () => {
  const { names, host } = createHost(
    ['--title=${title}', '${title}'],
    ['params: { title: { type: string } }', 'env: [LANG, HOME]', `cwd: /usr`],
  );
  const title = '$(touch x); `id` && echo "a\'b" > /dev/null | * ? \\ \n -v';
  names.define(name, { manifest: 'orders', params: { title } });
  const launcher = await host.open();
  const { endpoints, started } = await launcher.launch({ name }, undefined);
  expect(started).toBe(true);
  const [report] = host.reports();
  expect(report!.argv.slice(1)).toEqual([`--title=${title}`, title, name]);
  expect(report!.cwd).toBe('/usr');
  const passedOn = ['LANG', 'HOME'].filter((key) => process.env[key] !== undefined);
  expect(Object.keys(report!.env).sort()).toEqual(
    ['PATH', 'CLERK_LAUNCHED', 'CLERK_INSTANCE', 'CLERK_OWNER', ...passedOn].sort(),
  );
  expect(report!.env).toMatchObject({ CLERK_LAUNCHED: '1', PATH: '/usr/local/bin:/usr/bin:/bin' });
  expect(report!.input).toMatch(/^\{"v":1,[^\n]*\}\n$/);
  expect(host.handshake()).toMatchObject({ name, epoch: 1, instance: endpoints[0]!.id });
  const response = await fetch(`${endpoints[0]!.addresses[0]!}/orders/7`);
  expect(await response.text()).toBe('/orders/7');
  // It leads its own process group and session.
  const stat = readFileSync(`/proc/${report!.pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  expect([stat[2], stat[3]]).toEqual([String(report!.pid), String(report!.pid)]);
  const log = join(host.folder, 'shop.orders.log');
  expect(statSync(log).mode & 0o777).toBe(0o600);
  await until(() => readFileSync(log, 'utf8').includes('registered: 200'));
});

test('200 concurrent callers share one real start', async () => {
  const { host } = createHost();
  const launcher = await host.open();
  const outcomes = await Promise.all(Array.from({ length: 200 }, () => launchOutcome(launcher)));
  expect(outcomes.filter((outcome) => outcome === 'started')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'found')).toHaveLength(199);
  expect(host.reports()).toHaveLength(1);
});

test('a program that exits early is reported with its exit code and the end of its log', async () => {
  const { host } = createHost(['--crash']);
  const launcher = await host.open();
  expect(await launchOutcome(launcher)).toBe(
    'START_FAILED: /shop/orders could not be started: the process exited with code 3 before the service registered; last output: Error: the disk is full [31m',
  );
  // Without a log folder there is no log.
  const other = createHost(['--crash']);
  const withoutLogs = await other.host.open({ logs: undefined });
  expect(await launchOutcome(withoutLogs)).toMatch(
    /the process exited with code 3 before the service registered$/,
  );
});

test('the log of the previous run is kept', async () => {
  const { host } = createHost();
  const launcher = await host.open();
  await launchOutcome(launcher);
  const log = join(host.folder, 'shop.orders.log');
  expect(existsSync(`${log}.1`)).toBe(false);
  await until(() => readFileSync(log, 'utf8').includes('registered'));
  expect(await outcomeOf(launcher.reset({ name }))).toBe('started');
  expect(readFileSync(`${log}.1`, 'utf8')).toMatch(/^listening\nregistered: 200\n/);
});

test('a program that does not register in time is stopped, with children that have left its group', async () => {
  const { names, host } = createHost(
    ['--silent', '--ignore-sigterm', '--child', '--detached-child'],
    ['readyMs: 1000'],
  );
  const launcher = await host.open();
  expect(await launchOutcome(launcher)).toMatch(
    /^START_FAILED: .* did not register within 1.0 s and was stopped$/,
  );
  const { pid, children } = host.reports()[0]!;
  expect(children).toHaveLength(2);
  expect([pid, ...children].map(isRunning)).toEqual([true, true, true]);
  await until(() => ![pid, ...children].some(isRunning));
  await until(() => names.launches.all().length === 0);
});

test('stop ends a service and its children, even if they ignore SIGTERM', async () => {
  const { names, host } = createHost(['--child', '--detached-child']);
  const launcher = await host.open();
  await launchOutcome(launcher);
  const { pid, children } = host.reports()[0]!;
  expect(await launcher.stop({ name })).toEqual({ stopped: 1 });
  expect([pid, ...children].map(isRunning)).toEqual([false, false, false]);
  expect(names.resolve(name).endpoints).toEqual([]);
  expect(names.journal).toContain('draining /shop/orders');
});

test('a killed service is withdrawn, and the next call starts it again', async () => {
  const { names, host } = createHost();
  const launcher = await host.open();
  await launchOutcome(launcher);
  const { pid } = host.reports()[0]!;
  process.kill(pid, 'SIGKILL');
  await until(() => names.resolve(name).endpoints.length === 0);
  expect(await launchOutcome(launcher)).toBe('started');
  expect(new Set(host.reports().map((report) => report.pid)).size).toBe(2);
});

test('a later launcher adopts a service of an earlier one and can stop it', async () => {
  const { names, host } = createHost();
  const first = await host.open();
  await launchOutcome(first);
  await first.close();
  const { pid } = host.reports()[0]!;
  expect(names.launches.all()).toMatchObject([{ state: 'running', pid, redeemed: true }]);
  const launcher = await host.open();
  expect(await launchOutcome(launcher)).toBe('found');
  expect(await launcher.stop({ name })).toEqual({ stopped: 1 });
  expect(isRunning(pid)).toBe(false);
});

test('the process of a recorded intent is found by its environment marker', async () => {
  const { names, host } = createHost(['--silent']);
  const first = await host.open();
  const { update } = names.launches;
  names.launches.update = () => new Promise(() => {});
  const waiting = launchOutcome(first);
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

test('a service keeps running, and writing its log, when the process that started it is killed', async () => {
  const program = fileURLToPath(new URL('programs/starts-and-waits.ts', import.meta.url));
  const instance = `starts-and-waits-${randomUUID()}`;
  const log = join(createHost().host.folder, 'running.log');
  const starter = spawn(process.execPath, [...nodeArguments(program), instance, log], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void starter.kill('SIGKILL'));
  let output = '';
  starter.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await until(() => output.includes('\n'));
  const { pid, identity } = JSON.parse(output) as { pid: number; identity: string };
  onTestFinished(() => void systemProcesses.signal(pid, `CLERK_OWNER=${instance}`, 'SIGKILL'));
  const exited = new Promise((resolve) => starter.once('exit', resolve));
  starter.kill('SIGKILL');
  await exited;
  await new Promise((resolve) => setTimeout(resolve, 300));
  const sizeBytes = statSync(log).size;
  await until(() => statSync(log).size > sizeBytes);
  expect(systemProcesses.identityOf(pid)).toBe(identity);
});

// The program and its log need no permission of their user on any path: a clone may be private to root.
test.runIf(process.getuid?.() === 0)('a program runs as the user that its manifest names', async () => {
  const { names, host } = createHost();
  host.shellManifest('id -u; id -g; id -G; cat; exec sleep 60', ['user: 65534']);
  const launcher = await host.open();
  const outcome = launchOutcome(launcher);
  const log = join(host.folder, 'shop.orders.log');
  const lines = (): string[] => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []);
  await until(() => lines().length === 5);
  const [uid, gid, groups, line] = lines();
  const { instance: id, epoch, ticket } = JSON.parse(line!) as LaunchHandshake;
  onTestFinished(() => systemProcesses.signal(undefined, `CLERK_OWNER=folder/${id}`, 'SIGKILL'));
  expect([uid, gid, groups]).toEqual(['65534', '65534', '65534']);
  names.register({ name, id, epoch, ticket, addresses: ['http://127.0.0.1:1'] });
  expect(await outcome).toBe('started');
  expect(await launcher.stop({ name })).toEqual({ stopped: 1 });
});

test('spawn rejects with the error of the host', async () => {
  const options = { argv0: 'x', args: [], env: {}, cwd: '/', stdin: '', logFile: undefined, maxLogFiles: 1 };
  await expect(systemProcesses.spawn({ ...options, file: '/no/such/program' })).rejects.toThrow(/ENOENT/);
  await expect(systemProcesses.spawn({ ...options, file: '/etc/passwd' })).rejects.toThrow(/EACCES/);
  await expect(
    systemProcesses.spawn({ ...options, file: '/bin/true', logFile: '/no/such/log' }),
  ).rejects.toThrow(/ENOENT/);
});

test('a zombie counts as exited', async () => {
  const parent = spawn('/bin/sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 20'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  onTestFinished(() => void parent.kill('SIGKILL'));
  let output = '';
  parent.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await until(() => output.includes('\n'));
  const pid = Number(output);
  await until(() => stateOf(pid) === 'Z');
  expect(systemProcesses.identityOf(pid)).toBeUndefined();
  expect(systemProcesses.identityOf(parent.pid!)).toMatch(/^\d+@[0-9a-f-]{36}\/\d+$/);
});

function stateOf(pid: number): string {
  return execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' })
    .split(') ')[1]!
    .charAt(0);
}

test('the output of a program is bounded, and continues when the log file is emptied', async () => {
  const { host } = createHost();
  const script =
    'for i in $(seq 90); do for j in $(seq 10); do echo 01234567890123456789012345678901234567890123456789; done; sleep 0.1; done';
  host.shellManifest(script, ['maxLogBytes: 4096', 'maxLogFiles: 1', 'readyMs: 20000']);
  const launcher = await host.open();
  const outcome = launchOutcome(launcher);
  const log = join(host.folder, 'shop.orders.log');
  await until(() => existsSync(`${log}.1`));
  // The inode number of a removed file may be used again, so the times tell two copies apart.
  const before = statSync(`${log}.1`).birthtimeMs;
  await until(() => existsSync(`${log}.1`) && statSync(`${log}.1`).birthtimeMs !== before);
  await until(() => statSync(log).size > 0);
  expect(existsSync(`${log}.2`)).toBe(false);
  await launcher.stop({ name });
  expect(await outcome).toMatch(/^START_FAILED/);
});
