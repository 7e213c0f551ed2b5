/** The settings of a service config, from the registry to the results of `resolve` and to calls. In virtual time. */
import { createClerk, firstOf, mount, union } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, test } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';

const settings = {
  policy: 'round-robin',
  timeoutMs: 1_500,
  attemptTimeoutMs: { min: 50, max: 500 },
  retries: { max: 1, statuses: [503], budget: { ratio: 0.2, minPerSecond: 5 } },
};

/** A registry with two endpoints under every name. */
function registryWith(config: object): Registry {
  const endpoints = ['http://a', 'http://b'];
  return { resolve: () => ({ kind: 'bound', endpoints, ttlMs: 60_000, ...config }) };
}

/** A clerk, and the number of requests that its servers have received. All servers respond with a status. */
function setup(registry: Registry, statusCode = 200) {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const received = { requests: 0 };
  for (const origin of ['http://a', 'http://b'])
    network.server(origin).handler = ({ isProbe }) => {
      if (!isProbe) received.requests++;
      return { statusCode, body: '1' };
    };
  return { clerk: createClerk({ registry, runtime }), received };
}

test.each<[string, (registry: Registry) => Registry]>([
  ['a registry', (registry) => registry],
  ['firstOf', (registry) => firstOf({ '/other': [] }, registry)],
  ['union', (registry) => union({ '/x/y': [] }, registry)],
  ['mount', (registry) => mount('/x', registry)],
])('resolve returns the service config of %s', async (_what, wrap) => {
  const { clerk } = setup(wrap(registryWith(settings)));
  expect(await clerk.resolve('/x/y')).toMatchObject(settings);
});

test('resolve returns no settings that the service config lacks', async () => {
  const resolved = await setup(registryWith({})).clerk.resolve('/x');
  expect(Object.keys(resolved)).not.toContain('attemptTimeoutMs');
  expect(Object.keys(resolved)).not.toContain('retries');
});

test.each([
  [undefined, 2],
  [false, 1],
  [{ max: 0 }, 1],
  [{ statuses: [] }, 1],
  [{ max: 1 }, 2],
])(
  'with the retries %j of a service config, a GET that gets 503 is sent %i times',
  async (retries, count) => {
    const { clerk, received } = setup(registryWith({ policy: 'round-robin', retries }), 503);
    await clerk.resolve('/x');
    const { statusCode } = await clerk.bind('/x').request({ path: '/' });
    expect({ statusCode, ...received }).toEqual({ statusCode: 503, requests: count });
  },
);

test.each([
  [undefined, 2],
  [false, 1],
  [{ max: 0 }, 1],
  [{ budget: { ratio: 0, minPerSecond: 0 } }, 1],
])(
  'with the policy first-to-respond and the retries %j of a service config, a GET is sent %i times',
  async (retries, count) => {
    const { clerk, received } = setup(registryWith({ policy: 'first-to-respond', retries }));
    await clerk.resolve('/x');
    const { statusCode } = await clerk.bind('/x').request({ path: '/' });
    expect({ statusCode, ...received }).toEqual({ statusCode: 200, requests: count });
  },
);

test.each([
  { attemptTimeoutMs: 0 },
  { attemptTimeoutMs: '200' },
  { attemptTimeoutMs: { min: 500, max: 50 } },
  { attemptTimeoutMs: { minimum: 50 } },
  { retries: true },
  { retries: { max: -1 } },
  { retries: { maximum: 3 } },
  { retries: { statuses: [200] } },
  { retries: { budget: { ratio: 2 } } },
])('a service config with %j is rejected', async (config) => {
  const error = await clerkErrorOf(setup(registryWith(config)).clerk.resolve('/x'));
  expect(error).toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringContaining(Object.keys(config)[0] ?? '') as string,
  });
});
