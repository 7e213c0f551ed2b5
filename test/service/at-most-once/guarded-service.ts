/** A fetch-style service wrapped by atMostOnce(), in virtual time, and requests to it. */
import type { IdempotencyStore } from '../../../src/core/idempotency-store.js';
import type { Logger } from '../../../src/core/logger.js';
import { hashParts } from '../../../src/runtime/hashing.js';
import {
  guardOf,
  wrapHandler,
  type WrapHandlerOptions,
} from '../../../src/service/at-most-once/wrap-handler.js';
import type { IdempotencyGuard } from '../../../src/service/at-most-once/idempotency-guard.js';
import type { AtMostOnceOptions } from '../../../src/service/at-most-once/options.js';
import { memoryCalls } from '../../../src/service/at-most-once/store/memory-idempotency-store.js';
import { createFakeRuntime, type FakeRuntime } from '../../../src/testing/fake-runtime.js';

/** Creates an idempotency key. */
export function callId(createdAt: number, number = 1): string {
  return `${String(createdAt).padStart(13, '0')}-${number.toString(16).padStart(32, '0')}`;
}

export interface Recorded extends Logger {
  readonly lines: string[];
}

export function recordedLogger(): Recorded {
  const lines: string[] = [];
  const log = (message: string): void => void lines.push(message);
  return { lines, debug: log, info: log, warn: log, error: log };
}

/** The parts of a response that tests compare. */
export interface ParsedResponse {
  readonly status: number;
  readonly idempotency: string | undefined;
  readonly notExecuted: string | undefined;
  readonly body: string;
  readonly headers: Headers;
}

export interface CallInit {
  readonly id?: string;
  readonly instance?: string;
  /** Further headers. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly target?: string;
  readonly type?: string;
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array> | null;
  readonly signal?: AbortSignal;
}

export interface GuardedService {
  readonly runtime: FakeRuntime;
  readonly log: Recorded;
  readonly guard: IdempotencyGuard;
  /** Bodies of the requests that the handler ran for. */
  readonly runs: string[];
  handler: (request: Request) => unknown;
  /** Sends a request, with a new key unless `id` is given. */
  call(call?: CallInit): Promise<ParsedResponse>;
  callRaw(call?: CallInit): Promise<Response>;
  now(): number;
}

export interface GuardedServiceOptions extends AtMostOnceOptions {
  readonly runtime?: FakeRuntime;
  readonly incarnation?: string;
}

export function guardedService({
  runtime = createFakeRuntime({ seed: 3 }),
  incarnation = 'incarnation-1',
  ...options
}: GuardedServiceOptions = {}): GuardedService {
  const log = recordedLogger();
  const runs: string[] = [];
  const parts: WrapHandlerOptions = {
    clock: runtime,
    digest: hashParts,
    logger: log,
    incarnation,
    createStore: () => memoryCalls(),
    principalOf: (request) => (request as Request).headers.get('x-principal') ?? undefined,
  };
  const world = {
    handler: async (request: Request): Promise<unknown> =>
      new Response(`response to ${await request.text()}`, { status: 201 }),
  };
  const wrapped = wrapHandler(
    async (...args) => {
      const request = args[0] as Request;
      const copy = request.clone();
      runs.push(await copy.text());
      return world.handler(request);
    },
    options,
    parts,
  );
  const callRaw = async ({
    id,
    instance,
    headers: more = {},
    method = 'POST',
    target = '/orders?a=1',
    type,
    body = 'one',
    signal,
  }: CallInit = {}): Promise<Response> => {
    const headers = new Headers(more);
    if (type !== undefined) headers.set('content-type', type);
    if (id !== '') headers.set('clerk-call-id', id ?? callId(runtime.wallNow()));
    if (instance !== undefined) headers.set('clerk-instance', instance);
    const request = new Request(`http://orders.shop.clerk${target}`, {
      method,
      headers,
      ...(method !== 'GET' && { body, duplex: 'half' as const }),
      ...(signal && { signal }),
    });
    return (await wrapped(request)) as Response;
  };
  return Object.assign(world, {
    runtime,
    log,
    guard: guardOf(wrapped) as IdempotencyGuard,
    runs,
    callRaw,
    call: async (call?: CallInit) => parseResponse(await callRaw(call)),
    now: () => runtime.wallNow(),
  });
}

export async function parseResponse(response: Response): Promise<ParsedResponse> {
  return {
    status: response.status,
    idempotency: response.headers.get('clerk-idempotency') ?? undefined,
    notExecuted: response.headers.get('clerk-not-executed') ?? undefined,
    body: await response.text(),
    headers: response.headers,
  };
}

/** A store whose methods fail or wait on demand. */
export function faultyStore(
  store: IdempotencyStore,
): IdempotencyStore & { fail: Set<string>; hold(): () => void } {
  const fail = new Set<string>();
  let gate = Promise.resolve();
  const through = async <T>(method: string, go: () => Promise<T>): Promise<T> => {
    await gate;
    if (fail.has(method)) throw new Error(`${method} failed`);
    return go();
  };
  return {
    fail,
    hold: () => {
      let open = (): void => undefined;
      gate = new Promise((resolve) => (open = resolve));
      return open;
    },
    isDurable: store.isDurable,
    scope: store.scope,
    begin: (call) => through('begin', () => store.begin(call)),
    end: (id, how) => through('end', () => store.end(id, how)),
    withdraw: (id) => through('withdraw', () => store.withdraw(id)),
    expire: (bornBefore) => through('forget', () => store.expire(bornBefore)),
  };
}
