import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { maxWaitingRequests } from '../../../src/server/http/pipelined-requests.js';
import { startHarness } from './http-harness.js';

const request = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`;

test(
  'the next request of a connection is handled when the response to the former was sent',
  { timeout: 30_000 },
  async () => {
    const server = await startHarness();
    // More than the buffers of the sockets.
    server.names.texts.set('/large', JSON.stringify({ padding: 'x'.repeat(16 * 1024 * 1024) }));
    const socket = server.socket();
    onTestFinished(() => void socket.destroy());
    socket.pause();
    socket.write(request('/v1/resolve?name=/large') + request('/v1/whois?address=tcp://10.0.0.1:1'));
    const isHandled = (): boolean => server.names.requests.some(({ what }) => what === 'whois');
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isHandled()).toBe(false);
    socket.resume();
    await expect.poll(isHandled, { timeout: 20_000 }).toBe(true);
  },
);

test(
  'a connection with too many waiting requests is closed, which is logged',
  { timeout: 30_000 },
  async () => {
    const server = await startHarness();
    server.names.texts.set('/large', JSON.stringify({ padding: 'x'.repeat(16 * 1024 * 1024) }));
    const open = (waiting: number) => {
      const socket = server.socket();
      onTestFinished(() => void socket.destroy());
      socket.on('error', () => undefined).pause();
      socket.write(request('/v1/resolve?name=/large') + request('/healthz').repeat(waiting));
      return socket;
    };
    const allowed = open(maxWaitingRequests);
    const refused = open(maxWaitingRequests + 1);
    refused.resume();
    await once(refused, 'close');
    expect(server.warnings).toEqual([
      expect.stringContaining(
        'can have at most 16 requests that wait for the response to an earlier request',
      ),
    ]);
    let responses = 0;
    let last = '';
    allowed.on('data', (chunk: Buffer) => {
      const text = last + chunk.toString('latin1');
      responses += text.split('HTTP/1.1 200').length - 1;
      // May be the beginning of a status line, but not a whole one.
      last = text.slice(-'HTTP/1.1 20'.length);
    });
    allowed.resume();
    await expect.poll(() => responses, { timeout: 20_000 }).toBe(maxWaitingRequests + 1);
  },
);
