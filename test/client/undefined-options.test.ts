/**
 * An option that is undefined counts as not given. The type check of this file, with `exactOptionalPropertyTypes`, shows
 * that the types allow it.
 */
import {
  createClerk,
  type BindOptions,
  type ClerkOptions,
  type HedgeOptions,
  type ProbeOptions,
  type RequestOptions,
} from 'binding-clerk';
import { memoryCluster } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';

/** Every key of `T` with the value undefined. */
type AllUndefined<T> = { [Key in keyof T]-?: undefined };

const probe: AllUndefined<ProbeOptions> = { method: undefined, path: undefined };
const hedge: AllUndefined<HedgeOptions> = { afterMs: undefined, budgetRatio: undefined };
const bind: AllUndefined<BindOptions> = {
  version: undefined,
  policy: undefined,
  affinity: undefined,
  subsetSize: undefined,
  timeoutMs: undefined,
  totalTimeoutMs: undefined,
  attemptTimeoutMs: undefined,
  retries: undefined,
  probe: undefined,
  routeOf: undefined,
  kind: undefined,
  waitForReady: undefined,
  hedge: undefined,
  interceptors: undefined,
  factory: undefined,
};
const request: AllUndefined<Omit<RequestOptions, 'path'>> = {
  method: undefined,
  headers: undefined,
  body: undefined,
  json: undefined,
  query: undefined,
  idempotent: undefined,
  opaque: undefined,
  responseHeaders: undefined,
  onInfo: undefined,
  highWaterMark: undefined,
  bodyTimeout: undefined,
  headersTimeout: undefined,
  reset: undefined,
  expectContinue: undefined,
  timeoutMs: undefined,
  totalTimeoutMs: undefined,
  attemptTimeoutMs: undefined,
  retries: undefined,
  kind: undefined,
  waitForReady: undefined,
  affinity: undefined,
  signal: undefined,
};
const clerkOptions: AllUndefined<ClerkOptions> = {
  registry: undefined,
  allowAddresses: undefined,
  redirects: undefined,
  snapshotFile: undefined,
  root: undefined,
  identity: undefined,
  registryKey: undefined,
  tickets: undefined,
  tls: undefined,
  connections: undefined,
  maxSockets: undefined,
  maxPending: undefined,
  maxResponseSize: undefined,
  closeTimeoutMs: undefined,
  host: undefined,
  zone: undefined,
  dispatcher: undefined,
  undici: undefined,
  interceptors: undefined,
  runtime: undefined,
  logger: undefined,
};

test('an undefined option counts as not given', async () => {
  const { clerk } = memoryCluster({ '/s': ['a'] }, { seed: 1 });
  onTestFinished(() => clerk.destroy());
  const s = clerk.bind('/s', bind);
  await expect(s.json('/', request)).resolves.toBeDefined();
  for (const result of await s.gather({ ...request, path: '/' })) expect(result.ok).toBe(true);
  const acquired = await s.acquire({ timeoutMs: undefined, affinity: undefined, signal: undefined });
  acquired.release('success');
  await expect(clerk.resolve('/s', { signal: undefined })).resolves.toMatchObject({ name: '/s' });
  const { settings } = clerk.bind('/s', { probe, hedge, retries: { max: undefined } }).explain();
  expect(settings.probe).toEqual({ method: 'OPTIONS', path: '/' });
  await createClerk(clerkOptions).destroy();
});
