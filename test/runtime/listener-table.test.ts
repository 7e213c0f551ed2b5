import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { systemProcesses } from '../../src/runtime/system-processes.js';

const stateOf = (text: string) => systemProcesses.listenerState(parseAddress(text));

async function listen(host: string): Promise<{ readonly port: number; close(): Promise<unknown> }> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const close = () => once(server.close(), 'close');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, close };
}

test('a listener is found by its address, by a wildcard address and by localhost', async () => {
  for (const [host, names] of [
    ['127.0.0.1', ['127.0.0.1', 'localhost']],
    ['0.0.0.0', ['127.0.0.1', 'localhost', '127.1.2.3']],
    ['::', ['127.0.0.1', '[::1]', 'localhost']],
    ['::1', ['[::1]', 'localhost']],
  ] as const) {
    const { port, close } = await listen(host);
    for (const name of names)
      expect([name, await stateOf(`http://${name}:${port}`)]).toEqual([name, 'listening']);
    const address = parseAddress(`tcp://localhost:${port}`);
    expect([host, await systemProcesses.probe(address, AbortSignal.timeout(5_000))]).toEqual([
      host,
      'answered',
    ]);
    await close();
    for (const name of names) expect([name, await stateOf(`http://${name}:${port}`)]).toEqual([name, 'none']);
  }
  const { port } = await listen('127.0.0.1');
  expect(await stateOf(`http://127.0.0.2:${port}`)).toBe('none');
});

test('the listener of another host, or of a Unix socket, is unknown and gets no connection', async () => {
  const { signal } = new AbortController();
  for (const text of ['http://192.0.2.1:80', 'http://orders.example:80', 'http://[2001:db8::1]:80']) {
    expect(await stateOf(text)).toBe('unknown');
    expect(await systemProcesses.probe(parseAddress(text), signal)).toBe('unknown');
  }
  expect(await stateOf('unix:/run/orders')).toBe('unknown');
});

test('connections that no process accepts are counted', async () => {
  const program =
    "const s = require('node:net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); setTimeout(() => { for (;;); }, 50); })";
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [text] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(String(text));
  const address = parseAddress(`http://127.0.0.1:${String(port)}`);
  await expect
    .poll(async () => {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      onTestFinished(() => void socket.destroy());
      return systemProcesses.waitingConnections(address);
    })
    .toBeGreaterThan(1);
  expect(await systemProcesses.listenerState(address)).toBe('listening');
});

test('the listener of a stopped process is stopped, and silent to a probe', async () => {
  const program =
    "const s = require('node:http').createServer((q, r) => r.end()).listen(0, '127.0.0.1', () => console.log(s.address().port))";
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  const address = parseAddress(`http://127.0.0.1:${String(port).trim()}`);
  expect(await systemProcesses.listenerState(address)).toBe('listening');
  expect(await systemProcesses.probe(address, new AbortController().signal)).toBe('answered');
  child.kill('SIGSTOP');
  await expect.poll(() => systemProcesses.isStopped(child.pid!)).toBe(true);
  expect(await systemProcesses.listenerState(address)).toBe('stopped');
  expect(await systemProcesses.probe(address, AbortSignal.timeout(200))).toBe('silent');
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(await systemProcesses.listenerState(address)).toBe('none');
  expect(await systemProcesses.probe(address, new AbortController().signal)).toBe('silent');
});
