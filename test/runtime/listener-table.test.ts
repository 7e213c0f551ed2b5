import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('the listener of another host is unknown and gets no connection', async () => {
  const { signal } = new AbortController();
  for (const text of ['http://192.0.2.1:80', 'http://orders.example:80', 'http://[2001:db8::1]:80']) {
    expect(await stateOf(text)).toBe('unknown');
    expect(await systemProcesses.probe(parseAddress(text), signal)).toBe('unknown');
  }
});

test('a listener at the name of this host is found by its port', async () => {
  const { port, close } = await listen('127.0.0.1');
  expect(await stateOf(`http://${hostname()}:${port}`)).toBe('listening');
  await close();
  expect(await stateOf(`http://${hostname()}:${port}`)).toBe('none');
});

test('the listener of a Unix socket is found, also by a relative path and through a link, until it has ended', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clerk test '));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  symlinkSync(folder, join(folder, 'link'));
  const path = join(folder, 'orders.sock');
  const addresses = [`unix:${path}`, `unix+https:${path}`, `unix:${join(folder, 'link', 'orders.sock')}`];
  const states = () => Promise.all(addresses.map(stateOf));
  expect(await states()).toEqual(['none', 'none', 'none']);
  const program = "require('node:net').createServer().listen('orders.sock', () => console.log('listening'))";
  const child = spawn(process.execPath, ['-e', program], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  expect(await states()).toEqual(['listening', 'listening', 'listening']);
  child.kill('SIGSTOP');
  await expect.poll(states).toEqual(['stopped', 'stopped', 'stopped']);
  child.kill('SIGKILL');
  await once(child, 'exit');
  // The file of the socket is still there.
  expect(await states()).toEqual(['none', 'none', 'none']);
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
