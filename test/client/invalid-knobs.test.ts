/** Every knob for retries, attempt timeouts, probes and route classes refuses what it does not understand. */
import { createClerk, type BindOptions, type CallOptions, type ClerkOptions } from 'binding-clerk';
import { memoryCluster } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';

const notNumbers = [NaN, Infinity, -Infinity, '50', true, null, [], 5n, Symbol('x'), () => 50];

/** Values of each knob that a request, a binding and a service config refuse. */
const ofAllLevels: readonly [knob: string, values: readonly unknown[], inMessage: string][] = [
  [
    'attemptTimeoutMs',
    [0, -1, -0.5, 2 ** 31, NaN, Infinity, -Infinity, '50', true, false, null, [], 5n, () => 50],
    'attemptTimeoutMs',
  ],
  ['attemptTimeoutMs', [0, -1, 2 ** 31, ...notNumbers].map((min) => ({ min })), 'attemptTimeoutMs.min'],
  ['attemptTimeoutMs', [0, -1, 2 ** 31, ...notNumbers].map((max) => ({ max })), 'attemptTimeoutMs.max'],
  [
    'attemptTimeoutMs',
    [
      { min: 2, max: 1 },
      { min: 1_000.5, max: 1_000 },
    ],
    'attemptTimeoutMs.min must be at most attemptTimeoutMs.max',
  ],
  ['attemptTimeoutMs', [{ mn: 1 }, { min: 1, max: 2, mean: 1 }], 'unknown option'],
  ['retries', [0, 3, -1, NaN, '3', true, null, [], [503], () => false], 'retries must be false or an object'],
  ['retries', [-1, 101, 1.5, ...notNumbers].map((max) => ({ max })), 'retries.max'],
  [
    'retries',
    [503, '503', null, true, {}, new Set([503])].map((statuses) => ({ statuses })),
    'retries.statuses',
  ],
  [
    'retries',
    [399, 600, 0, -503, 503.5, ...notNumbers].map((status) => ({ statuses: [503, status] })),
    'retries.statuses must contain only integers',
  ],
  ['retries', [0.1, '0.1', null, true, [], false].map((budget) => ({ budget })), 'retries.budget must be'],
  [
    'retries',
    [-0.1, 1.1, ...notNumbers].map((ratio) => ({ budget: { ratio } })),
    'retries.budget.ratio must be',
  ],
  [
    'retries',
    [-1, 10_001, ...notNumbers].map((minPerSecond) => ({ budget: { minPerSecond } })),
    'retries.budget.minPerSecond must be',
  ],
  ['retries', [{ maximum: 1 }, { max: 1, status: [503] }, { budget: { perSecond: 1 } }], 'unknown option'],
];

const cases = ofAllLevels.flatMap(([knob, values, inMessage]) =>
  values.map((value): [string, Record<string, unknown>, string] => [
    `${knob}: ${describe(value)}`,
    { [knob]: value },
    inMessage,
  ]),
);

test.each(cases)('%s is refused by bind, by each call and by a service config', async (_, options, text) => {
  const { clerk } = memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });
  onTestFinished(() => clerk.destroy());
  const binding = clerk.bind('/s');
  expect(() => clerk.bind('/s', options as BindOptions)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(text) as string,
    }) as Error,
  );
  const perCall: Omit<CallOptions, 'signal'> = options;
  for (const call of [
    binding.request({ path: '/', ...perCall }),
    binding.json('/', perCall),
    binding.text('/', perCall),
    binding.bytes('/', perCall),
    binding.gather({ path: '/', ...perCall }),
    binding.call(() => 1, perCall),
    clerk.request('/s/', perCall),
    clerk.fetch('http://s.clerk/', perCall).catch((error: unknown) => {
      throw (error as Error).cause;
    }),
    clerk.dispatcher.request({ origin: 'http://s.clerk', path: '/', method: 'GET', ...options }),
  ]) {
    const error = await clerkErrorOf(call);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', execution: 'none' });
    expect(error.message).toContain(text);
  }
  const served = createClerk({
    registry: {
      resolve: () => ({ kind: 'bound', endpoints: ['http://127.0.0.1:9'], ...options }) as never,
    },
  });
  onTestFinished(() => served.destroy());
  const error = await clerkErrorOf(served.bind('/s').json('/'));
  expect(error.code).toBe('REGISTRY_INVALID');
  expect(error.message).toContain(text);
});

test.each(
  [
    ...['attemptTimeoutMs', 'retries', 'probe', 'routeOf', 'kind', 'hedge'].map((key) => ({
      [key]: undefined,
    })),
    { attemptTimeoutMs: 50 },
    { retries: false },
    { probe: false },
    { maxSockets: NaN },
    { maxSockets: '100' },
    { maxSockets: 1.5 },
    { maxSockets: Infinity },
    { maxSockets: -1 },
    { maxSockets: null },
    { closeTimeoutMs: NaN },
    { closeTimeoutMs: '30' },
    { closeTimeoutMs: 1.5 },
    { closeTimeoutMs: 2 ** 31 },
    { closeTimeoutMs: null },
  ].map((options) => [describe(options), options] as const),
)('createClerk refuses %s', (_, options) => {
  const [key] = Object.keys(options);
  expect(() => createClerk({ registry: {}, ...options } as ClerkOptions)).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(String(key)) as string,
    }) as Error,
  );
});

test.each(
  [
    ...[true, 0, 1, '', 'off', null, [], NaN, () => false].map((probe) => ({ probe })),
    ...['get', 'POST', '', null, 7, ['GET']].map((method) => ({ probe: { method } })),
    ...['', 'health', '/a b', '/a#b', '/ü', '/a\r\nb', null, 7, ['/']].map((path) => ({ probe: { path } })),
    { probe: { url: '/' } },
    { probe: { method: 'GET', path: '/', timeoutMs: 5 } },
    ...[null, '/orders', true, {}, 7].map((routeOf) => ({ routeOf })),
    { hedge: true, retries: false },
    { hedge: { afterMs: 5 }, retries: false },
    { kind: null },
    { kind: 'Safe' },
    { routes: [] },
    { attemptTimeout: 50 },
    { retry: false },
  ].map((options) => [describe(options), options] as const),
)('bind refuses %s', (_, options) => {
  const { clerk } = memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });
  onTestFinished(() => clerk.destroy());
  expect(() => clerk.bind('/s', options as BindOptions)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
  );
});

test.each(['probe', 'routeOf', 'hedge', 'policy', 'attemptTimeout', 'retry'])(
  'a request with the option %s is refused',
  async (key) => {
    const { clerk } = memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });
    onTestFinished(() => clerk.destroy());
    const binding = clerk.bind('/s');
    const options = { [key]: false } as object;
    for (const call of [
      binding.request({ path: '/', ...options }),
      binding.json('/', options),
      binding.gather({ path: '/', ...options }),
      binding.call(() => 1, options),
      binding.acquire(options),
      binding.ready(options),
      clerk.request('/s/', options),
    ]) {
      const error = await clerkErrorOf(call);
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.message).toContain(`option '${key}'`);
    }
  },
);

function describe(value: unknown): string {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Set))
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${key}: ${describe(one)}`)
      .join(', ')} }`;
  if (Array.isArray(value)) return `[${value.map(describe).join(', ')}]`;
  return typeof value === 'string'
    ? `'${value.replace(/\s/g, '_')}'`
    : value instanceof Set
      ? 'a set'
      : String(value);
}
