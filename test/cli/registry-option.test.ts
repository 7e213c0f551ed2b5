import { afterEach, expect, test } from 'vitest';
import { runCli } from './support/run-cli.js';
import { fakeRegistry, sendFailure } from './support/fake-registry.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function registry(answers: Parameters<typeof fakeRegistry>[0]) {
  const server = await fakeRegistry(answers);
  open.push(server);
  return server;
}

const done = { revision: '1', appliesInMs: 0 };
const names = { entries: [{ name: '/a', kind: 'directory' }], next: null, incarnation: 'i' };

async function gone(): Promise<string> {
  const { url, close } = await fakeRegistry({});
  await close();
  return url;
}

test('a registry that is not there is passed over, for questions and for changes', async () => {
  const second = await registry({ list: names, define: done });
  const list = `${await gone()}, ${second.url}`;
  expect(await runCli(['ls', '--registry', list])).toMatchObject({ code: 0, err: '' });
  expect(await runCli(['define', '/a'], { registry: list })).toMatchObject({ code: 0, err: '' });
  expect(second.asked).toHaveLength(2);
});

test('when none is there, each is told', async () => {
  const [a, b] = [await gone(), await gone()];
  const { code, err } = await runCli(['ls', '--registry', `${a},${b}`]);
  expect(code).toBe(4);
  expect(err).toContain(
    `No registry answers at ${a} (connection refused), nor at ${b} (connection refused); start one`,
  );
});

test('a change that may have been made is not made twice', async () => {
  const first = await registry({ define: (_, response) => response.destroy(), list: (_, r) => r.destroy() });
  const second = await registry({ define: done, list: names });
  const list = `${first.url},${second.url}`;
  const change = await runCli(['define', '/a'], { registry: list });
  expect(change).toMatchObject({ code: 4, out: '' });
  expect(change.err).toContain('whether the change was made is not known, so look before you try again');
  expect(second.asked).toEqual([]);
  // A question may be asked as often as one likes.
  expect((await runCli(['ls'], { registry: list })).code).toBe(0);
});

test('a registry that goes down or cannot write is passed over for questions, a refusal is an answer', async () => {
  const first = await registry({
    list: (_, response) => sendFailure(response, 503, 'CLERK_CLOSED', 'The server is closing'),
    resolve: (_, response) => sendFailure(response, 404, 'NAME_NOT_FOUND', 'There is no /a'),
  });
  const second = await registry({ list: names });
  const list = `${first.url},${second.url}`;
  expect((await runCli(['ls'], { registry: list })).code).toBe(0);
  expect((await runCli(['resolve', '/a'], { registry: list })).code).toBe(3);
  expect(second.asked.map(({ path }) => path)).toEqual(['/v1/list']);
});

test('a silent registry takes only its share of the time', async () => {
  const silent = await registry({ list: () => undefined });
  const second = await registry({ list: names });
  expect((await runCli(['ls', '--registry', `${silent.url},${second.url}`, '--timeout', '2000'])).code).toBe(
    0,
  );
});

test('options count before the command and behind it, and there they count more', async () => {
  const one = await registry({ list: names });
  const two = await registry({ list: names });
  const before = await runCli(['--json', '--registry', one.url, 'ls']);
  expect(before.out).toBe('{"name":"/a","kind":"directory"}\n');
  await runCli(['--registry', one.url, 'ls', '--registry', two.url], { registry: await gone() });
  expect([one.asked.length, two.asked.length]).toEqual([1, 1]);
});
