import { afterEach, expect, test } from 'vitest';
import { freePort } from '../support/free-port.js';
import { runCli } from './support/run-cli.js';
import { fakeRegistry, sendFailure } from './support/fake-registry.js';

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function startFakeRegistry(responses: Parameters<typeof fakeRegistry>[0]) {
  const server = await fakeRegistry(responses);
  servers.push(server);
  return server;
}

const done = { revision: '1', incarnation: 'i', appliesInMs: 0 };
const names = { entries: [{ name: '/a', kind: 'directory' }], next: null, revision: '1', incarnation: 'i' };

/** URL of a registry that does not run. */
async function closedRegistry(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`;
}

test('an unavailable registry is skipped, for lookups and for changes', async () => {
  const second = await startFakeRegistry({ list: names, define: done });
  const list = `${await closedRegistry()}, ${second.url}`;
  expect(await runCli(['ls', '--registry', list])).toMatchObject({ code: 0, err: '' });
  expect(await runCli(['define', '/a'], { registry: list })).toMatchObject({ code: 0, err: '' });
  expect(second.requests).toHaveLength(2);
});

test('when no registry is available, all are listed', async () => {
  const [a, b] = [await closedRegistry(), await closedRegistry()];
  const { code, err } = await runCli(['ls', '--registry', `${a},${b}`]);
  expect(code).toBe(4);
  expect(err).toContain(
    `None of 2 registry servers sent a valid response: No registry listens at ${a}; No registry listens at ${b}\n  Start a registry`,
  );
});

test('a change that may have been made is not sent again', async () => {
  const first = await startFakeRegistry({
    define: (_, response) => response.destroy(),
    list: (_, r) => r.destroy(),
  });
  const second = await startFakeRegistry({ define: done, list: names });
  const list = `${first.url},${second.url}`;
  const change = await runCli(['define', '/a'], { registry: list });
  expect(change).toMatchObject({ code: 4, out: '' });
  expect(change.err).toContain(
    'The registry may have made the change; check the entry in the registry before you repeat the request',
  );
  expect(second.requests).toEqual([]);
  // Lookups are sent again.
  expect((await runCli(['ls'], { registry: list })).code).toBe(0);
});

test('lookups skip a registry that is shutting down; other errors are final', async () => {
  const first = await startFakeRegistry({
    list: (_, response) => sendFailure(response, 503, 'CLERK_CLOSED', 'The server is shutting down'),
    resolve: (_, response) => sendFailure(response, 404, 'NAME_NOT_FOUND', '/a does not exist'),
  });
  const second = await startFakeRegistry({ list: names });
  const list = `${first.url},${second.url}`;
  expect((await runCli(['ls'], { registry: list })).code).toBe(0);
  expect((await runCli(['resolve', '/a'], { registry: list })).code).toBe(3);
  expect(second.requests.map(({ path }) => path)).toEqual(['/v1/list']);
});

test('a lookup at a silent registry is also sent to the next registry', async () => {
  const silent = await startFakeRegistry({ list: () => undefined });
  const second = await startFakeRegistry({ list: names });
  expect((await runCli(['ls', '--registry', `${silent.url},${second.url}`, '--timeout', '2000'])).code).toBe(
    0,
  );
});

test('options may come before or after the command; the latter take precedence', async () => {
  const one = await startFakeRegistry({ list: names });
  const two = await startFakeRegistry({ list: names });
  const before = await runCli(['--json', '--registry', one.url, 'ls']);
  expect(before.out).toBe('{"name":"/a","kind":"directory"}\n');
  await runCli(['--registry', one.url, 'ls', '--registry', two.url], { registry: await closedRegistry() });
  expect([one.requests.length, two.requests.length]).toEqual([1, 1]);
});
