/** The options of `clerk.fetch` do not reach requests that the program makes while that call runs. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { request as undiciRequest } from 'undici';
import { createClerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { webServer } from './web-server.js';

/** Where a program makes a nested request. */
const places = ['a listener', 'a diagnostics channel', 'resolve() of the registry', 'a policy'] as const;

test.each(places)(
  'a request within %s has neither the affinity nor the kind, retries or timeouts of the outer fetch',
  async (place) => {
    const outer = await webServer((_request, response) => response.end('outer'));
    const audit = await webServer((request, response) => {
      response.end(JSON.stringify(request.headers));
    });
    let hook: () => void = () => undefined;
    const registry: Registry = {
      resolve(name) {
        if (place === 'resolve() of the registry' && name === '/shop/orders') hook();
        const { address } = name === '/shop/orders' ? outer : audit;
        return Promise.resolve({ kind: 'bound', endpoints: [address] });
      },
    };
    const clerk = createClerk({ registry });
    onTestFinished(() => clerk.destroy());
    const affinities: (string | undefined)[] = [];
    const orders = clerk.bind('/shop/orders', {
      policy: ([first]) => {
        if (place === 'a policy') hook();
        return first;
      },
    });
    const audits = clerk.bind('/shop/audit', {
      policy: ([first], { affinity }) => {
        affinities.push(affinity);
        return first;
      },
    });
    const nested: Promise<unknown>[] = [];
    let isNested = false;
    hook = () => {
      if (isNested) return;
      isNested = true;
      nested.push(
        undiciRequest('http://audit.shop.clerk/', { dispatcher: clerk.dispatcher }).then(({ body }) =>
          body.json(),
        ),
        audits.json('/'),
      );
    };
    if (place === 'a listener') clerk.on('picked', hook);
    if (place === 'a diagnostics channel') {
      subscribe('undici:request:create', hook);
      onTestFinished(() => void unsubscribe('undici:request:create', hook));
    }

    if (place === 'a policy') await orders.text('/', { affinity: 'outer key', timeoutMs: 5_000 });
    const response = await clerk.fetch('http://orders.shop.clerk/', {
      affinity: 'outer key',
      kind: 'idempotent',
      timeoutMs: 5_000,
      attemptTimeoutMs: 4_000,
      retries: { max: 1 },
    });

    expect(await response.text()).toBe('outer');
    const headers = (await Promise.all(nested)) as Record<string, string>[];
    expect(headers).toHaveLength(2);
    // The outer timeout would be in `clerk-timeout-ms`.
    for (const each of headers)
      expect(Object.keys(each).filter((name) => name.startsWith('clerk-'))).toEqual([]);
    expect(affinities).toEqual([undefined]);
  },
);
