/** Calls that begin while the registry restarts. */
import { setTimeout } from 'node:timers/promises';
import { createClerk, isClerkError } from 'binding-clerk';
import { startServer, type Server } from 'binding-clerk/server';
import { expect, onTestFinished, test } from 'vitest';
import { freePort } from '../support/free-port.js';
import { name, RegistryHost } from './registry-host.js';

test(
  'calls that need a lookup and a start wait while the registry restarts',
  { timeout: 120_000 },
  async () => {
    const host = new RegistryHost();
    const port = await freePort();
    const serve = (): Promise<Server> =>
      startServer({ port, data: `${host.folder}/data`, manifests: host.folder });
    const first = await serve();
    await fetch(`${first.url}/v1/define`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, launch: { manifest: 'orders' } }),
    });
    await first.close();
    const clerk = createClerk({ registry: first.url });
    onTestFinished(() => clerk.destroy());
    const call = (timeoutMs: number): Promise<unknown> => clerk.bind(name).json('/', { timeoutMs });
    const calls = Array.from({ length: 20 }, () => call(60_000));
    const settled = Promise.allSettled(calls);
    const short: unknown = await call(300).catch((error: unknown) => error);
    expect(isClerkError(short) && [short.code, short.execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
    expect(isClerkError(short) && short.message).toContain(`No registry listens at ${first.url}`);
    await setTimeout(500);
    const second = await serve();
    onTestFinished(() => second.close());
    const results = (await settled).map((result) =>
      result.status === 'fulfilled' ? result.value : result.reason,
    );
    expect(host.starts).toHaveLength(1);
    expect(results).toEqual(Array(20).fill({ pid: host.starts[0]?.pid }));
  },
);
