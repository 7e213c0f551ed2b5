/** What the contract of a registry is tried on: the contents it is given, how to wait for it, and how to read it. */
import { strict as assert } from 'node:assert';
import { toEndpoint, type Endpoint, type EndpointInit } from '../../core/endpoint.js';
import type { Registry, Resolution, Snapshot } from '../../core/registry.js';

/** Services by name with their endpoints; an empty list is a service that nobody runs. */
export type RegistryContents = Readonly<Record<string, readonly EndpointInit[]>>;

/** A registry with the levers that its world has beside the port. */
export interface RegistryUnderTest {
  /** The port. */
  readonly registry: Registry;
  /** Makes a service have exactly these endpoints. Resolves when the registry has been told. */
  readonly put?: (name: string, endpoints: readonly EndpointInit[]) => Promise<void> | void;
  /** Makes a service unknown. Resolves when the registry has been told. */
  readonly remove?: (name: string) => Promise<void> | void;
  /** Makes whatever the registry stands on fail, or work again. */
  readonly fail?: (failing: boolean) => Promise<void> | void;
  /** Takes everything down at the end of a case. Default: the port's own `close`, if it has one. */
  readonly close?: () => Promise<void> | void;
}

/** Something that not every registry can do. */
export type RegistryCapability = 'list' | 'search' | 'watch' | 'put' | 'remove' | 'fail';

/** What the suite needs of a registry. */
export interface RegistrySuiteOptions {
  /** Makes a registry that knows these services and no others, with all that is said of them; called anew for each case. */
  readonly create: (contents: RegistryContents) => Promise<RegistryUnderTest> | RegistryUnderTest;
  /** What it cannot do: the cases about that are left out. Whatever else is missing fails them. Default: none. */
  readonly without?: readonly RegistryCapability[];
  /**
   * Waits. A registry that does I/O needs `setTimeout` of `node:timers/promises`, one in virtual time its clock's
   * `advance`. Default: lets only those go on who wait for nothing but promises.
   */
  readonly wait?: (ms: number) => Promise<unknown>;
}

/** What every registry under test knows at first. */
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

/** One case of the suite, and what a registry must be able to do for it to be run. */
export interface RegistryCase {
  readonly name: string;
  readonly requires: readonly RegistryCapability[];
  readonly run: (harness: RegistryHarness) => Promise<void>;
}

/** How long something may take that should happen soon, in ms. */
const settleLimitMs = 1_000;

/** One registry under test, with the means to read it. */
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

  /** A method or lever that this case needs. */
  method<K extends 'list' | 'search' | 'watch'>(capability: K): NonNullable<Registry[K]> {
    const method = this.registry[capability];
    assert.ok(
      method,
      `the registry has no ${capability} method; if it cannot, name '${capability}' in 'without'`,
    );
    return method.bind(this.registry) as NonNullable<Registry[K]>;
  }

  /** A lever that this case needs. */
  control<K extends 'put' | 'remove' | 'fail'>(capability: K): NonNullable<RegistryUnderTest[K]> {
    const control = this.#subject[capability];
    assert.ok(
      control,
      `create() gave no '${capability}'; if there is no such thing, name '${capability}' in 'without'`,
    );
    return control;
  }

  resolve(
    name: string,
    suspects: readonly string[] = [],
    signal: AbortSignal = new AbortController().signal,
  ): Promise<Resolution> {
    const { registry } = this;
    // As a clerk does: what the port throws is a rejection.
    const requested = Promise.resolve().then(() =>
      registry.resolve(name, { signal, suspects: new Set(suspects) }),
    );
    const response = requested.then((answer: unknown) => {
      assert.ok(typeof answer === 'object' && answer !== null, `${name} is answered by no object`);
      return answer as Resolution;
    });
    return this.settlesSoon(response, `resolve('${name}')`);
  }

  /** Waits for what must settle soon. */
  async settlesSoon<T>(promise: Promise<T>, what: string): Promise<T> {
    const late = this.#wait(settleLimitMs).then(() =>
      assert.fail(
        `${what} did not settle within ${String(settleLimitMs)} ms; if it does I/O, give the suite a 'pause'`,
      ),
    );
    return Promise.race([promise, late]);
  }

  /** Waits until an assertion holds; fails as it fails if it does not soon. */
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

  /** Lets pass the time in which something that must not happen would happen. */
  async quietPeriod(): Promise<void> {
    await this.#wait(100);
  }

  async close(): Promise<void> {
    await (this.#subject.close ? this.#subject.close() : this.registry.close?.());
  }
}

/** Lets go on, again and again, who waits for nothing but promises. */
export async function flushPromises(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

/** Asserts that an answer is `bound` with exactly these endpoints, in any order. */
export function assertBound(
  name: string,
  resolution: Resolution | undefined,
  expected: readonly EndpointInit[],
): void {
  assert.ok(resolution, `the snapshot lacks ${name}`);
  if (resolution.kind !== 'bound') assert.fail(`${name} is ${resolution.kind}`);
  assert.ok(Array.isArray(resolution.endpoints), `${name} has no list of endpoints`);
  assert.deepEqual(normalizedEndpoints(resolution.endpoints, name), normalizedEndpoints(expected, name));
  assertTimes(name, resolution);
}

/** Asserts that an answer is `absent`. */
export function assertAbsent(name: string, resolution: Resolution): void {
  assert.equal(resolution.kind, 'absent', `${name} is ${resolution.kind}`);
  assertTimes(name, resolution);
}

/** Endpoints in full, in the order of their ids. */
export function normalizedEndpoints(endpoints: readonly unknown[], name: string): readonly Endpoint[] {
  const all = endpoints.map((endpoint) => toEndpoint(endpoint, name));
  return all
    .map((one) => ({ ...one, attributes: { ...one.attributes } }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** A snapshot as a map, without the names that it says are absent. */
export function presentEntries(snapshot: Snapshot): ReadonlyMap<string, Resolution> {
  const entries: Iterable<[string, Resolution]> =
    snapshot instanceof Map ? snapshot : Object.entries(snapshot);
  return new Map([...entries].filter(([, resolution]) => resolution.kind !== 'absent'));
}

function assertTimes(name: string, resolution: Resolution): void {
  const { ttlMs } = resolution;
  assert.ok(
    ttlMs === undefined || (typeof ttlMs === 'number' && ttlMs >= 0),
    `${name} has the ttlMs ${String(ttlMs)}`,
  );
  if (resolution.kind === 'link') return;
  const { revision } = resolution;
  assert.ok(
    revision === undefined || typeof revision === 'string',
    `${name} has a revision that is no string`,
  );
}
