/** Which `Host` headers the registry accepts, on a real socket. */
import { expect, test } from 'vitest';
import { startHarness } from './http-harness.js';

const request = (...hosts: string[]): string =>
  `GET /v1/status HTTP/1.1\r\n${hosts.map((host) => `host: ${host}\r\n`).join('')}connection: close\r\n\r\n`;

test.each(['192.0.2.7', '10.1.2.3:4711', '[2001:db8::7]:4711', '[::1]', '127.0.0.1', 'localhost:4711'])(
  'the host %s is accepted: an IP address cannot be rebound',
  async (host) => {
    const { raw } = await startHarness();
    expect(await raw(request(host))).toMatch(/^HTTP\/1\.1 200/);
  },
);

test.each(['registry.internal', 'rebound.example:4711', '127.1', '2130706433', '0x7f000001'])(
  'the name %s is rejected, with the option that allows it',
  async (host) => {
    const { raw } = await startHarness();
    const response = await raw(request(host));
    expect(response).toMatch(/^HTTP\/1\.1 403/);
    expect(response).toContain(`--allow-host ${host.replace(':4711', '')}`);
  },
);

test('an allowed name is accepted', async () => {
  const { raw } = await startHarness({ allowedHosts: ['Registry.internal'] });
  expect(await raw(request('registry.INTERNAL:80'))).toMatch(/^HTTP\/1\.1 200/);
});

test.each([
  ['127.0.0.1', 'registry.internal'],
  ['127.0.0.1', '127.0.0.1'],
])('two headers host are rejected: %s and %s', async (first, second) => {
  const { raw } = await startHarness();
  const response = await raw(request(first, second));
  expect(response).toMatch(/^HTTP\/1\.1 400/);
  expect(response).toContain('"CONFIG_INVALID"');
});
