/** The lines of a stream of events, without a connection. */
import type { Client } from 'undici';
import { expect, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';
import type { StreamEvent } from '../../src/registry-client/connection.js';
import { EventStream } from '../../src/registry-client/event-stream.js';
import { ManualClock } from '../support/manual-clock.js';

function openStream() {
  const events: StreamEvent[] = [];
  const errors: ClerkError[] = [];
  const stream = new EventStream(
    { destroy: () => Promise.resolve() } as unknown as Client,
    {
      ...{ url: 'http://registry', clock: new ManualClock(), startTimeoutMs: 1, onHead: undefined },
      connectionError: (error) => new ClerkError('REGISTRY_UNREACHABLE', String(error)),
      destroyConnecting: () => undefined,
    },
    {
      onActivity: () => undefined,
      onEvent: (event) => void events.push(event),
      onEnd: (error) => void errors.push(error),
    },
  );
  stream.onHeaders(200, [Buffer.from('content-type'), Buffer.from('text/event-stream')]);
  return { events, errors, send: (text: string) => stream.onData(Buffer.from(text)) };
}

test('100 lines of unknown fields of a stream are ignored, and one more ends it', async () => {
  const { events, errors, send } = openStream();
  send(`${'x: y\n'.repeat(50)}data: 1\n\n`);
  send(`${'retry: soon\n'.repeat(50)}${': a comment\n'.repeat(1_000)}data: 2\n\n`);
  await Promise.resolve();
  expect([events.map(({ data }) => data), errors]).toEqual([[1, 2], []]);
  send('x\n'.repeat(100_000));
  send('data: 3\n\n');
  await Promise.resolve();
  expect(events).toHaveLength(2);
  expect(errors).toMatchObject([
    { code: 'REGISTRY_INVALID', message: expect.stringContaining('more than 100 lines') as string },
  ]);
});

test.each([
  ['\\n', '\n'],
  ['\\r', '\r'],
  ['\\r\\n', '\r\n'],
])('events whose lines end with %s are read, however long the text is', (_, end) => {
  const { events, errors, send } = openStream();
  const expected = Array.from({ length: 500 }, (_each, i) => ({
    ...{ type: 'put', id: `x:${String(i)}`, data: { text: '💥'.repeat(i) } },
  }));
  const lines = expected.flatMap(({ type, id, data }) => [
    `event: ${type}`,
    `id: ${id}`,
    `data: ${JSON.stringify(data)}`,
    '',
  ]);
  send(`${lines.join(end)}${end}:${end}`);
  expect(events).toEqual(expected);
  expect(errors).toEqual([]);
});
