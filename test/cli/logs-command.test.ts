import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readLog } from 'binding-clerk/server';
import { expect, onTestFinished, test } from 'vitest';
import { runCli } from './support/run-cli.js';

function dataFolder(): { readonly data: string; readonly log: string } {
  const data = mkdtempSync(join(tmpdir(), 'clerk-logs-'));
  onTestFinished(() => rmSync(data, { recursive: true, force: true }));
  mkdirSync(join(data, 'logs'));
  return { data, log: join(data, 'logs', 'shop.orders.log') };
}

test('the last lines are printed, also from the file before the current one', async () => {
  const { data, log } = dataFolder();
  writeFileSync(`${log}.1`, 'one\ntwo\nthree\n');
  writeFileSync(log, 'four\nfive\n');
  const print = async (...more: string[]): Promise<string> =>
    (await runCli(['logs', '/shop/orders', '--data', data, ...more])).out;
  expect(await print()).toBe('one\ntwo\nthree\nfour\nfive\n');
  expect(await print('--lines', '3')).toBe('three\nfour\nfive\n');
  expect(await print('--lines', '1')).toBe('five\n');
  expect(await print('--lines', '1', '--json')).toBe('{"name":"/shop/orders","line":"five"}\n');
  appendFileSync(log, 'six \u001b[31m without end');
  expect(await print('--lines', '1')).not.toContain('\u001b');
  expect(await print('--lines', '1')).toMatch(/^six .* without end\n$/);
});

test('without a log, the command says so and exits with 3', async () => {
  const { data } = dataFolder();
  const { code, err } = await runCli(['logs', '/shop/orders', '--data', data]);
  expect(code).toBe(3);
  expect(err).toBe(
    `clerk: Data folder '${data}' has no log of /shop/orders, which is created by the first start of the service; check the canonical name and the data folder\n`,
  );
  expect((await runCli(['logs', '/shop/orders'])).code).toBe(2);
  expect((await runCli(['logs', 'orders', '--data', data])).code).toBe(2);
});

test('--follow prints each new line, also after the file was emptied, until an interrupt', async () => {
  const { data, log } = dataFolder();
  writeFileSync(log, 'one\ntwo\n');
  const interrupt = new AbortController();
  let out = '';
  const following = runCli(['logs', '/shop/orders', '--data', data, '--lines', '1', '--follow'], {
    interruptSignal: interrupt.signal,
    onOut: (soFar) => (out = soFar),
  });
  await expect.poll(() => out, { timeout: 10_000 }).toBe('two\n');
  appendFileSync(log, 'three\n');
  await expect.poll(() => out, { timeout: 10_000 }).toBe('two\nthree\n');
  truncateSync(log, 0);
  appendFileSync(log, '4\n');
  await expect.poll(() => out, { timeout: 10_000 }).toBe('two\nthree\n4\n');
  interrupt.abort();
  expect(await following).toMatchObject({ code: 0, err: '' });
});

test('a follower continues when the file is emptied and when it is replaced', async () => {
  const { data, log } = dataFolder();
  writeFileSync(log, 'one\n');
  const controller = new AbortController();
  const parts = readLog(data, '/shop/orders', { signal: controller.signal });
  const next = async (): Promise<unknown> => (await parts.next()).value;
  expect(await next()).toBe('one\n');
  appendFileSync(log, 'two\n');
  expect(await next()).toBe('two\n');
  truncateSync(log, 0);
  appendFileSync(log, '3\n');
  expect(await next()).toBe('3\n');
  renameSync(log, `${log}.1`);
  writeFileSync(log, 'fourth file\n');
  expect(await next()).toBe('fourth file\n');
  controller.abort();
  expect((await parts.next()).done).toBe(true);
});
