import type { BindOptions, ClerkOptions } from './options.js';

export const clerkKeys = Object.keys({
  registry: true,
  snapshotFile: true,
  root: true,
  identity: true,
  registryKey: true,
  tickets: true,
  tls: true,
  connections: true,
  maxSockets: true,
  maxPending: true,
  closeTimeoutMs: true,
  maxResponseSize: true,
  allowAddresses: true,
  redirects: true,
  host: true,
  zone: true,
  dispatcher: true,
  undici: true,
  interceptors: true,
  runtime: true,
  logger: true,
} satisfies Record<keyof ClerkOptions, true>);

export const bindKeys = Object.keys({
  version: true,
  policy: true,
  affinity: true,
  subsetSize: true,
  timeoutMs: true,
  totalTimeoutMs: true,
  attemptTimeoutMs: true,
  retries: true,
  probe: true,
  routeOf: true,
  kind: true,
  waitForReady: true,
  hedge: true,
  interceptors: true,
  factory: true,
} satisfies Record<keyof BindOptions, true>);

const requestOnlyKeys = ['signal', 'method', 'path', 'headers', 'body', 'json', 'query'];

export function optionOwner(key: string): string | undefined {
  if (clerkKeys.includes(key)) return 'createClerk()';
  if (bindKeys.includes(key)) return 'bind()';
  return requestOnlyKeys.includes(key) ? 'a request' : undefined;
}
