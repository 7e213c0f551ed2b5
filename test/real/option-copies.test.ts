/** A call keeps all options that it had when the program made it, whatever the program does to the object of options. */
import { expect, test } from 'vitest';
import type { ClerkResponse, RequestOptions } from 'binding-clerk';
import { rawPeer } from './raw-peer.js';
import { testClerk, type TestClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

type Send = (given: TestClerk, options: Options) => Promise<ClerkResponse>;
type Options = { -readonly [Key in keyof RequestOptions]: RequestOptions[Key] };

const senders: readonly [name: string, isRetried: boolean, send: Send][] = [
  ['request()', true, ({ orders }, options) => orders.request(options)],
  ['clerk.request()', true, ({ clerk }, options) => clerk.request('/shop/orders/', withoutPath(options))],
  [
    'gather()',
    false,
    async ({ orders }, options) => {
      const [result] = await orders.gather(options);
      if (result?.ok !== true) throw result?.error ?? new Error('gather() found no endpoint');
      return result.response;
    },
  ],
];

test.each(senders)('%s', async (_name, isRetried, send) => {
  const first = await rawPeer('reset');
  const server = await webServer((request, response) => {
    response.writeEarlyHints({ link: '</a>; rel=preload' });
    setTimeout(() => {
      response.setHeader('x-connection', String(request.headers.connection));
      response.end('{}');
    }, 50);
  });
  const given = testClerk(isRetried ? [first.address, server.address] : [server.address]);
  const informed: string[] = [];
  const options: Options = {
    path: '/',
    opaque: 'old',
    onInfo: () => informed.push('old'),
    highWaterMark: 1_000,
    timeoutMs: 20_000,
    kind: 'safe',
    ...(isRetried && { retries: { max: 3 }, attemptTimeoutMs: { min: 10_000 } }),
  };

  const sent = send(given, options);
  Object.assign(options, {
    opaque: 'new',
    onInfo: () => informed.push('new'),
    highWaterMark: 5,
    timeoutMs: 1,
    kind: 'once',
    method: 'POST',
    retries: false,
    attemptTimeoutMs: 1,
    responseHeaders: 'raw',
    reset: true,
    bodyTimeout: 1,
    headersTimeout: 1,
    signal: AbortSignal.abort(),
  });
  const { opaque, headers, body } = await sent;

  expect([opaque, informed, body.readableHighWaterMark]).toEqual(['old', ['old'], 1_000]);
  expect(headers['x-connection']).toBe('keep-alive');
  expect(await body.json()).toEqual({});
  expect(server.requests).toEqual(['GET /']);
});

/** The same object without its path, so that later changes reach it. */
function withoutPath(options: Options): Omit<Options, 'path'> {
  delete (options as Partial<Options>).path;
  return options;
}
