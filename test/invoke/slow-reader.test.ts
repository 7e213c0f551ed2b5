/** Servers in memory that read request bodies slowly. */
import { createClerk, type BindOptions } from 'binding-clerk';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';

const body = Buffer.alloc(1_000_000);
const put = { method: 'PUT', kind: 'idempotent', body } as const;

/** Two servers, of which the first reads 200 bytes per ms. */
function setUp(bind: BindOptions) {
  const runtime = createFakeRuntime({ seed: 1, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const slow = network.server('http://a', () => ({ body: '{"from":"a"}' }));
  const other = network.server('http://b', () => ({ body: '{"from":"b"}' }));
  slow.readBytesPerMs = 200;
  const clerk = createClerk({ registry: { '/s': ['http://a', 'http://b'] }, runtime });
  onTestFinished(() => clerk.destroy());
  const trouble: string[] = [];
  clerk.on('suspect', ({ endpoint }) => trouble.push(endpoint));
  return { runtime, slow, other, trouble, binding: clerk.bind('/s', { policy: 'primary', ...bind }) };
}

test('an upload of 5 s is not late, and its endpoint is not suspect', async () => {
  const { binding, slow, other, trouble } = setUp({ attemptTimeoutMs: 50 });

  expect(await binding.json('/', put)).toEqual({ from: 'a' });

  expect([slow.requests, other.requests, trouble]).toEqual([1, 0, []]);
});

test('an upload to a server that stops reading moves after 1 s, and the server is suspect', async () => {
  const { binding, slow, trouble, runtime } = setUp({ attemptTimeoutMs: 50 });
  const startedAt = runtime.now();
  runtime.setTimer(() => slow.pause(), 1_000);

  expect(await binding.json('/', put)).toEqual({ from: 'b' });

  // The last progress before the pause is at most 328 ms old: the time for a piece.
  expect(runtime.now() - startedAt).toBeGreaterThan(1_600);
  expect(runtime.now() - startedAt).toBeLessThan(2_200);
  expect(trouble).toEqual(['http://a']);
});

test('the delay of a hedge runs from the last byte of the request', async () => {
  const { binding, slow, other } = setUp({ hedge: { afterMs: 20, budgetRatio: 1 } });

  expect(await binding.json('/', put)).toEqual({ from: 'a' });

  expect([slow.requests, other.requests]).toEqual([1, 0]);
});
