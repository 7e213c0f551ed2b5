/** Runs the scene named by the first argument, after which nothing should keep the process alive. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk } from 'binding-clerk';
import { printLine } from './print-line.js';

/** A server in a child process, which does not keep this process alive. It responds after a delay. */
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

/** Address of a listener that accepts no connection, in scenes that need one. */
const stalled = String(process.argv[3]);

/** A binding that tries these addresses in order, and may take 20 s to connect. */
function callerOf(...addresses: readonly string[]) {
  const clerk = createClerk({
    registry: { '/shop/orders': addresses },
    undici: { connectTimeout: 20_000 },
  });
  return { clerk, orders: clerk.bind('/shop/orders', { policy: ([first]) => first }) };
}

/** A promise whose timer does not keep the process alive. */
function afterDelay<T>(value: T, delayMs = 300): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), delayMs).unref());
}

/** Longest time of a call whose first endpoint accepts no connection, in ms. Five times the usual time. */
const maxCallMs = 1_500;
/** Longest time of `close()` after such a call, in ms. The connection may take 20 s to fail. */
const maxCloseMs = 5_000;

/** Prints `slow` if the promise takes `maxMs` or more. */
async function within(maxMs: number, what: string, promise: Promise<unknown>): Promise<void> {
  const startedAt = performance.now();
  await promise.catch(() => undefined);
  const ms = performance.now() - startedAt;
  if (ms >= maxMs) printLine('slow:', what, 'took', Math.round(ms), 'ms');
}

/** The resources that keep the event loop alive. */
const activeResources = (): string =>
  process
    .getActiveResourcesInfo()
    .filter(
      (resource) =>
        !resource.includes('Pipe') &&
        // A pending connect cannot be unref'ed; a probe ends it within a second.
        resource !== 'ConnectWrap' &&
        // A file that the module loader has just read.
        resource !== 'CloseReq' &&
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
    // Both pools, a refused endpoint with its probe, a refreshed lookup and a watch.
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
    // The first refuses, the second accepts and never responds: both are ejected and probed.
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
      reasons.add(activeResources());
    }
    printLine([...reasons].join() || 'done');
  },
  async 'idle-short-lived-lookups'() {
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
  async 'slow-lookup'() {
    const address = await slowServer(0);
    const clerk = createClerk({
      registry: { resolve: () => afterDelay({ kind: 'bound', endpoints: [address] } as const) },
    });
    printLine(await clerk.bind('/shop/orders').text('/orders'));
  },
  async 'slow-resolve'() {
    const clerk = createClerk({
      registry: { resolve: () => afterDelay({ kind: 'bound', endpoints: ['http://127.0.0.1:1'] } as const) },
    });
    printLine((await clerk.resolve('/shop/orders')).endpoints.length === 1 ? 'done' : 'wrong');
  },
  async 'slow-factory'() {
    const address = await slowServer(0);
    const clerk = createClerk({ registry: {} });
    printLine(await clerk.bind('/shop/orders', { factory: () => afterDelay(address) }).text('/orders'));
  },
  async 'slow-custom-call'() {
    const orders = createClerk({ registry: { '/shop/orders': 'tcp://127.0.0.1:1' } }).bind('/shop/orders');
    // Leaves a timer that does not keep the process alive; the second call must set its own.
    await orders.call(() => 'quick');
    printLine(await orders.call(() => afterDelay('done')));
  },
  async 'slow-close'() {
    const address = await slowServer(300);
    const clerk = createClerk({ registry: { '/shop/orders': address } });
    const call = clerk.bind('/shop/orders').text('/orders');
    await clerk.close();
    printLine(await call);
  },
  async 'waiting-for-dial-backoff'() {
    // Connections are refused: the call waits in dial backoff, and only the clerk keeps the process alive.
    const clerk = createClerk({ registry: { '/shop/orders': 'http://127.0.0.1:1' } });
    const orders = clerk.bind('/shop/orders');
    for (let i = 0; i < 3; i++) await orders.text('/orders', { timeoutMs: 400 }).catch(() => undefined);
    printLine('done');
  },
  async 'connecting-answered-elsewhere'() {
    const { orders } = callerOf(stalled, await slowServer(0));
    printLine(await orders.text('/orders'));
  },
  async 'connecting-answered-elsewhere-then-closed'() {
    const { clerk, orders } = callerOf(stalled, await slowServer(0));
    await within(maxCallMs, 'the call', orders.text('/orders'));
    await within(maxCloseMs, 'close()', clerk.close());
    printLine('done');
  },
  async 'connecting-aborted'() {
    const { orders } = callerOf(stalled);
    await orders.text('/orders', { signal: AbortSignal.timeout(100) }).catch(() => undefined);
    printLine('done');
  },
  async 'connecting-aborted-then-closed'() {
    const { clerk, orders } = callerOf(stalled);
    const signal = AbortSignal.timeout(100);
    await within(maxCallMs, 'the call', orders.text('/orders', { signal }));
    await within(maxCloseMs, 'close()', clerk.close());
    printLine('done');
  },
  async 'connecting-at-deadline'() {
    const { clerk, orders } = callerOf(stalled);
    await within(maxCallMs, 'the call', orders.text('/orders', { method: 'POST', timeoutMs: 100 }));
    await within(maxCloseMs, 'close()', clerk.close());
    printLine('done');
  },
  async 'connecting-ready'() {
    const { orders } = callerOf(stalled);
    await orders.ready({ timeoutMs: 100 }).catch(() => undefined);
    printLine('done');
  },
  async 'connecting-tcp'() {
    const { orders } = callerOf(stalled.replace('http:', 'tcp:'));
    await orders.ready({ timeoutMs: 100 }).catch(() => undefined);
    printLine('done');
  },
  async 'connecting-destroyed'() {
    const { clerk, orders } = callerOf(stalled);
    const call = orders.text('/orders').catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await clerk.destroy();
    await call;
    printLine('done');
  },
  async 'connecting-to-registry'() {
    const clerk = createClerk({ registry: stalled });
    void clerk.watch('/shop/*').next();
    await clerk
      .bind('/shop/orders')
      .text('/orders', { timeoutMs: 100 })
      .catch(() => undefined);
    await clerk.close();
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    printLine(process.getActiveResourcesInfo().includes('ConnectWrap') ? 'connecting' : 'done');
  },
  async closed() {
    const server = createServer((_request, response) => void response.end('done'));
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const before = activeResources();
    const clerk = createClerk({ registry: { '/shop/orders': [address, 'http://127.0.0.1:1'] } });
    const orders = clerk.bind('/shop/orders');
    await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => orders.text('/orders', { method: i % 2 ? 'GET' : 'POST' })),
    );
    await (await clerk.fetch('http://orders.shop.clerk/orders')).text();
    const watching = clerk.watch('/shop/*').next();
    await watching;
    const during = activeResources();
    await clerk.close();
    server.closeAllConnections();
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    printLine('before', before);
    printLine('during', during !== before);
    printLine('after', activeResources());
    server.close();
  },
};

await scenes[String(process.argv[2])]?.();
// Does not keep the process alive itself; prints what does.
setTimeout(() => {
  printLine('still alive:', activeResources());
  process.exit(1);
}, 2_500).unref();
