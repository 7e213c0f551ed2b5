/** Workers of `node:cluster` that share a port are one instance with one store of calls. */
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { freePort } from '../support/free-port.js';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';

interface Endpoint {
  readonly id: string;
  readonly epoch: number;
}

async function start(scene: string): Promise<{
  readonly url: string;
  readonly port: number;
  readonly program: SpawnedProgram;
  endpoints(): Promise<readonly Endpoint[]>;
}> {
  const registry = await startServer({ port: 0 });
  onTestFinished(() => registry.close());
  const port = await freePort();
  const program = spawnProgram('cluster-service.ts', [registry.url, scene, String(port)]);
  return {
    url: registry.url,
    port,
    program,
    endpoints: async () => {
      const reply = await fetch(`${registry.url}/v1/resolve?name=/shop/orders`);
      return ((await reply.json()) as { readonly endpoints?: readonly Endpoint[] }).endpoints ?? [];
    },
  };
}

/** Waits until all three workers are advertised. */
async function startCoordinated() {
  const started = await start('coordinated');
  let lines = 0;
  let printed = '';
  started.program.child.stdout?.on('data', (text: string) => {
    printed += text;
    lines = printed.split('\n').filter((line) => line.startsWith('advertised ')).length;
  });
  await vi.waitFor(() => expect(lines).toBe(3), { timeout: 25_000 });
  return { ...started, printed: () => printed };
}

/** Sends a POST on a connection of its own, so that any worker may get it. */
function post(
  port: number,
  path: string,
  key: string,
): Promise<{ readonly status: number | undefined; readonly body: string; readonly note: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = { 'clerk-call-id': key };
    const sent = request(
      { port, host: '127.0.0.1', method: 'POST', path, headers, agent: false },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () =>
          resolve({ status: response.statusCode, body, note: response.headers['clerk-idempotency'] }),
        );
      },
    );
    sent.on('error', reject).end();
  });
}

const newKey = (): string => `${String(Date.now())}-${randomBytes(16).toString('hex')}`;

test('no POST is refused, whichever worker it reaches, and each runs once', async () => {
  const { url, endpoints, printed } = await startCoordinated();
  expect(await endpoints()).toHaveLength(1);
  const clerk = createClerk({ registry: url });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders');
  const answers: string[] = [];
  for (let round = 0; round < 4; round++) {
    const sent = Array.from({ length: 20 }, async (_, i) => {
      const { statusCode, body } = await orders.request({ method: 'POST', path: `/order-${round}-${i}` });
      answers.push(`${statusCode} ${await body.text()}`);
    });
    await Promise.all(sent);
  }
  expect(answers.filter((answer) => !answer.startsWith('200 '))).toEqual([]);
  expect(new Set(answers).size).toBeGreaterThan(1);
  const ran = printed()
    .split('\n')
    .filter((line) => line.startsWith('ran /order'));
  expect([ran.length, new Set(ran).size]).toEqual([80, 80]);
});

test('the registry gets the load of all workers together', async () => {
  const { url, program } = await startCoordinated();
  const clerk = createClerk({ registry: url });
  onTestFinished(() => clerk.destroy());
  const timer = setInterval(
    () =>
      void clerk
        .bind('/shop/orders')
        .text('/')
        .catch(() => undefined),
    20,
  );
  onTestFinished(() => clearInterval(timer));
  await expect
    .poll(
      async () => {
        const reply = await fetch(`${url}/v1/resolve?name=/shop/orders`);
        const { endpoints } = (await reply.json()) as { endpoints: { load?: { callsPerSecond: number } }[] };
        return endpoints[0]?.load?.callsPerSecond;
      },
      { timeout: 20_000, interval: 500 },
    )
    .toBeGreaterThan(5);
  expect(program.child.exitCode).toBeNull();
});

test('a retry gets the stored response, whichever worker it reaches', async () => {
  const { port } = await startCoordinated();
  const key = newKey();
  const first = await post(port, '/order', key);
  expect(first).toMatchObject({ status: 200, note: undefined });
  for (let i = 0; i < 9; i++) expect(await post(port, '/order', key)).toEqual({ ...first, note: 'replayed' });
});

test('the calls of a worker that dies are unknown, and the other workers keep the registration', async () => {
  const { port, endpoints } = await startCoordinated();
  const before = await endpoints();
  const key = newKey();
  await expect(post(port, '/crash', key)).rejects.toMatchObject({ code: 'ECONNRESET' });
  await vi.waitFor(async () =>
    expect(await post(port, '/crash', key)).toMatchObject({ status: 409, note: 'unknown' }),
  );
  for (let i = 0; i < 6; i++) expect(await post(port, '/order', newKey())).toMatchObject({ status: 200 });
  expect(await endpoints()).toEqual(before);
});

test('a retry of a call that runs at another worker waits for that call', async () => {
  const { port } = await startCoordinated();
  const key = newKey();
  const slow = post(port, '/slow', key);
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (let i = 0; i < 6; i++)
    expect(await post(port, '/slow', key)).toMatchObject({ status: 409, note: 'running' });
  expect(await slow).toMatchObject({ status: 200 });
});

test('after SIGTERM to the primary, the service is withdrawn and a call in flight is finished', async () => {
  const { port, program, endpoints } = await startCoordinated();
  const slow = post(port, '/slow', newKey());
  await new Promise((resolve) => setTimeout(resolve, 500));
  program.child.kill('SIGTERM');
  expect(await slow).toMatchObject({ status: 200 });
  await program.result;
  expect(await endpoints()).toEqual([]);
});

test.each([
  ['uncoordinated', 'call coordinateWorkers() in the primary'],
  ['own-store', 'pass the store to coordinateWorkers()'],
  ['own-id', 'pass the id to coordinateWorkers()'],
])('workers that cannot be one instance are refused: %s', async (scene, advice) => {
  const { program } = await start(scene);
  const refusal = await program.waitForLine('refused');
  expect(refusal).toContain('CONFIG_INVALID');
  expect(refusal).toContain(advice);
});

test('workers with ports of their own are instances of their own', async () => {
  const { endpoints } = await start('exclusive');
  await vi.waitFor(async () => expect(await endpoints()).toHaveLength(3), { timeout: 25_000 });
});
