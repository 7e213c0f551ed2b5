import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { UnsentResponses } from '../../../src/server/http/unsent-responses.js';

class FakeResponse extends EventEmitter {
  destroyed = false;
  writableLength = 0;

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function createResponses(maxBytes: number) {
  const destroyed: unknown[] = [];
  const unsent = new UnsentResponses(maxBytes, (response) => void destroyed.push(response));
  const write = (response: FakeResponse, bytes: number): void => {
    response.writableLength += bytes;
    unsent.update(response as unknown as ServerResponse);
  };
  const send = (response: FakeResponse, bytes: number): void => {
    response.writableLength -= bytes;
    unsent.update(response as unknown as ServerResponse);
  };
  const [a, b, c] = [new FakeResponse(), new FakeResponse(), new FakeResponse()];
  return { unsent, destroyed, write, send, a, b, c };
}

test('above the maximum, the response that has waited for the longest time is destroyed', () => {
  const { unsent, destroyed, write, a, b, c } = createResponses(100);
  write(a, 40);
  write(b, 60);
  expect(destroyed).toEqual([]);
  write(c, 30);
  expect(destroyed).toEqual([a]);
  expect(unsent.bytes).toBe(90);
  write(b, 20);
  expect(destroyed).toEqual([a, b]);
  expect(unsent.bytes).toBe(30);
});

test('a response whose bytes were sent does not count, and begins to wait when it is written again', () => {
  const { unsent, destroyed, write, send, a, b, c } = createResponses(100);
  write(a, 40);
  write(b, 60);
  send(a, 40);
  write(a, 40);
  write(c, 10);
  expect(destroyed).toEqual([b]);
  a.destroy();
  c.destroy();
  expect(unsent.bytes).toBe(0);
});

test('bytes that were sent without notice are not counted', () => {
  const { unsent, destroyed, write, a, b, c } = createResponses(100);
  write(a, 90);
  a.writableLength = 10;
  b.writableLength = 0;
  write(b, 50);
  write(c, 40);
  expect(destroyed).toEqual([]);
  expect(unsent.bytes).toBe(100);
});

test('a watch that is written and sent 20 times has one listener for its close', () => {
  const { write, send, a } = createResponses(100);
  for (let i = 0; i < 20; i++) {
    write(a, 10);
    send(a, 10);
  }
  expect(a.listenerCount('close')).toBe(1);
});
