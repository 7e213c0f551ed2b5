/** A guarded fetch-style service in virtual time, and calls to it. */
import type { CallStore } from '../../../src/core/call-store.js';
import type { Logger } from '../../../src/core/logger.js';
import { digestOfParts } from '../../../src/runtime/hashing.js';
import { guardOf, guarding, type GuardingParts } from '../../../src/service/at-most-once/guarding.js';
import type { Guard } from '../../../src/service/at-most-once/guard.js';
import type { AtMostOnceOptions } from '../../../src/service/at-most-once/options.js';
import { createFakeRuntime, type FakeRuntime } from '../../../src/testing/fake-runtime.js';

/** Id of a call. */
export function idOf(bornAt: number, number = 1): string {
  return `${String(bornAt).padStart(13, '0')}-${number.toString(16).padStart(32, '0')}`;
}

export interface Recorded extends Logger {
  readonly lines: string[];
}

export function recordedLogger(): Recorded {
  const lines: string[] = [];
  const log = (message: string): void => void lines.push(message);
  return { lines, debug: log, info: log, warn: log, error: log };
}

/** What a client makes of an answer. */
export interface Told {
  readonly status: number;
  readonly once: string | undefined;
  readonly notExecuted: string | undefined;
  readonly body: string;
  readonly headers: Headers;
}

export interface Ask {
  readonly id?: string;
  readonly instance?: string;
  readonly method?: string;
  readonly target?: string;
  readonly type?: string;
  readonly body?: string | Uint8Array | ReadableStream<Uint8Array> | null;
  readonly signal?: AbortSignal;
}

export interface World {
  readonly runtime: FakeRuntime;
  readonly log: Recorded;
  readonly guard: Guard;
  /** Bodies that the handler was run with. */
  readonly runs: string[];
  handler: (request: Request) => unknown;
  /** Sends a call; with an id of now unless it says otherwise. */
  ask(call?: Ask): Promise<Told>;
  raw(call?: Ask): Promise<Response>;
  now(): number;
}

export interface WorldOptions extends AtMostOnceOptions {
  readonly runtime?: FakeRuntime;
  readonly life?: string;
}

export function onceWorld({
  runtime = createFakeRuntime({ seed: 3 }),
  life = 'life-1',
  ...options
}: WorldOptions = {}): World {
  const log = recordedLogger();
  const runs: string[] = [];
  const parts: GuardingParts = { clock: runtime, digest: digestOfParts, logger: log, life };
  const world = {
    handler: async (request: Request): Promise<unknown> =>
      new Response(`answer to ${await request.text()}`, { status: 201 }),
  };
  const guarded = guarding(
    async (...args) => {
      const request = args[0] as Request;
      const copy = request.clone();
      runs.push(await copy.text());
      return world.handler(request);
    },
    options,
    parts,
  );
  const raw = async ({
    id,
    instance,
    method = 'POST',
    target = '/orders?a=1',
    type,
    body = 'one',
    signal,
  }: Ask = {}): Promise<Response> => {
    const headers = new Headers();
    if (type !== undefined) headers.set('content-type', type);
    if (id !== '') headers.set('clerk-call-id', id ?? idOf(runtime.wallNow()));
    if (instance !== undefined) headers.set('clerk-instance', instance);
    const request = new Request(`http://orders.shop.clerk${target}`, {
      method,
      headers,
      ...(method !== 'GET' && { body, duplex: 'half' as const }),
      ...(signal && { signal }),
    });
    return (await guarded(request)) as Response;
  };
  return Object.assign(world, {
    runtime,
    log,
    guard: guardOf(guarded) as Guard,
    runs,
    raw,
    ask: async (call?: Ask) => told(await raw(call)),
    now: () => runtime.wallNow(),
  });
}

export async function told(response: Response): Promise<Told> {
  return {
    status: response.status,
    once: response.headers.get('clerk-once') ?? undefined,
    notExecuted: response.headers.get('clerk-not-executed') ?? undefined,
    body: await response.text(),
    headers: response.headers,
  };
}

/** A store that does as it is told: fails, or waits until it is let go. */
export function faulty(store: CallStore): CallStore & { fail: Set<string>; hold(): () => void } {
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
    outlives: store.outlives,
    scope: store.scope,
    begin: (call) => through('begin', () => store.begin(call)),
    end: (id, how) => through('end', () => store.end(id, how)),
    withdraw: (id) => through('withdraw', () => store.withdraw(id)),
    forget: (bornBefore) => through('forget', () => store.forget(bornBefore)),
  };
}
