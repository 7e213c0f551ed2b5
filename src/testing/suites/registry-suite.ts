import { strict as assert } from 'node:assert';
import { errorMessage } from '../../core/errors.js';
import { matches, parseGlob } from '../../core/glob.js';
import {
  assertBound,
  sampleContents,
  flushPromises,
  RegistryHarness,
  normalizedEndpoints,
  type RegistryCase,
  type RegistrySuiteOptions,
} from './registry-harness.js';
import { watchCases } from './registry-watch-suite.js';
import type { SuiteCase } from './suite-case.js';

/**
 * Conformance suite of a registry, for any test runner. The suite checks complete results, absent names, rejections on
 * failure, aborts, listings, searches and watches.
 *
 * @example
 * ```ts
 * const create = (contents) => ({ registry: myRegistry(contents) });
 * for (const { name, run } of registrySuite({ create, without: ['put', 'remove', 'fail'] })) test(name, run);
 * ```
 * @see [C1.4](../../../docs/guarantees.md#c1-4), [C1.5](../../../docs/guarantees.md#c1-5),
 * [C1.7](../../../docs/guarantees.md#c1-7)
 */
export function registrySuite({
  create,
  without = [],
  wait = flushPromises,
}: RegistrySuiteOptions): readonly SuiteCase[] {
  return [...resolveCases, ...queryCases, ...changeCases, ...watchCases]
    .filter(({ requires }) => requires?.some((ability) => without.includes(ability)) !== true)
    .map(({ name, run }) => ({
      name,
      run: async () => {
        const harness = new RegistryHarness(await create(sampleContents), wait);
        try {
          await run(harness);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          assert.fail(`the registry must not reject in this case: ${errorMessage(error)}`);
        } finally {
          await harness.close();
        }
      },
    }));
}

const unknownNames = [
  '/suite',
  '/suite/order',
  '/suite/orders2',
  '/suite/orders/us',
  '/suite/orders/eu/west',
  '/orders',
  '/constructor',
  '/suite/constructor',
  '/#suite/orders',
];

const resolveCases: readonly RegistryCase[] = [
  {
    name: 'resolves each service to all of its endpoints, with all fields',
    run: async (harness) => {
      for (const name of Object.keys(sampleContents)) await harness.assertBound(name);
    },
  },
  {
    name: 'resolves an unknown name to absent',
    run: async (harness) => {
      for (const name of unknownNames) await harness.assertAbsent(name);
    },
  },
  {
    name: 'resolves many names concurrently',
    run: async (harness) => {
      const names = [...Object.keys(sampleContents), ...unknownNames, ...Object.keys(sampleContents)];
      await Promise.all(
        names.map((name) =>
          name in sampleContents ? harness.assertBound(name) : harness.assertAbsent(name),
        ),
      );
    },
  },
  {
    name: 'returns all endpoints, even those in the list of suspects',
    run: async (harness) => {
      for (const suspects of [['orders-1'], ['orders-1', 'orders-2'], ['unknown']]) {
        const resolution = await harness.resolve('/suite/orders', suspects);
        assertBound('/suite/orders', resolution, sampleContents['/suite/orders'] ?? []);
      }
    },
  },
  {
    name: 'resolves to the same endpoints after a returned result was modified',
    run: async (harness) => {
      const resolution = await harness.resolve('/suite/orders');
      if (resolution.kind === 'bound') {
        // If the result is frozen, these statements change nothing, and the case passes.
        Reflect.set(resolution.endpoints, 0, 'http://127.0.0.1:1');
        Reflect.set(resolution.endpoints, 'length', 1);
        Reflect.set(resolution, 'kind', 'absent');
      }
      await harness.assertBound('/suite/orders');
    },
  },
  {
    name: 'settles soon after an abort, and still resolves other names',
    run: async (harness) => {
      const [before, during] = [new AbortController(), new AbortController()];
      before.abort(new Error('Aborted by the suite'));
      const settled = Promise.allSettled([
        harness.resolve('/suite/orders', [], before.signal),
        harness.resolve('/suite/unknown', [], during.signal),
      ]);
      during.abort(new Error('Aborted by the suite'));
      for (const result of await settled) {
        if (result.status === 'rejected' && result.reason instanceof assert.AssertionError)
          throw result.reason;
      }
      await harness.assertBound('/suite/orders');
    },
  },
];

const globs = [
  '/**',
  '/suite/*',
  '/suite/**',
  '/*/orders',
  '/**/eu',
  '/suite/or*',
  '/suite/orders',
  '/unknown/**',
];

const queryCases: readonly RegistryCase[] = [
  {
    name: 'lists exactly the names that match a glob',
    requires: ['list'],
    run: async (harness) => {
      const list = harness.method('list');
      for (const glob of globs) {
        const entries = await harness.settlesSoon(list(glob, openContext()), `list('${glob}')`);
        // A registry may also list directories, mounts and groups. Only services are compared.
        const services = entries.filter(
          ({ kind }) => kind !== 'directory' && kind !== 'mount' && kind !== 'group',
        );
        assert.deepEqual(services.map(({ name }) => name).sort(), namesMatching(glob), `list('${glob}')`);
        for (const { name, endpoints } of services) {
          const count = sampleContents[name]?.length;
          assert.equal(endpoints ?? count, count, `number of endpoints of ${name}`);
        }
      }
    },
  },
  {
    name: 'finds exactly the endpoints that match every key of the filter',
    requires: ['search'],
    run: async (harness) => {
      const search = harness.method('search');
      const found = async (
        glob: string,
        filter: Readonly<Record<string, string>>,
      ): Promise<Record<string, string[]>> => {
        const entries = await harness.settlesSoon(search(glob, filter, openContext()), `search('${glob}')`);
        return Object.fromEntries(entries.map(({ name, endpoints }) => [name, idsOf(endpoints)]));
      };
      assert.deepEqual(await found('/**', { zone: 'a' }), {
        '/suite/orders': ['orders-1'],
        '/suite/orders/eu': ['eu-1'],
      });
      assert.deepEqual(await found('/suite/*', { zone: 'a' }), { '/suite/orders': ['orders-1'] });
      assert.deepEqual(await found('/**', { tier: 'gold' }), { '/suite/orders': ['orders-1', 'orders-2'] });
      assert.deepEqual(await found('/**', { tier: 'gold', zone: 'b' }), { '/suite/orders': ['orders-2'] });
      assert.deepEqual(await found('/**', { host: 'host-1', version: '1.2.0' }), {
        '/suite/orders': ['orders-1'],
      });
      assert.deepEqual(await found('/**', { tier: 'silver' }), {});
      assert.deepEqual(await found('/**', { constructor: 'gold' }), {});
    },
  },
  ...(['list', 'search'] as const).map((ability) => ({
    name: `rejects ${ability} with an invalid glob`,
    requires: [ability],
    run: async (harness: RegistryHarness) => {
      for (const glob of ['', 'suite/*', '/suite/', '/suite/***', '/Suite/*', '/a*b*c*d*e*f*g*h*i*']) {
        const promise = Promise.resolve().then<unknown>(() =>
          ability === 'list'
            ? harness.method('list')(glob, openContext())
            : harness.method('search')(glob, { zone: 'a' }, openContext()),
        );
        await assert.rejects(
          harness.settlesSoon(promise, `${ability}('${glob}')`),
          (error) => !(error instanceof assert.AssertionError),
          glob,
        );
      }
    },
  })),
];

const changeCases: readonly RegistryCase[] = [
  {
    name: 'resolves to the new endpoints after a change, and to no old endpoint',
    requires: ['put'],
    run: async (harness) => {
      const put = harness.control('put');
      await harness.resolve('/suite/orders');
      await put('/suite/orders', [{ id: 'orders-9', address: 'http://127.0.0.1:3009' }]);
      await put('/suite/orders/eu', []);
      await put('/suite/new', [{ id: 'new-1', address: 'http://127.0.0.1:3010' }]);
      await harness.eventually(async () => {
        await harness.assertBound('/suite/orders', [{ id: 'orders-9', address: 'http://127.0.0.1:3009' }]);
        await harness.assertBound('/suite/orders/eu', []);
        await harness.assertBound('/suite/new', [{ id: 'new-1', address: 'http://127.0.0.1:3010' }]);
      });
      await harness.assertBound('/other/stock');
    },
  },
  {
    name: 'resolves a removed service to absent',
    requires: ['remove'],
    run: async (harness) => {
      await harness.control('remove')('/suite/orders');
      await harness.eventually(() => harness.assertAbsent('/suite/orders'));
      await harness.assertBound('/suite/orders/eu');
    },
  },
  {
    name: 'accepts health reports of known and unknown endpoints, and still returns all endpoints',
    run: async (harness) => {
      const { registry } = harness;
      if (registry.report === undefined) return;
      const verdict = 'unreachable';
      const opinions = [
        { name: '/suite/orders', id: 'orders-1', epoch: 3, verdict },
        { name: '/suite/orders', id: 'orders-2', epoch: 77, verdict },
        { name: '/suite/orders', id: 'unknown', epoch: 1, verdict },
        { name: '/suite/unknown', id: 'orders-1', epoch: 3, verdict },
      ] as const;
      const report = registry.report.bind(registry);
      await harness.settlesSoon(
        Promise.resolve().then(() => report({ clerk: 'suite', reports: opinions }, openContext())),
        'report()',
      );
      const resolution = await harness.resolve('/suite/orders');
      assert.deepEqual(resolution.kind === 'bound' && idsOf(resolution.endpoints), ['orders-1', 'orders-2']);
      await harness.assertAbsent('/suite/unknown');
    },
  },
  {
    name: 'rejects lookups while the backend fails, and resolves all endpoints again afterwards',
    requires: ['fail'],
    run: async (harness) => {
      const fail = harness.control('fail');
      await fail(true);
      for (const [name, endpoints] of [
        ...Object.entries(sampleContents),
        ['/suite/unknown', undefined] as const,
      ]) {
        const resolution = await harness.resolve(name).catch((error: unknown) => {
          if (error instanceof assert.AssertionError) throw error;
        });
        if (resolution === undefined) continue;
        assert.ok(
          endpoints,
          `the lookup of ${name} must reject while the backend fails; it resolved to '${resolution.kind}'`,
        );
        // A registry may return a cached result instead of rejecting. A cached result must be complete.
        assertBound(name, resolution, endpoints);
      }
      await fail(false);
      await harness.eventually(() => harness.assertBound('/suite/orders'));
    },
  },
];

function namesMatching(glob: string): readonly string[] {
  const pattern = parseGlob(glob);
  return Object.keys(sampleContents)
    .filter((name) => matches(pattern, name))
    .sort();
}

function idsOf(endpoints: readonly unknown[]): string[] {
  return normalizedEndpoints(endpoints, 'the registry suite').map(({ id }) => id);
}

function openContext(): { readonly signal: AbortSignal } {
  return { signal: new AbortController().signal };
}
