/** Nothing passes from one call to another call that is made while the first call runs. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { request as undiciRequest } from 'undici';
import { createClerk, type Clerk, type ClerkOptions } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { bodyOf, unusedAddress, webServer, type WebServer } from './web-server.js';

interface Situation {
  readonly clerk: Clerk;
  /** Sets what the program does when the clerk calls it back. Called before the outer call. */
  inside(hook: () => void): void;
}

type CreateSituation = (addresses: Readonly<Record<string, readonly string[]>>) => Situation;

function isolatedClerk(options: ClerkOptions): Clerk {
  const clerk = createClerk(options);
  onTestFinished(() => clerk.destroy());
  return clerk;
}

function observed(name: string, onMessage: (payload: unknown) => void): void {
  subscribe(name, onMessage);
  onTestFinished(() => void unsubscribe(name, onMessage));
}

const situations: readonly [where: string, create: CreateSituation][] = [
  ...(['picked', 'attempt', 'failover'] as const).map((event): [string, CreateSituation] => [
    `a listener for '${event}'`,
    (registry) => {
      const clerk = isolatedClerk({ registry });
      return { clerk, inside: (hook) => void clerk.once(event, hook) };
    },
  ]),
  ...['binding-clerk:picked', 'undici:request:create'].map((channel): [string, CreateSituation] => [
    `the diagnostics channel ${channel}`,
    (registry) => {
      const clerk = isolatedClerk({ registry });
      return { clerk, inside: (hook) => observed(channel, hook) };
    },
  ]),
  ...(['resolve', 'start'] as const).map((method): [string, CreateSituation] => [
    `${method}() of the registry`,
    (addresses) => {
      let hook: () => void = () => undefined;
      const registry: Registry = {
        resolve(name) {
          if (method === 'resolve') hook();
          const endpoints = method === 'start' && name === '/shop/orders' ? [] : (addresses[name] ?? []);
          return Promise.resolve({ kind: 'bound', endpoints, startable: true });
        },
        start(name) {
          hook();
          return Promise.resolve((addresses[name] ?? []).map((address) => ({ address })));
        },
      };
      return { clerk: isolatedClerk({ registry }), inside: (next) => (hook = next) };
    },
  ]),
];

/** Reads each request and breaks the connection. */
function resetting(bodies: string[]): Promise<WebServer> {
  return webServer((request) => {
    void bodyOf(request).then((body) => {
      bodies.push(body.toString());
      request.socket.destroy();
    });
  });
}

test.each(situations)(
  'a request made within %s has neither the body nor the kind nor the timeout of the outer fetch',
  async (_where, create) => {
    const audited: string[] = [];
    const audits = [await resetting(audited), await resetting(audited)];
    const orders = await webServer((request, response) => {
      void bodyOf(request).then((body) => response.end(body));
    });
    const { clerk, inside } = create({
      '/shop/orders': [await unusedAddress(), orders.address],
      '/shop/audit': audits.map(({ address }) => address),
    });
    let nested: Promise<unknown> | undefined;
    inside(() => {
      nested ??= undiciRequest('http://audit.shop.clerk/entries', {
        dispatcher: clerk.dispatcher,
        method: 'POST',
        body: 'audit entry',
      }).catch((error: unknown) => error);
    });

    for (let i = 0; i < 20 && nested === undefined; i++) {
      const response = await clerk.fetch('http://orders.shop.clerk/orders', {
        method: 'PUT',
        body: 'secret',
        kind: 'idempotent',
        timeoutMs: 60_000,
      });
      expect(await response.text()).toBe('secret');
    }

    expect(await nested).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(audited).toEqual(['audit entry']);
  },
);

test('the inbound deadline and attempt number are the only data in an asynchronous context', () => {
  const src = fileURLToPath(new URL('../../src', import.meta.url));
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.ts'),
  );
  const creating = files.filter((path) =>
    /new AsyncLocalStorage|enterWith|executionAsyncResource|createHook/.test(
      readFileSync(join(src, path), 'utf8'),
    ),
  );
  expect(creating).toEqual(['core/inbound-request.ts']);
});
