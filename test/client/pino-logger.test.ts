/** pino, as the logger of a program and of its clerk. */
import { createClerk, isClerkError } from 'binding-clerk';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';

/** Each line as an object. */
function recordedPino() {
  const lines: Readonly<Record<string, unknown>>[] = [];
  const write = (line: string): void => void lines.push(JSON.parse(line) as (typeof lines)[number]);
  return { lines, logger: pino({ level: 'debug', base: null, timestamp: false }, { write }) };
}

function openClerk(options: object = {}) {
  const runtime = createFakeRuntime({ seed: 5, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const registry = { '/shop/orders': [{ id: 'a', address: 'http://a' }] };
  const clerk = createClerk({ registry, runtime, ...options });
  onTestFinished(() => clerk.destroy());
  return {
    clerk,
    server: network.server('http://a'),
    orders: clerk.bind('/shop/orders', { timeoutMs: 200 }),
  };
}

test('pino shows the message, the causes, the execution and the outcomes of a failed call', async () => {
  const { lines, logger } = recordedPino();
  const { orders, server } = openClerk();
  server.refuse();
  const error: unknown = await orders.json('/').catch((caught: unknown) => caught);
  if (!isClerkError(error)) throw new Error('not rejected', { cause: error });
  logger.error(error);
  logger.error({ err: error, order: 7 }, 'the order failed');
  const shown = {
    type: 'ClerkError',
    code: error.code,
    execution: 'none',
    message: expect.stringContaining(error.message) as string,
    outcomes: [{ endpoint: 'a', stage: 'waiting', verdict: 'failure' }],
  };
  expect(lines).toMatchObject([{ err: shown }, { err: shown, order: 7, msg: 'the order failed' }]);
  expect(JSON.stringify(lines[0])).toContain('ECONNREFUSED');
});

test('a clerk logs through pino', async () => {
  const { lines, logger } = recordedPino();
  const { clerk, orders, server } = openClerk({ logger });
  server.handler = () => ({ statusCode: 200, body: '"a"' });
  clerk.on('picked', () => {
    throw new Error('a broken listener');
  });
  expect(await orders.json('/')).toBe('a');
  expect(lines).toEqual([
    expect.objectContaining({ msg: expect.stringContaining('a broken listener') as string }) as object,
  ]);
});
