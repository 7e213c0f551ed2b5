import { afterEach, expect, test } from 'vitest';
import { exitCodeOf } from '../../src/cli/exit-codes.js';
import type { ClerkErrorCode } from '../../src/core/errors.js';
import { runCli } from './support/run-cli.js';
import { fakeRegistry, sendFailure } from './support/fake-registry.js';

const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

/** A registry that refuses every definition. */
async function refusing(status: number, code: string, more: object = {}): Promise<string> {
  const registry = await fakeRegistry({
    define: (_, response) => sendFailure(response, status, code, `No, says ${code}`, more),
  });
  open.push(registry);
  return registry.url;
}

test.each([
  [400, 'CONFIG_INVALID', 2],
  [400, 'NAME_INVALID', 2],
  [404, 'NAME_NOT_FOUND', 3],
  [404, 'NO_ENDPOINT', 3],
  [503, 'REGISTRY_UNREACHABLE', 4],
  [503, 'CLERK_CLOSED', 4],
  [403, 'TICKET_REFUSED', 5],
  [403, 'FORBIDDEN', 5],
  [409, 'CHANGE_TOO_EARLY', 5],
  [409, 'NAME_MISMATCH', 5],
  [413, 'BODY_TOO_LARGE', 5],
  [429, 'LIMIT_EXCEEDED', 5],
  [502, 'START_FAILED', 1],
  [504, 'DEADLINE_EXCEEDED', 1],
])('a refusal %i %s ends with %i, and says why on standard error', async (status, code, expected) => {
  const ran = await runCli(['define', '/shop/orders'], { registry: await refusing(status, code) });
  expect(ran).toMatchObject({ code: expected, out: '' });
  expect(ran.err).toContain(`clerk: No, says ${code}`);
});

test.each<[ClerkErrorCode, number]>([
  ['VERSION_MISMATCH', 3],
  ['REGISTRY_INVALID', 4],
  ['ENDPOINTS_EXHAUSTED', 1],
  ['OUTCOME_UNKNOWN', 1],
  ['BUDGET_EXHAUSTED', 1],
  ['BAD_STATUS', 1],
  ['ABORTED', 1],
  ['FACTORY_FAILED', 1],
])('%s ends with %i', (code, expected) => expect(exitCodeOf(code)).toBe(expected));

test('with --json a refusal is one JSON value on standard error', async () => {
  const registry = await refusing(409, 'CHANGE_TOO_EARLY', { remainingMs: 4_200 });
  const { code, out, err } = await runCli(['define', '/shop/orders', '--json'], { registry });
  expect({ code, out }).toEqual({ code: 5, out: '' });
  expect(JSON.parse(err)).toEqual({
    error: { code: 'CHANGE_TOO_EARLY', message: 'No, says CHANGE_TOO_EARLY', remainingMs: 4_200 },
  });
});

test('a promise that is held comes with what can be done', async () => {
  const registry = await refusing(409, 'CHANGE_TOO_EARLY', { remainingMs: 4_200 });
  const { err } = await runCli(['define', '/shop/orders'], { registry });
  expect(err).toBe('clerk: No, says CHANGE_TOO_EARLY\n  --when-expired has it done then\n');
  const waits = await runCli(['define', '/shop/orders', '--when-expired'], { registry });
  expect(waits.err).toBe('clerk: No, says CHANGE_TOO_EARLY\n');
});

test('nobody there: where was asked, why not, and what to do', async () => {
  const { url, close } = await fakeRegistry({});
  await close();
  const { code, out, err } = await runCli(['ls'], { registry: url });
  expect({ code, out }).toEqual({ code: 4, out: '' });
  expect(err).toBe(
    `clerk: No registry answers at ${url} (connection refused); start one with \`clerk serve\`, or name another with --registry or $CLERK_REGISTRY\n`,
  );
});

test('without a word on it, the usual registry is asked, and a silent one is given up', async () => {
  const silent = await fakeRegistry({ list: () => undefined });
  open.push(silent);
  const { code, err } = await runCli(['ls', '--registry', silent.url, '--timeout', '50']);
  expect(code).toBe(4);
  expect(err).toContain(`${silent.url} (no answer within 50 ms)`);
});

test('a web server that is no registry is told as such', async () => {
  const other = await fakeRegistry({ list: (_, response) => response.end('<html>hello</html>') });
  open.push(other);
  const page = await runCli(['ls'], { registry: other.url });
  expect(page).toMatchObject({ code: 4, out: '' });
  expect(page.err).toContain('is no JSON; is that the address of a registry?');
  const odd = await fakeRegistry({ list: { entries: [{ name: 7 }], next: null } });
  open.push(odd);
  const nonsense = await runCli(['ls'], { registry: odd.url });
  expect(nonsense).toMatchObject({ code: 4, out: '' });
  expect(nonsense.err).toContain("The registry's answer makes no sense: name is not a text");
});

test('a redirect is not followed', async () => {
  const other = await fakeRegistry({
    list: (_, response) => response.writeHead(302, { location: '/v1/status' }).end(),
    status: { entries: [], next: null, incarnation: 'i' },
  });
  open.push(other);
  const ran = await runCli(['ls'], { registry: other.url });
  expect(ran.code).toBe(4);
  expect(other.asked.map(({ path }) => path)).toEqual(['/v1/list']);
});
