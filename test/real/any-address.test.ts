/** Addresses that stand for several: `localhost`, `0.0.0.0` and `::`. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { expect, onTestFinished, test } from 'vitest';

/** Starts an HTTP server on one address. Returns its port. */
async function serverAt(host: string): Promise<number> {
  const server = createServer((_request, response) => response.end('ok')).listen(0, host);
  await once(server, 'listening');
  onTestFinished(() => {
    server.close().closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

test.each([
  ['127.0.0.1', 'localhost', []],
  ['::1', 'localhost', []],
  ['127.0.0.1', '0.0.0.0', ['0.0.0.0']],
  ['::1', '[::]', ['::']],
])('a server on %s is reached at %s, if the address is allowed', async (host, name, allowAddresses) => {
  const port = await serverAt(host);
  const clerk = createClerk({ registry: { '/a': `http://${name}:${String(port)}` }, allowAddresses });
  onTestFinished(() => clerk.destroy());
  expect(await clerk.bind('/a').text('/')).toBe('ok');
});

test.each(['127.0.0.1', '::1'])('a registry on %s is reached at localhost', async (host) => {
  const registry = await startServer({ port: 0, host });
  onTestFinished(() => registry.close());
  const clerk = createClerk({ registry: `http://localhost:${String(registry.port)}` });
  onTestFinished(() => clerk.destroy());
  expect(await clerk.list('/**')).toEqual([]);
});

// The registry of a program is chosen by its operator, so an unspecified address needs no permission.
test.each([
  ['127.0.0.1', '0.0.0.0'],
  ['::1', '[::]'],
])('a registry on %s is reached at %s', async (host, name) => {
  const registry = await startServer({ port: 0, host });
  onTestFinished(() => registry.close());
  const url = `http://${name}:${String(registry.port)}`;
  const clerk = createClerk({ registry: url });
  onTestFinished(() => clerk.destroy());
  expect(await clerk.list('/**')).toEqual([]);
  const port = await serverAt('127.0.0.1');
  const ad = await advertise({ name: '/a', address: `http://127.0.0.1:${String(port)}`, registry: url });
  onTestFinished(() => ad.close());
  expect(await clerk.bind('/a').text('/')).toBe('ok');
});

test.each(['0.0.0.0', '[::]'])(
  'a service advertised at %s is registered at addresses of its host',
  async (name) => {
    const registry = await startServer({ port: 0 });
    onTestFinished(() => registry.close());
    const port = String(await serverAt(name.replace(/[[\]]/g, '')));
    const ad = await advertise({ name: '/a', address: `http://${name}:${port}`, registry: registry.url });
    onTestFinished(() => ad.close());
    const loopback = name === '0.0.0.0' ? '127.0.0.1' : '[::1]';
    expect(ad.addresses.at(-1)).toBe(`http://${loopback}:${port}`);
    expect(ad.addresses).not.toContain(`http://${name}:${port}`);
    const clerk = createClerk({ registry: registry.url });
    onTestFinished(() => clerk.destroy());
    expect(await clerk.bind('/a').text('/')).toBe('ok');
  },
);

test('a registry on localhost accepts connections at both loopback addresses until it is closed', async () => {
  const registry = await startServer({ port: 0, host: 'localhost' });
  onTestFinished(() => registry.close());
  const statusAt = (host: string) =>
    fetch(`http://${host}:${String(registry.port)}/v1/status`).then(
      ({ status }) => status,
      () => 'refused',
    );
  for (const host of ['127.0.0.1', '[::1]']) expect([host, await statusAt(host)]).toEqual([host, 200]);
  const clerk = createClerk({ registry: `http://[::1]:${String(registry.port)}` });
  const watch = clerk.watch('/**')[Symbol.asyncIterator]();
  const next = watch.next();
  await expect(startServer({ port: registry.port, host: '::1' })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('is already in use') as string,
  });
  await clerk.destroy();
  await next.catch(() => undefined);
  await registry.close();
  for (const host of ['127.0.0.1', '[::1]']) expect([host, await statusAt(host)]).toEqual([host, 'refused']);
});

test.each(['127.0.0.1', '::1'])('a TCP service on %s is reached at tcp://localhost', async (host) => {
  const port = await serverAt(host);
  const clerk = createClerk({ registry: { '/a': `tcp://localhost:${String(port)}` } });
  onTestFinished(() => clerk.destroy());
  // Connects to the service.
  await clerk.bind('/a').ready();
});
