/** A probe, which no call waits for, runs in the async context of the clerk. @see [C9.3](../../docs/guarantees.md#c9-3) */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createClerk } from 'binding-clerk';
import { expect, onTestFinished, test, vi } from 'vitest';
import { probeUserAgent } from './raw-peer.js';
import { unusedAddress, webServer } from './web-server.js';

const requestId = new AsyncLocalStorage<string>();

test.each(['late', 'refused'] as const)(
  "undici's diagnostics of the probe of an endpoint whose attempt is %s are published in the context of the clerk",
  async (how) => {
    const silent = await webServer((request, response) => {
      if (request.url !== '/hang') response.end('{}');
    });
    const well = await webServer((_request, response) => response.end('{}'));
    const first = how === 'late' ? silent.address : await unusedAddress();
    const clerk = requestId.run('clerk', () => createClerk({ registry: { '/s': [first, well.address] } }));
    onTestFinished(() => clerk.destroy());
    const s = clerk.bind('/s', { policy: ([one]) => one, attemptTimeoutMs: 50 });
    const seen: string[] = [];
    const onCreate = (message: unknown): void => {
      const { headers } = (message as { request: { headers: string[] | string } }).request;
      if (String(headers).includes(probeUserAgent)) seen.push(String(requestId.getStore()));
    };
    subscribe('undici:request:create', onCreate);
    onTestFinished(() => void unsubscribe('undici:request:create', onCreate));
    await vi.waitFor(
      async () => {
        await requestId.run('call', () => s.json('/hang'));
        expect(seen.length).toBeGreaterThan(0);
      },
      { timeout: 5_000, interval: 100 },
    );
    expect(new Set(seen)).toEqual(new Set(['clerk']));
  },
);
