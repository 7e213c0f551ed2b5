/** A program whose life hangs on a clerk: does one thing, named by its first argument, and then has nothing else to do. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk } from 'binding-clerk';
import { printLine } from './print-line.js';

/** A server in a process of its own, so that it is no reason for this one to live. It answers after a while. */
async function slowServer(delayMs: number): Promise<string> {
  const source = `
    const server = require('node:http').createServer((request, response) => setTimeout(() => response.end('done'), ${String(delayMs)}));
    server.listen(0, '127.0.0.1', () => console.log(server.address().port));
    setTimeout(() => process.exit(), 10000);`;
  const child = spawn(process.execPath, ['-e', source], { stdio: ['ignore', 'pipe', 'ignore'] });
  process.once('exit', () => child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  child.unref();
  (child.stdout as unknown as { unref(): void }).unref();
  return `http://127.0.0.1:${String(line).trim()}`;
}

/** A promise that nothing but itself keeps waiting for. */
function later<T>(value: T, delayMs = 300): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), delayMs).unref());
}

/** What the event loop would wait for. */
const reasonsToLive = (): string =>
  process
    .getActiveResourcesInfo()
    .filter(
      (resource) =>
        !resource.includes('Pipe') &&
        // A connect under way, which cannot be told to wait for nobody, and ends within a probe's second.
        resource !== 'ConnectWrap' &&
        resource !== 'TTYWrap' &&
        !resource.startsWith('ProcessWrap'),
    )
    .join();

const scenes: Record<string, () => Promise<void>> = {
  async 'never-used'() {
    const clerk = createClerk({ registry: { '/shop/orders': 'http://127.0.0.1:1' } });
    clerk.bind('/shop/orders');
  },
  async idle() {
    const address = await slowServer(0);
    const clerk = createClerk({ registry: { '/shop/orders': [address, 'http://127.0.0.1:1'] } });
    const orders = clerk.bind('/shop/orders');
    // Both pools, a refusal that is probed, an answer that is refreshed, and a watch.
    for (let i = 0; i < 4; i++) {
      await Promise.allSettled([
        orders.text('/orders', { method: 'GET' }),
        orders.text('/orders', { method: 'POST' }),
      ]);
    }
    printLine('done');
    void clerk.watch('/shop/*').next();
  },
  async 'idle-while-probing'() {
    // The first refuses, the second accepts and stays silent: both are set aside, and asked for a sign of life.
    const [silent, well] = [await slowServer(60_000), await slowServer(0)];
    const clerk = createClerk({ registry: { '/shop/orders': ['http://127.0.0.1:1', silent, well] } });
    const orders = clerk.bind('/shop/orders', { policy: ([first]) => first });
    let probing = false;
    clerk.on('ejected', ({ endpoint }) => (probing ||= endpoint === silent));
    while (!probing) await orders.text('/orders');
    const reasons = new Set<string>();
    for (let i = 0; i < 40; i++) {
      await orders.text('/orders');
      await new Promise((resolve) => setTimeout(resolve, 10));
      reasons.add(reasonsToLive());
    }
    printLine([...reasons].join() || 'done');
  },
  async 'idle-short-lived-answers'() {
    const address = await slowServer(0);
    const clerk = createClerk({
      registry: {
        resolve: () => ({ kind: 'bound', endpoints: [address], ttlMs: 50 }),
        watch: () => () => undefined,
      },
    });
    printLine(await clerk.bind('/shop/orders').text('/orders'));
  },
  async 'call-to-a-slow-server'() {
    const address = await slowServer(400);
    printLine(
      await createClerk({ registry: { '/shop/orders': address } })
        .bind('/shop/orders')
        .text('/orders'),
    );
  },
  async 'slow-look-up'() {
    const address = await slowServer(0);
    const clerk = createClerk({
      registry: { resolve: () => later({ kind: 'bound', endpoints: [address] } as const) },
    });
    printLine(await clerk.bind('/shop/orders').text('/orders'));
  },
  async 'slow-resolve'() {
    const clerk = createClerk({
      registry: { resolve: () => later({ kind: 'bound', endpoints: ['http://127.0.0.1:1'] } as const) },
    });
    printLine((await clerk.resolve('/shop/orders')).endpoints.length === 1 ? 'done' : 'wrong');
  },
  async 'slow-factory'() {
    const address = await slowServer(0);
    const clerk = createClerk({ registry: {} });
    printLine(await clerk.bind('/shop/orders', { factory: () => later(address) }).text('/orders'));
  },
  async 'slow-talk'() {
    const orders = createClerk({ registry: { '/shop/orders': 'tcp://127.0.0.1:1' } }).bind('/shop/orders');
    // Leaves a timer behind that keeps nothing alive; the second call must not lean on it.
    await orders.call(() => 'quick');
    printLine(await orders.call(() => later('done')));
  },
  async 'slow-close'() {
    const address = await slowServer(300);
    const clerk = createClerk({ registry: { '/shop/orders': address } });
    const call = clerk.bind('/shop/orders').text('/orders');
    await clerk.close();
    printLine(await call);
  },
  async 'waiting-for-a-pause'() {
    // Nobody listens: the call waits for a dial that is paced, with nothing but the clerk to keep the process.
    const clerk = createClerk({ registry: { '/shop/orders': 'http://127.0.0.1:1' } });
    const orders = clerk.bind('/shop/orders');
    for (let i = 0; i < 3; i++) await orders.text('/orders', { timeoutMs: 400 }).catch(() => undefined);
    printLine('done');
  },
  async closed() {
    const server = createServer((_request, response) => void response.end('done'));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const before = reasonsToLive();
    const clerk = createClerk({ registry: { '/shop/orders': [address, 'http://127.0.0.1:1'] } });
    const orders = clerk.bind('/shop/orders');
    await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => orders.text('/orders', { method: i % 2 ? 'GET' : 'POST' })),
    );
    await (await clerk.fetch('http://orders.shop.clerk/orders')).text();
    const watching = clerk.watch('/shop/*').next();
    await watching;
    const during = reasonsToLive();
    await clerk.close();
    server.closeAllConnections();
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    printLine('before', before);
    printLine('during', during !== before);
    printLine('after', reasonsToLive());
    server.close();
  },
};

await scenes[String(process.argv[2])]?.();
// Keeps nothing alive, and tells of those who do: whatever is left now should be nothing.
setTimeout(() => {
  printLine('still alive:', reasonsToLive());
  process.exit(1);
}, 2_500).unref();
