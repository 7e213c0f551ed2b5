/** `clerk define` refuses every setting for retries and attempt timeouts that it does not understand, and changes nothing. */
import { startServer } from 'binding-clerk/server';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCli } from './support/run-cli.js';

let registry = '';
let close = (): Promise<unknown> => Promise.resolve();

beforeAll(async () => {
  const server = await startServer({ port: 0 });
  registry = server.url;
  close = () => server.close();
  await runCli(['define', '/a', '--guarantee', '0', '--attempt-timeout', '50..500', '--retries', 'max=1'], {
    registry,
  });
});
afterAll(() => close());

test.each([
  ...['0', '-1', 'NaN', 'Infinity', '1e3', '0x10', '5s', '1.5', '2147483648', '..', '...', '5..4'],
  ...['-1..5', '0..5', '5..0', '5..NaN', 'x..5', '5..x', '1..2..3', '..-1', '..0', '', ' '],
])('--attempt-timeout %j is refused', async (value) => {
  await expectRefused(['--attempt-timeout', value]);
});

test.each([
  ...['on', 'true', 'false', '3', '0', '', 'none', 'OFF', 'max', 'max=', '=1', 'max=1,', ',max=1'],
  ...['max=-1', 'max=1.5', 'max=NaN', 'max=101', 'max=x', 'max=1,max=2', 'maximum=1', 'constructor=1'],
  ...['statuses=', 'statuses=399', 'statuses=600', 'statuses=503/', 'statuses=503/x', 'statuses=503.5'],
  ...['ratio=-0.1', 'ratio=1.1', 'ratio=NaN', 'ratio=Infinity', 'ratio=1e-1', 'ratio=,1', 'ratio=.5'],
  ...['per-second=-1', 'per-second=10001', 'per-second=NaN', 'perSecond=1', 'minPerSecond=1', '__proto__=1'],
  ...['off,max=1', 'default,max=1', 'max=1;ratio=0.1', 'max=1 ratio=0.1', 'budget=0.1'],
])('--retries %j is refused', async (value) => {
  await expectRefused(['--retries', value]);
});

test.each([
  [['--attempt-timeout']],
  [['--retries']],
  [['--retry', 'off']],
  [['--attempt-timeouts', '50']],
  [['--probe', 'off']],
])('define %j is refused', async (options) => {
  await expectRefused(options);
});

test.each([
  ['off', 'retries: false'],
  ['max=0', 'retries.max: 0'],
  ['ratio=0,per-second=0', 'retries.budget.ratio: 0 and retries.budget.minPerSecond: 0'],
])('the policy first-to-respond with --retries %s is refused', async (retries, conflict) => {
  await expectRefused(
    ['--policy', 'first-to-respond', '--retries', retries],
    `The policy first-to-respond requires retries, since a second attempt counts as a retry; got ${conflict}; set another policy, or allow retries`,
  );
});

async function expectRefused(options: readonly string[], message = ''): Promise<void> {
  const { code, out, err } = await runCli(['define', '/a', ...options], { registry });
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toMatch(/^clerk: /);
  expect(err).toContain(message);
  const { out: shown } = await runCli(['resolve', '/a', '--json'], { registry });
  expect(JSON.parse(shown)).toMatchObject({ attemptTimeoutMs: { min: 50, max: 500 }, retries: { max: 1 } });
}
