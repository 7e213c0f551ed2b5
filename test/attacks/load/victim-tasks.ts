/** What honest programs do while the attacks on clerks and services run. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClerk, isClerkError, type Clerk } from '../../../src/index.js';
import { atMostOnce } from '../../../src/service/index.js';
import type { Figures } from './load-attack.js';
import { silentLogger } from './silent-logger.js';

/** Prepares a task for the hostile program at `url`. The memory and the event loop are measured from then on. */
type Task = (url: string, size: number) => Promise<() => Promise<Figures>>;
export type TaskName = keyof typeof tasks;

const host = 'http://orders.shop.clerk';

/** @returns the code of the error, or of the cause of a `TypeError` of `fetch` */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (error) {
    const cause = isClerkError(error) ? error : (error as Error).cause;
    return isClerkError(cause) ? cause.code : String(error);
  }
}

async function countOther(expected: string, promises: readonly (() => Promise<unknown>)[]): Promise<number> {
  let others = 0;
  for (const start of promises) {
    const code = await codeOf(start());
    if (code === expected) continue;
    others++;
    console.error(`expected ${expected}, got ${code}`);
  }
  return others;
}

const serviceClerk = (url: string, options: object = {}): Clerk =>
  createClerk({ registry: { '/shop/orders': [url] }, logger: silentLogger, ...options });

function snapshotText(maxBytes: number): string {
  const line = (i: number): string => {
    const endpoints = Array.from({ length: 20 }, (_, e) => ({
      ...{ id: `e${String(e)}`, epoch: 1, addresses: [`http://10.0.${String(e)}.${String(i % 250)}:3001`] },
      ...{ host: `host-${String(e)}.example`, zone: 'a', version: '1.0.0', weight: 1, attributes: {} },
    }));
    return JSON.stringify({ name: `/shop/n${String(i)}`, requestedWallAt: Date.now() - 1_000, endpoints });
  };
  let text = '{"v":2}\n';
  for (let i = 0; text.length < maxBytes - 10_000; i++) text += `${line(i)}\n`;
  return text;
}

/** Loads the modules that a clerk loads at its first lookup. */
async function warmUp(): Promise<void> {
  const clerk = createClerk({ registry: 'http://127.0.0.1:1', logger: silentLogger });
  await codeOf(clerk.resolve('/shop/orders'));
  await clerk.destroy();
}

export const tasks = {
  /** `size` is the limit in MiB. */
  async 'read-endless-bodies'(url, size) {
    const clerk = serviceClerk(url, { maxResponseSize: size * 1024 * 1024 });
    const orders = clerk.bind('/shop/orders', { timeoutMs: 60_000 });
    await orders.text('/short');
    return async () => {
      const wrongCodes = await countOther('BODY_TOO_LARGE', [
        () => orders.json('/endless'),
        () => orders.text('/endless'),
        () => orders.bytes('/endless'),
        async () => (await orders.request({ path: '/endless' })).body.json(),
        async () => (await orders.request({ path: '/endless' })).body.text(),
        async () => (await clerk.fetch(`${host}/endless`)).text(),
        async () => (await clerk.fetch(`${host}/endless`)).json(),
        async () => (await clerk.fetch(`${host}/endless`)).arrayBuffer(),
      ]);
      await clerk.destroy();
      return { wrongCodes };
    };
  },

  async 'read-bombs'(url, size) {
    const clerk = serviceClerk(url);
    await clerk.bind('/shop/orders').text('/short');
    return async () => {
      const all = Array.from({ length: size }, (_, i) => `${host}/${i % 2 === 0 ? 'gzip' : 'br'}`);
      const reads = await Promise.all(
        all.map(async (address) => codeOf(clerk.fetch(address).then((r) => r.text()))),
      );
      await clerk.destroy();
      return { wrongCodes: reads.filter((code) => code !== 'BODY_TOO_LARGE').length };
    };
  },

  async 'read-slow-bodies'(url, size) {
    const clerk = serviceClerk(url);
    const orders = clerk.bind('/shop/orders', { totalTimeoutMs: 300 });
    await orders.text('/short');
    return async () => {
      const startedAt = performance.now();
      const codes = await Promise.all(
        Array.from({ length: size }, async () =>
          codeOf(orders.request({ path: '/slow' }).then(({ body }) => body.text())),
        ),
      );
      const tookMs = performance.now() - startedAt;
      await clerk.destroy();
      return { wrongCodes: codes.filter((code) => code !== 'DEADLINE_EXCEEDED').length, tookMs };
    };
  },

  async 'ask-for-absent-names'(url, size) {
    let warnings = 0;
    const count = (): void => {
      warnings++;
    };
    const logger = { debug: () => undefined, info: () => undefined, warn: count, error: count };
    const clerk = createClerk({ registry: url, logger });
    const orders = clerk.bind('/shop/orders');
    await orders.text('/');
    return async () => {
      const batch = 200;
      for (let at = 0; at < size; at += batch)
        await Promise.all(
          Array.from({ length: Math.min(batch, size - at) }, async (_, i) =>
            codeOf(clerk.fetch(`http://n${String(at + i)}.absent.clerk/`)),
          ),
        );
      // No call is made from now on, so only the watch can deliver the change.
      const callTimeoutMs = 4_321;
      await fetch(`${url}/v1/define`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ name: '/shop/orders', timeoutMs: callTimeoutMs }),
      });
      const startedAt = performance.now();
      while (orders.explain().timeoutMs !== callTimeoutMs && performance.now() - startedAt < 25_000)
        await sleep(20);
      const changedMs = performance.now() - startedAt;
      await clerk.destroy();
      return { changedMs, warnings };
    };
  },

  async 'lookup-at-hostile-registry'(url, size) {
    const clerk = createClerk({ registry: url, logger: silentLogger });
    await codeOf(clerk.resolve('/shop/first'));
    return async () => {
      const wrongCodes = await countOther(
        'REGISTRY_INVALID',
        Array.from({ length: size }, (_, i) => () => clerk.resolve(`/shop/n${String(i)}`)),
      );
      await clerk.destroy();
      return { wrongCodes };
    };
  },

  async 'list-at-hostile-registry'(url) {
    const clerk = createClerk({ registry: url, logger: silentLogger });
    return async () => {
      const code = await codeOf(clerk.list('/**'));
      await clerk.destroy();
      return {
        wrongCodes: Number(!['REGISTRY_INVALID', 'REGISTRY_UNREACHABLE', 'LIMIT_EXCEEDED'].includes(code)),
      };
    };
  },

  async 'watch-hostile-registry'(url, size) {
    await warmUp();
    const clerk = createClerk({ registry: url, logger: silentLogger });
    return async () => {
      const controller = new AbortController();
      const watching = codeOf(
        (async () => {
          for await (const _ of clerk.watch('/**', { signal: controller.signal })) continue;
        })(),
      );
      await sleep(size);
      controller.abort();
      await watching;
      await clerk.destroy();
      return {};
    };
  },

  /** `size` is the size of the file, in MiB. */
  async 'open-large-snapshot-file'(_url, size) {
    const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-snapshot-'));
    const path = join(folder, 'known.json');
    writeFileSync(path, snapshotText(size * 1024 * 1024), { mode: 0o600 });
    await warmUp();
    return async () => {
      const clerk = createClerk({ registry: 'http://127.0.0.1:1', snapshotFile: path, logger: silentLogger });
      const known = await codeOf(clerk.resolve('/shop/n1'));
      await clerk.destroy();
      rmSync(folder, { recursive: true });
      return { wrongCodes: Number(known !== 'none' && size <= 8) };
    };
  },

  /** `size` is the number of connections. */
  async 'receive-stopped-bodies'(_url, size) {
    let runs = 0;
    const guarded = atMostOnce(
      (_request, response) => {
        runs++;
        response.end('done');
      },
      { logger: silentLogger },
    );
    const server = createServer(guarded).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const key = (i: number): string => `${String(Date.now())}-${i.toString(16).padStart(32, '0')}`;
    return async () => {
      const body = Buffer.alloc(1_000_000, 'x');
      const sockets = [];
      for (let i = 0; i < size; i++) {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        socket.resume();
        socket.write(
          `POST / HTTP/1.1\r\nhost: x\r\nclerk-call-id: ${key(i)}\r\ncontent-length: ${String(body.length + 1)}\r\n\r\n`,
        );
        socket.write(body);
        sockets.push(socket);
        if (i % 20 === 19) await sleep(20);
      }
      await sleep(500);
      const response = await fetch(`http://127.0.0.1:${String(port)}/`, {
        method: 'POST',
        headers: { 'clerk-call-id': key(1_000_000) },
        body: 'honest',
      });
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      server.close();
      return { refusedHonest: Number(response.status !== 200), wrongRuns: Math.abs(runs - 1) };
    };
  },
} satisfies Record<string, Task>;
