import { afterEach, expect, test } from 'vitest';
import { startServer } from '../../src/server/index.js';
import { exitCodeOf } from '../../src/cli/exit-codes.js';
import type { ClerkErrorCode } from '../../src/core/errors.js';
import { freePort } from '../support/free-port.js';
import { runCli } from './support/run-cli.js';
import { fakeRegistry, sendFailure } from './support/fake-registry.js';

const servers: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

/** Starts a registry that rejects every definition. */
async function rejectingRegistry(status: number, code: string, more: object = {}): Promise<string> {
  const registry = await fakeRegistry({
    define: (_, response) => sendFailure(response, status, code, `Rejected with ${code}`, more),
  });
  servers.push(registry);
  return registry.url;
}

test.each([
  [400, 'CONFIG_INVALID', 2],
  [400, 'NAME_INVALID', 2],
  [404, 'NAME_NOT_FOUND', 3],
  [404, 'NO_ENDPOINT', 3],
  [503, 'REGISTRY_UNREACHABLE', 4],
  [503, 'CLERK_CLOSED', 4],
  [401, 'TICKET_REFUSED', 5],
  [403, 'FORBIDDEN', 5],
  [409, 'CHANGE_TOO_EARLY', 5],
  [409, 'NAME_MISMATCH', 5],
  [413, 'BODY_TOO_LARGE', 5],
  [429, 'LIMIT_EXCEEDED', 5],
  [502, 'START_FAILED', 1],
  [504, 'DEADLINE_EXCEEDED', 1],
])(
  'a response %i %s exits with %i and prints the message to standard error',
  async (status, code, expected) => {
    const result = await runCli(['define', '/shop/orders'], {
      registry: await rejectingRegistry(status, code),
    });
    expect(result).toMatchObject({ code: expected, out: '' });
    expect(result.err).toContain(`clerk: Rejected with ${code}`);
  },
);

test.each<[ClerkErrorCode, number]>([
  ['VERSION_MISMATCH', 3],
  ['REGISTRY_INVALID', 4],
  ['ENDPOINTS_EXHAUSTED', 1],
  ['OUTCOME_UNKNOWN', 1],
  ['BUDGET_EXHAUSTED', 1],
  ['BAD_STATUS', 1],
  ['ABORTED', 1],
  ['FACTORY_FAILED', 1],
])('%s exits with %i', (code, expected) => expect(exitCodeOf(code)).toBe(expected));

test('with --json an error is one JSON value on standard error', async () => {
  const registry = await rejectingRegistry(409, 'CHANGE_TOO_EARLY', { remainingMs: 4_200 });
  const { code, out, err } = await runCli(['define', '/shop/orders', '--json'], { registry });
  expect({ code, out }).toEqual({ code: 5, out: '' });
  expect(JSON.parse(err)).toEqual({
    error: {
      code: 'CHANGE_TOO_EARLY',
      message: 'Rejected with CHANGE_TOO_EARLY',
      remainingMs: 4_200,
      hint: '--when-expired schedules the change for the end of the guaranteed time',
    },
  });
});

test.each([
  ['lss --json', "unknown command 'lss' (Did you mean ls?)"],
  ['rename /a /b --json', "unknown command 'rename' (Did you mean mv?)"],
  ['ls --json --foo', "unknown option '--foo'"],
  ['resolve --json', "missing required argument 'name'"],
  ['--json ls --timeout 0', "option '--timeout <ms>' argument '0' is invalid. The value must be above 0."],
])('the error of `clerk %s` is one JSON value', async (line, message) => {
  const { code, out, err } = await runCli(line.split(' '));
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(JSON.parse(err)).toEqual({
    error: { code: 'CONFIG_INVALID', message, hint: expect.stringContaining('clerk help') },
  });
});

test.each(['token /shop/web', 'acl ls', 'identity ls', 'group set /shop/staff /shop/web'])(
  'clerk %s at an open registry says that the registry is not secured',
  async (line) => {
    const server = await startServer({ port: 0 });
    servers.push(server);
    const { code, err } = await runCli(line.split(' '), { registry: server.url });
    expect(code).toBe(5);
    expect(err).toContain(
      'This registry is not secured, so it has no keys and rights; stop the server and secure the registry with clerk init',
    );
  },
);

test('a change before the guaranteed time gets a hint', async () => {
  const registry = await rejectingRegistry(409, 'CHANGE_TOO_EARLY', { remainingMs: 4_200 });
  const { err } = await runCli(['define', '/shop/orders'], { registry });
  expect(err).toBe(
    'clerk: Rejected with CHANGE_TOO_EARLY\n  --when-expired schedules the change for the end of the guaranteed time\n',
  );
  const scheduled = await runCli(['define', '/shop/orders', '--when-expired'], { registry });
  expect(scheduled.err).toBe('clerk: Rejected with CHANGE_TOO_EARLY\n');
});

test('an unavailable registry is reported with its URL, the reason and a hint', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const { code, out, err } = await runCli(['ls'], { registry: url });
  expect({ code, out }).toEqual({ code: 4, out: '' });
  expect(err).toBe(
    `clerk: No registry listens at ${url}\n  Start a registry with \`clerk serve\`, or set --registry or $CLERK_REGISTRY\n`,
  );
});

test('a registry that does not respond gives exit code 4', async () => {
  const silent = await fakeRegistry({ list: () => undefined });
  servers.push(silent);
  const { code, err } = await runCli(['ls', '--registry', silent.url, '--timeout', '50']);
  expect(code).toBe(4);
  expect(err).toContain(
    `The registry at ${silent.url} did not respond within 50 ms; give a longer --timeout, or`,
  );
});

test('a web server that is not a registry is reported', async () => {
  const other = await fakeRegistry({ list: (_, response) => response.end('<html>hello</html>') });
  servers.push(other);
  const page = await runCli(['ls'], { registry: other.url });
  expect(page).toMatchObject({ code: 4, out: '' });
  expect(page.err).toContain('the body must be an object; check that the URL belongs to a registry');
  const invalid = await fakeRegistry({ list: { entries: [{ name: 7 }], next: null } });
  servers.push(invalid);
  const invalidResult = await runCli(['ls'], { registry: invalid.url });
  expect(invalidResult).toMatchObject({ code: 4, out: '' });
  expect(invalidResult.err).toContain(
    `The response to /v1/list at ${invalid.url} is invalid: entries[0].name must be a string`,
  );
});

test('a redirect is not followed', async () => {
  const other = await fakeRegistry({
    list: (_, response) => response.writeHead(302, { location: '/v1/status' }).end(),
    status: { entries: [], next: null, incarnation: 'i' },
  });
  servers.push(other);
  const result = await runCli(['ls'], { registry: other.url });
  expect(result.code).toBe(4);
  expect(other.requests.map(({ path }) => path)).toEqual(['/v1/list']);
});
