import { strict as assert } from 'node:assert';
import { toEndpoint, type Endpoint, type EndpointInit } from '../../core/endpoint.js';
import type { Registry, Resolution, Snapshot } from '../../core/registry.js';

/** The endpoints of each service, by the name of the service. A list may be empty. */
export type RegistryContents = Readonly<Record<string, readonly EndpointInit[]>>;

/** A registry, and functions that change its contents directly. */
export interface RegistryUnderTest {
  /** The registry under test. */
  readonly registry: Registry;
  /**
   * Sets the endpoints of a service. The registry may return the old endpoints for up to 1 s after the promise has
   * resolved.
   */
  readonly put?: (name: string, endpoints: readonly EndpointInit[]) => Promise<void> | void;
  /** Removes a service. The registry may return the service for up to 1 s after the promise has resolved. */
  readonly remove?: (name: string) => Promise<void> | void;
  /** Makes the backend of the registry fail (true) or work again (false). */
  readonly fail?: (failing: boolean) => Promise<void> | void;
  /** Releases all resources. Default: calls `close` of the registry, if the registry has this method. */
  readonly close?: () => Promise<void> | void;
}

/** An optional capability: a method of the registry, or a function of {@link RegistryUnderTest}. */
export type RegistryCapability = 'list' | 'search' | 'watch' | 'put' | 'remove' | 'fail';

/** Options of the registry suite. */
export interface RegistrySuiteOptions {
  /** Creates a registry with exactly the given services. Called once per case. */
  readonly create: (contents: RegistryContents) => Promise<RegistryUnderTest> | RegistryUnderTest;
  /** Capabilities that the registry lacks. The cases that need these capabilities are skipped. Default: none. */
  readonly without?: readonly RegistryCapability[];
  /**
   * Waits for a time in ms. A registry with I/O needs `setTimeout` of `node:timers/promises`. A registry in virtual
   * time needs `advance` of its runtime. Default: runs promise jobs only.
   */
  readonly wait?: (ms: number) => Promise<unknown>;
}

export const sampleContents: RegistryContents = {
  '/suite/orders': [
    {
      id: 'orders-1',
      epoch: 3,
      address: 'http://127.0.0.1:3001',
      weight: 2,
      host: 'host-1',
      zone: 'a',
      version: '1.2.0',
      attributes: { tier: 'gold' },
    },
    {
      id: 'orders-2',
      addresses: ['unix:/run/orders-2.sock', 'http://127.0.0.1:3002'],
      zone: 'b',
      attributes: { tier: 'gold' },
    },
  ],
  '/suite/orders/eu': [{ id: 'eu-1', address: 'tcp://10.0.0.7:3003', zone: 'a' }],
  '/suite/idle': [],
  '/other/stock': [{ id: 'stock-1', address: 'https://stock.example:8443', weight: 0 }],
};

export interface RegistryCase {
  readonly name: string;
  readonly requires?: readonly RegistryCapability[];
  readonly run: (harness: RegistryHarness) => Promise<void>;
}

/** A promise must settle, and a change must become visible, within this time, in ms. */
const settleLimitMs = 5_000;

export class RegistryHarness {
  readonly #subject: RegistryUnderTest;
  readonly #wait: (ms: number) => Promise<unknown>;

  constructor(subject: RegistryUnderTest, wait: (ms: number) => Promise<unknown>) {
    this.#subject = subject;
    this.#wait = wait;
  }

  get registry(): Registry {
    return this.#subject.registry;
  }

  method<K extends 'list' | 'search' | 'watch'>(capability: K): NonNullable<Registry[K]> {
    const method = this.registry[capability];
    assert.ok(
      method,
      `the registry has no ${capability} method; add the method, or add '${capability}' to the option 'without'`,
    );
    return method.bind(this.registry) as NonNullable<Registry[K]>;
  }

  control<K extends 'put' | 'remove' | 'fail'>(capability: K): NonNullable<RegistryUnderTest[K]> {
    const control = this.#subject[capability];
    assert.ok(
      control,
      `create() returned no function '${capability}'; return the function, or add '${capability}' to the option 'without'`,
    );
    return control;
  }

  resolve(
    name: string,
    suspects: readonly string[] = [],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Resolution> {
    const { registry } = this;
    // A synchronous exception becomes a rejection, as in a clerk.
    const requested = Promise.resolve().then(() =>
      registry.resolve(name, { signal, suspects: new Set(suspects) }),
    );
    const response = requested.then((resolution: unknown) => {
      assert.ok(
        typeof resolution === 'object' && resolution !== null,
        `the resolution of ${name} must be an object`,
      );
      return resolution as Resolution;
    });
    return this.settlesSoon(response, `resolve('${name}')`);
  }

  /** Checks the endpoints of a service, in any order. Default of `expected`: the initial endpoints. */
  async assertBound(name: string, expected = sampleContents[name] ?? []): Promise<void> {
    assertBound(name, await this.resolve(name), expected);
  }

  async assertAbsent(name: string): Promise<void> {
    assertAbsent(name, await this.resolve(name));
  }

  /** Fails if the promise does not settle within {@link settleLimitMs}. */
  async settlesSoon<T>(promise: Promise<T>, what: string): Promise<T> {
    const late = this.#wait(settleLimitMs).then(() =>
      assert.fail(
        `${what} did not settle within ${String(settleLimitMs)} ms; a registry with I/O needs the option 'wait'`,
      ),
    );
    return Promise.race([promise, late]);
  }

  /** Repeats an assertion until it passes, for at most {@link settleLimitMs}. */
  async eventually(assertion: () => Promise<void> | void): Promise<void> {
    for (let round = 0; round < 20; round++) {
      try {
        await assertion();
        return;
      } catch {
        await this.#wait(settleLimitMs / 20);
      }
    }
    await assertion();
  }

  async quietPeriod(): Promise<void> {
    await this.#wait(100);
  }

  async close(): Promise<void> {
    await (this.#subject.close ? this.#subject.close() : this.registry.close?.());
  }
}

/** Runs all promise jobs, including the jobs that these jobs add. */
export async function flushPromises(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

export function assertBound(
  name: string,
  resolution: Resolution | undefined,
  expected: readonly EndpointInit[],
): void {
  assert.ok(resolution, `the snapshot must contain ${name}`);
  if (resolution.kind !== 'bound')
    assert.fail(`the kind of ${name} must be 'bound'; got '${resolution.kind}'`);
  assert.ok(Array.isArray(resolution.endpoints), `endpoints of ${name} must be a list`);
  assert.deepEqual(normalizedEndpoints(resolution.endpoints, name), normalizedEndpoints(expected, name));
  assertTimes(name, resolution);
}

function assertAbsent(name: string, resolution: Resolution): void {
  assert.equal(resolution.kind, 'absent', `the kind of ${name} must be 'absent'; got '${resolution.kind}'`);
  assertTimes(name, resolution);
}

/** Returns the endpoints sorted by id, without incarnations, and with the default of each missing field. */
export function normalizedEndpoints(endpoints: readonly unknown[], name: string): readonly Endpoint[] {
  const all = endpoints.map((endpoint) => toEndpoint(endpoint, name));
  return all
    .map((one) => ({ ...one, incarnation: undefined, attributes: { ...one.attributes } }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

export function presentEntries(snapshot: Snapshot): ReadonlyMap<string, Resolution> {
  const entries: Iterable<[string, Resolution]> =
    snapshot instanceof Map ? snapshot : Object.entries(snapshot);
  return new Map([...entries].filter(([, resolution]) => resolution.kind !== 'absent'));
}

function assertTimes(name: string, resolution: Resolution): void {
  const { ttlMs } = resolution;
  assert.ok(
    ttlMs === undefined || (typeof ttlMs === 'number' && ttlMs >= 0),
    `ttlMs of ${name} must be a number ≥ 0; got ${String(ttlMs)}`,
  );
  if (resolution.kind === 'link') return;
  const { revision } = resolution;
  assert.ok(revision === undefined || typeof revision === 'string', `revision of ${name} must be a string`);
}
