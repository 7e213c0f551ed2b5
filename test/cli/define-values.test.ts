import { expect, test } from 'vitest';
import { runCli } from './support/run-cli.js';

test('clerk define with an unknown policy names the policies and --no-policy', async () => {
  const { code, err } = await runCli(['define', '/shop/orders', '--policy', 'roundrobin']);
  expect(code).toBe(2);
  expect(err).toMatch(
    /must be one of local-first, random, round-robin, .*; --no-policy lets each client choose/,
  );
});

test('clerk define --attempt-timeout shows the form of bounds', async () => {
  const { code, err } = await runCli(['define', '/shop/orders', '--attempt-timeout', '50-500']);
  expect(code).toBe(2);
  expect(err).toContain('The value must be a time in ms such as 200, or bounds in ms such as 50..500.');
});
