/**
 * A service whose process died or hangs is replaced, no matter who started the process.
 *
 * @see [C6.4](../../docs/guarantees.md#c6-4)
 */
import { join } from 'node:path';
import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import { expect, onTestFinished, test } from 'vitest';
import { isRunning, killNow, measureReplacement, ReplacedService } from './replaced-service.js';
import { scratchFolder } from './scratch-folder.js';

async function serviceOf(how: 'launched' | 'by-hand') {
  const service = new ReplacedService(scratchFolder());
  const server = await service.serve();
  onTestFinished(() => service.close());
  const process = await service.start(how);
  const clerkOf = () => {
    const clerk = createClerk({ registry: server.url });
    onTestFinished(() => clerk.destroy());
    return clerk;
  };
  return { service, process, clerkOf };
}

// Bounds beyond the start-up of the program: 1 s after a kill, 3 s after a freeze. Tests allow five times as much.
test.each([
  ['launched', 'SIGKILL', 1, 1, 'GET', 5_000],
  ['launched', 'SIGKILL', 1, 100, 'GET', 5_000],
  ['launched', 'SIGKILL', 3, 1, 'GET', 5_000],
  ['launched', 'SIGKILL', 3, 100, 'GET', 5_000],
  ['launched', 'SIGSTOP', 1, 1, 'GET', 15_000],
  ['launched', 'SIGSTOP', 1, 100, 'GET', 15_000],
  ['launched', 'SIGSTOP', 3, 1, 'GET', 15_000],
  ['launched', 'SIGSTOP', 3, 100, 'GET', 15_000],
  ['launched', 'SIGSTOP', 1, 1, 'POST', 15_000],
  ['by-hand', 'SIGKILL', 1, 1, 'GET', 5_000],
  ['by-hand', 'SIGKILL', 1, 100, 'GET', 5_000],
  ['by-hand', 'SIGKILL', 3, 1, 'GET', 5_000],
  ['by-hand', 'SIGKILL', 3, 100, 'GET', 5_000],
  ['by-hand', 'SIGKILL', 3, 100, 'POST', 5_000],
  ['by-hand', 'SIGSTOP', 1, 1, 'GET', 15_000],
  ['by-hand', 'SIGSTOP', 1, 100, 'GET', 15_000],
  ['by-hand', 'SIGSTOP', 3, 1, 'GET', 15_000],
  ['by-hand', 'SIGSTOP', 3, 100, 'GET', 15_000],
  ['by-hand', 'SIGSTOP', 3, 100, 'POST', 15_000],
] as const)(
  'a %s service gets %s while %d callers make %d calls/s of %s: another process answers, and only a POST that was sent fails',
  { timeout: 60_000 },
  async (how, signal, callers, callsPerSecond, method, boundMs) => {
    const { service, process, clerkOf } = await serviceOf(how);
    const clerks = Array.from({ length: callers }, clerkOf);
    const load = { callsPerSecond, method };
    const result = await measureReplacement(clerks, service, load, (pid) => killNow(pid, signal));
    const { startMs } = service.processes.at(-1)!;
    expect(result.firstAnswerMs - startMs).toBeLessThan(boundMs);
    if (method === 'GET') expect(result.failures).toEqual([]);
    // A POST that the dead process may have received is not sent again.
    for (const failure of result.failures) expect(failure).toMatchObject({ execution: 'unknown' });
    expect(service.processes).toHaveLength(2);
    // The replaced process never serves again under the name, even if it continues.
    killNow(process.pid, 'SIGCONT');
    const renewal = { name: service.name, id: process.id, epoch: process.epoch };
    expect((await service.post('renew', { renewals: [renewal] })).body.results).toEqual(['fenced']);
    const { endpoints } = (await service.post('launch', { name: service.name })).body;
    expect(endpoints).toMatchObject([{ id: service.processes[1]!.id }]);
  },
);

test.each(['launched', 'by-hand'] as const)(
  'a %s service whose event loop is blocked for ever is replaced',
  { timeout: 60_000 },
  async (how) => {
    const { service, process, clerkOf } = await serviceOf(how);
    const orders = clerkOf().bind(service.name);
    const startedAt = performance.now();
    // A retry would block the next process too.
    const hanging = orders.json('/hang', { timeoutMs: 5_000, retries: false }).catch(() => undefined);
    await expect
      .poll(() => orders.json('/', { timeoutMs: 20_000 }), { timeout: 30_000 })
      .not.toEqual({ pid: process.pid });
    // As after a freeze.
    expect(performance.now() - startedAt - service.processes.at(-1)!.startMs).toBeLessThan(15_000);
    await hanging;
    // The launcher ends only processes that it started.
    expect(isRunning(process.pid)).toBe(how === 'by-hand');
  },
);

test('launch and reset start a service whose process was killed', { timeout: 60_000 }, async () => {
  for (const path of ['launch', 'reset']) {
    const { service, process } = await serviceOf('by-hand');
    killNow(process.pid, 'SIGKILL');
    // The main thread may have ended while another thread still holds the listening socket. The folder is gone later.
    await expect.poll(() => existsSync(`/proc/${String(process.pid)}`)).toBe(false);
    const { status, body } = await service.post(path, { name: service.name });
    expect({ status, started: body.started }).toEqual({ status: 200, started: true });
    await expect.poll(() => service.processes.map(({ id }) => id)).toContain(body.endpoints[0].id);
    expect(body.endpoints).not.toMatchObject([{ id: process.id }]);
  }
});

// A caller with a broken network path reports what it sees. A malicious caller reports anything.
test('no report ends a process that serves', { timeout: 60_000 }, async () => {
  for (const how of ['launched', 'by-hand'] as const) {
    const { service, process, clerkOf } = await serviceOf(how);
    const reports = [{ name: service.name, id: process.id, epoch: process.epoch, verdict: 'unreachable' }];
    for (let i = 0; i < 40; i++) {
      await service.post('report', { clerk: `liar-${i % 3}`, reports });
      expect((await service.post('launch', { name: service.name })).body).toMatchObject({
        started: false,
        endpoints: [{ id: process.id, epoch: process.epoch }],
      });
      await setTimeout(50);
    }
    expect(await clerkOf().bind(service.name).json('/')).toEqual({ pid: process.pid });
    expect(service.processes).toHaveLength(1);
  }
});

test(
  'the registry ends while a start is awaited: the caller asks the next one',
  { timeout: 60_000 },
  async () => {
    const folder = scratchFolder();
    const service = new ReplacedService(folder, 2);
    const lines: string[] = [];
    const log = (line: string): void => void lines.push(line);
    const logger = { debug: log, info: log, warn: log, error: log };
    const data = join(folder, 'data');
    const server = await service.serve({ data, logger });
    onTestFinished(() => service.close());
    await service.define();
    const clerk = createClerk({ registry: server.url });
    onTestFinished(() => clerk.destroy());
    const call = clerk.bind(service.name).json('/', { timeoutMs: 25_000 });
    await setTimeout(500);
    await server.close();
    await service.serve({ data, logger, port: server.port });
    expect(await call).toEqual({ pid: service.processes[0]!.pid });
    expect(service.processes).toHaveLength(1);
    expect(lines.filter((line) => line.includes(' at '))).toEqual([]);
  },
);

test(
  'the registry ends while a start is awaited: the caller asks another registry',
  { timeout: 60_000 },
  async () => {
    const services = await Promise.all(
      [2, 0].map(async (delay) => {
        const service = new ReplacedService(scratchFolder(), delay);
        await service.serve();
        onTestFinished(() => service.close());
        await service.define();
        return service;
      }),
    );
    const [first, second] = services as [ReplacedService, ReplacedService];
    const clerk = createClerk({ registry: [first.server.url, second.server.url] });
    onTestFinished(() => clerk.destroy());
    const call = clerk.bind(first.name).json('/', { timeoutMs: 25_000 });
    await setTimeout(500);
    await first.server.close();
    expect(await call).toEqual({ pid: second.processes[0]?.pid });
    expect(first.processes).toEqual([]);
  },
);

test(
  'the registry ends while it replaces a frozen process: the process never serves again',
  { timeout: 60_000 },
  async () => {
    const folder = scratchFolder();
    const service = new ReplacedService(folder, 2);
    const data = join(folder, 'data');
    const { port, url } = await service.serve({ data });
    onTestFinished(() => service.close());
    const frozen = await service.start('by-hand');
    killNow(frozen.pid, 'SIGSTOP');
    const launch = service.post('launch', { name: service.name }).catch(() => undefined);
    // The look takes 300 ms, and the start of the program 2 s.
    await setTimeout(1_200);
    await service.server.close();
    await launch;
    expect(service.processes).toHaveLength(1);
    killNow(frozen.pid, 'SIGCONT');
    await service.serve({ data, port });
    await expect.poll(() => service.processes.length, { timeout: 30_000 }).toBe(2);
    const clerk = createClerk({ registry: url });
    onTestFinished(() => clerk.destroy());
    await expect
      .poll(async () => (await service.post('launch', { name: service.name })).body.endpoints, {
        timeout: 5_000,
      })
      .toMatchObject([{ id: service.processes[1]!.id }]);
    const renewal = { name: service.name, id: frozen.id, epoch: frozen.epoch };
    expect((await service.post('renew', { renewals: [renewal] })).body.results).toEqual(['fenced']);
    expect(await clerk.bind(service.name).json('/')).toEqual({ pid: service.processes[1]!.pid });
  },
);
