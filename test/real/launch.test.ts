/**
 * Starts on demand between real processes: one start whoever asks, tickets that are worth something once, and a service
 * that goes on without the server that started it.
 *
 * @see promises C6.1, C6.2; Tcl-DP T6, T7, T9
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';
import { scratchFolder } from './scratch-folder.js';

interface Told {
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
    const file = fileURLToPath(new URL('programs/launched.ts', import.meta.url));
    // The tool `env` belongs to root wherever Node itself is kept.
    const args = [process.execPath, '--import', 'tsx', file, this.#report, this.#gate];
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
      for (const { pid, child } of this.told) for (const each of [pid, child]) endNow(each);
    });
  }

  /** Each start of the service, in order. */
  get told(): readonly Told[] {
    const lines = readFileSync(this.#report, 'utf8').split('\n');
    return lines.filter(Boolean).map((line) => JSON.parse(line) as Told);
  }

  /** What is started may register. */
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

/** The process ids that so many callers of one process were answered by. */
async function answers(url: string, count: number): Promise<readonly string[]> {
  return JSON.parse(
    await spawnProgram('calling.ts', [url, String(count)]).waitForLine('answers'),
  ) as string[];
}

function lives(pid: number): boolean {
  if (!existsSync(`/proc/${pid}/stat`)) return false;
  return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

test(
  '200 callers cause one start, which outlives the server and is known to the next',
  { timeout: 60_000 },
  async () => {
    const host = new Host();
    host.openGate();
    await host.serve();
    await host.defined();
    const answered = (await Promise.all([1, 2, 3, 4].map(() => answers(host.url, 50)))).flat();
    expect(answered).toHaveLength(200);
    const [{ pid, child }] = host.told as [Told];
    expect(new Set(answered)).toEqual(new Set([String(pid)]));
    expect(host.told).toHaveLength(1);

    const [endpoint] = await host.endpoints();
    host.server.child.kill('SIGKILL');
    await host.server.result;
    expect(await (await fetch(endpoint!.addresses[0]!)).json()).toEqual({ pid });

    await host.serve(new URL(host.url).port);
    expect((await host.post('launch', { name })).body).toMatchObject({
      started: false,
      endpoints: [{ id: endpoint!.id }],
    });
    expect(await answers(host.url, 1)).toEqual([String(pid)]);
    expect(host.told).toHaveLength(1);

    expect((await host.post('stop', { name })).body).toEqual({ stopped: 1 });
    expect([pid, child].map(lives)).toEqual([false, false]);
    expect(await host.endpoints()).toEqual([]);
  },
);

test('a ticket is worth something once, for one instance of one name', { timeout: 60_000 }, async () => {
  const host = new Host();
  await host.serve();
  await host.defined();
  const launching = host.post('launch', { name });
  await vi.waitFor(() => expect(host.told).toHaveLength(1), { timeout: 20_000, interval: 50 });
  const { instance: id, epoch, ticket } = host.told[0]!.line;
  const register = async (more: object): Promise<unknown> => {
    const addresses = ['http://127.0.0.1:9'];
    const { status, body } = await host.post('register', { name, id, epoch, ticket, addresses, ...more });
    return [status, body.error?.code];
  };
  const refused = [403, 'TICKET_REFUSED'];
  expect(await register({ ticket: '0'.repeat(64) })).toEqual(refused);
  expect(await register({ id: 'somebody-else' })).toEqual(refused);
  expect(await register({ epoch: epoch + 1 })).toEqual(refused);
  expect(await register({ name: '/shop/returns' })).toEqual([409, 'NAME_MISMATCH']);
  expect(await host.endpoints()).toEqual([]);

  // Nothing of that has cost the service its ticket.
  host.openGate();
  expect((await launching).body).toMatchObject({ started: true, endpoints: [{ id, epoch }] });
  const before = await host.endpoints();
  expect(await register({})).toEqual(refused);
  expect(await host.endpoints()).toEqual(before);
  expect((await fetch(`${host.url}/v1/resolve?name=/shop/returns`)).status).toBe(404);
});
