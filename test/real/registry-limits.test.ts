/** Clients that reach a limit of the registry: the error of the client, and the message to the operator. */
import { createClerk } from 'binding-clerk';
import { startServer, type ServerOptions } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { expect, onTestFinished, test, vi } from 'vitest';
import { clerkErrorOf } from './clerk-error-of.js';

async function registry(options: ServerOptions) {
  const log: string[] = [];
  const quiet = (): void => undefined;
  const logger = { debug: quiet, info: quiet, warn: (text: string) => void log.push(text), error: quiet };
  const server = await startServer({ port: 0, logger, ...options });
  onTestFinished(() => server.close());
  return { url: server.url, log };
}

function clerkOf(url: string) {
  const clerk = createClerk({ registry: url });
  onTestFinished(() => clerk.destroy());
  return clerk;
}

test('the watch above maxWatches fails, and the registry logs it once', async () => {
  const { url, log } = await registry({ maxWatches: 1 });
  const service = await advertise({ name: '/a', address: 'http://127.0.0.1:9', registry: url });
  onTestFinished(() => service.close());
  const first = clerkOf(url).watch('/**');
  expect((await first.next()).value).toMatchObject({ name: '/a' });
  for (let i = 0; i < 2; i++) {
    const error = await clerkErrorOf(clerkOf(url).watch('/**').next());
    expect(error).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(error.message).toMatch(/at most 1 open watches; .* --max-watches/);
  }
  expect(log.filter((text) => text.includes('reached a limit'))).toEqual([
    expect.stringMatching(
      /^Principal address:loopback reached a limit: A principal can have at most 1 open watches/,
    ),
  ]);
});

test('a registration above maxRegistrations waits with a warning, and the registry logs it', async () => {
  const { url, log } = await registry({ maxRegistrations: 1 });
  const service = { address: 'http://127.0.0.1:9', registry: url };
  const first = await advertise({ ...service, name: '/a' });
  const warnings: string[] = [];
  const quiet = (): void => undefined;
  const logger = {
    debug: quiet,
    info: quiet,
    warn: (text: string) => void warnings.push(text),
    error: quiet,
  };
  const second = advertise({ ...service, name: '/b', logger });
  await vi.waitFor(() => expect(warnings).toEqual([expect.stringContaining('--max-registrations')]));
  expect(log.filter((text) => text.includes('reached a limit'))).toHaveLength(1);
  await first.close();
  await (await second).close();
});

test('a name above maxNames is refused with the flag, a removal makes room, and the registry logs it', async () => {
  const { url, log } = await registry({ maxNames: 2 });
  const post = async (path: string, body: object) => {
    const response = await fetch(`${url}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { error } = (await response.json()) as { error?: { code: string; message: string } };
    return [response.status, error?.code, error?.message];
  };
  expect(await post('define', { name: '/a', guaranteedMs: 0 })).toEqual([200, undefined, undefined]);
  expect(await post('link', { name: '/b', target: '/a', guaranteedMs: 0 })).toEqual([
    200,
    undefined,
    undefined,
  ]);
  expect(await post('define', { name: '/a', policy: 'random' })).toEqual([200, undefined, undefined]);
  const refused = [429, 'LIMIT_EXCEEDED', expect.stringMatching(/at most 2 names.* --max-names/)];
  expect(await post('define', { name: '/c' })).toEqual(refused);
  expect(await post('directory', { name: '/c' })).toEqual(refused);
  const registration = { name: '/c', id: 'c', addresses: ['http://127.0.0.1:9'] };
  expect(await post('register', registration)).toEqual(refused);
  expect(log.filter((text) => text.includes('at most 2 names'))).toHaveLength(1);
  expect(await post('remove', { name: '/b', force: true })).toEqual([200, undefined, undefined]);
  expect(await post('register', registration)).toEqual([200, undefined, undefined]);
});
