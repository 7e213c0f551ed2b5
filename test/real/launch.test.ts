/**
 * Starts on demand between real processes: one start for all callers, tickets that are valid once, and a
 * service that outlives the server that started it.
 *
 * @see [C6.1](../../docs/guarantees.md#c6-1), [C6.2](../../docs/guarantees.md#c6-2),
 * [T6](../../docs/background.md#t6), [T7](../../docs/background.md#t7), [T9](../../docs/background.md#t9)
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';
import { scratchFolder } from './scratch-folder.js';
import { nodeArguments } from '../support/compiled-programs.js';

interface ReportedStart {
  readonly pid: number;
  readonly child: number;
  readonly line: { name: string; instance: string; epoch: number; ticket: string };
}

const root = fileURLToPath(new URL('../..', import.meta.url));
const name = '/shop/orders';

class Host {
  readonly folder = scratchFolder();
  readonly #report = join(this.folder, 'report');
  readonly #gate = join(this.folder, 'gate');
  server!: SpawnedProgram;
  url = '';

  constructor() {
    writeFileSync(this.#report, '');
    const file = fileURLToPath(new URL('programs/launched-service.ts', import.meta.url));
    // The tool `env` belongs to root wherever Node is installed.
    const args = [process.execPath, ...nodeArguments(file), this.#report, this.#gate];
    const manifest = [
      'version: 1',
      `service: ${name}`,
      'exec: /usr/bin/env',
      `args: ${JSON.stringify(args)}`,
      `cwd: ${root}`,
      'readyMs: 25000',
    ];
    writeFileSync(join(this.folder, 'orders.yaml'), manifest.join('\n'), { mode: 0o600 });
    onTestFinished(() => {
      for (const { pid, child } of this.starts) for (const each of [pid, child]) killNow(each);
    });
  }

  /** The starts of the service, in order. */
  get starts(): readonly ReportedStart[] {
    const lines = readFileSync(this.#report, 'utf8').split('\n');
    return lines.filter(Boolean).map((line) => JSON.parse(line) as ReportedStart);
  }

  /** Lets started processes register. */
  openGate(): void {
    writeFileSync(this.#gate, '');
  }

  async serve(port = '0'): Promise<void> {
    this.server = spawnProgram('registry.ts', [join(this.folder, 'data'), port, this.folder]);
    this.url = await this.server.waitForLine('at');
  }

  async post(path: string, body: object): Promise<{ status: number; body: any }> {
    const reply = await fetch(`${this.url}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: reply.status, body: await reply.json() };
  }

  async defined(): Promise<void> {
    const { status } = await this.post('define', { name, launch: { manifest: 'orders' } });
    expect(status).toBe(200);
  }

  async endpoints(): Promise<{ id: string; addresses: string[] }[]> {
    const reply = await fetch(`${this.url}/v1/resolve?name=${name}`);
    return ((await reply.json()) as { endpoints: { id: string; addresses: string[] }[] }).endpoints;
  }
}

/** The process ids that responded to the callers of one process. */
async function respondersOf(url: string, count: number): Promise<readonly string[]> {
  return JSON.parse(
    await spawnProgram('concurrent-callers.ts', [url, String(count)]).waitForLine('responses'),
  ) as string[];
}

function isAlive(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already ended.
  }
}

test(
  '200 callers cause one start, which outlives the registry and is known to the next one',
  { timeout: 60_000 },
  async () => {
    const host = new Host();
    host.openGate();
    await host.serve();
    await host.defined();
    const responders = (await Promise.all([1, 2, 3, 4].map(() => respondersOf(host.url, 50)))).flat();
    expect(responders).toHaveLength(200);
    const [{ pid, child }] = host.starts as [ReportedStart];
    expect(new Set(responders)).toEqual(new Set([String(pid)]));
    expect(host.starts).toHaveLength(1);

    const [endpoint] = await host.endpoints();
    host.server.child.kill('SIGKILL');
    await host.server.result;
    expect(await (await fetch(endpoint!.addresses[0]!)).json()).toEqual({ pid });

    await host.serve(new URL(host.url).port);
    expect((await host.post('launch', { name })).body).toMatchObject({
      started: false,
      endpoints: [{ id: endpoint!.id }],
    });
    expect(await respondersOf(host.url, 1)).toEqual([String(pid)]);
    expect(host.starts).toHaveLength(1);

    expect((await host.post('stop', { name })).body).toEqual({ stopped: 1 });
    expect([pid, child].map(isAlive)).toEqual([false, false]);
    expect(await host.endpoints()).toEqual([]);
  },
);

test('a ticket is valid once, for one instance of one name', { timeout: 60_000 }, async () => {
  const host = new Host();
  await host.serve();
  await host.defined();
  const launching = host.post('launch', { name });
  await vi.waitFor(() => expect(host.starts).toHaveLength(1), { timeout: 20_000, interval: 50 });
  const { instance: id, epoch, ticket } = host.starts[0]!.line;
  const register = async (more: object): Promise<unknown> => {
    const addresses = ['http://127.0.0.1:9'];
    const { status, body } = await host.post('register', { name, id, epoch, ticket, addresses, ...more });
    return [status, body.error?.code];
  };
  const refused = [401, 'TICKET_REFUSED'];
  expect(await register({ ticket: '0'.repeat(64) })).toEqual(refused);
  expect(await register({ id: 'another-instance' })).toEqual(refused);
  expect(await register({ epoch: epoch + 1 })).toEqual(refused);
  expect(await register({ name: '/shop/returns' })).toEqual([409, 'NAME_MISMATCH']);
  expect(await host.endpoints()).toEqual([]);

  // None of these attempts used up the ticket.
  host.openGate();
  expect((await launching).body).toMatchObject({ started: true, endpoints: [{ id, epoch }] });
  const before = await host.endpoints();
  expect(await register({})).toEqual(refused);
  expect(await host.endpoints()).toEqual(before);
  expect((await fetch(`${host.url}/v1/resolve?name=/shop/returns`)).status).toBe(404);
});
