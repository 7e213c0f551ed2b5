/**
 * What every registry must hold, one of your own too: whole answers, absent as an answer and failure as a rejection,
 * an end soon after an abort, lists and searches of exactly what fits, and watches that tell everything and then keep
 * their word.
 */
import { strict as assert } from 'node:assert';
import { errorMessage } from '../../core/errors.js';
import { matches, parseGlob } from '../../core/glob.js';
import {
  assertAbsent,
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
 * The contract of a registry, to be run in any test runner.
 *
 * @example
 * ```ts
 * const create = (contents) => ({ registry: myRegistry(contents) });
 * for (const { name, run } of registrySuite({ create, without: ['put', 'remove', 'fail'] })) test(name, run);
 * ```
 * @see promises C1.4, C1.5, C1.7
 */
export function registrySuite({
  create,
  without = [],
  wait = flushPromises,
}: RegistrySuiteOptions): readonly SuiteCase[] {
  return [...resolveCases, ...queryCases, ...changeCases, ...watchCases]
    .filter(({ requires }) => !requires.some((ability) => without.includes(ability)))
    .map(({ name, run }) => ({
      name,
      run: async () => {
        const trial = new RegistryHarness(await create(sampleContents), wait);
        try {
          await run(trial);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          assert.fail(`the registry failed where it should not: ${errorMessage(error)}`);
        } finally {
          await trial.close();
        }
      },
    }));
}

/** Names that are not there, though something like them is. */
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
    name: 'knows each service with all of its endpoints, in full',
    requires: [],
    run: async (trial) => {
      for (const [name, endpoints] of Object.entries(sampleContents))
        assertBound(name, await trial.resolve(name), endpoints);
    },
  },
  {
    name: 'says absent of a name that is not there, and does not fail',
    requires: [],
    run: async (trial) => {
      for (const name of unknownNames) assertAbsent(name, await trial.resolve(name));
    },
  },
  {
    name: 'answers many questions at once, each with its own answer',
    requires: [],
    run: async (trial) => {
      const names = [...Object.keys(sampleContents), ...unknownNames, ...Object.keys(sampleContents)];
      const answers = await Promise.all(
        names.map(async (name) => [name, await trial.resolve(name)] as const),
      );
      for (const [name, answer] of answers) {
        const endpoints = sampleContents[name];
        if (endpoints === undefined) assertAbsent(name, answer);
        else assertBound(name, answer, endpoints);
      }
    },
  },
  {
    name: 'takes suspects for a hint: the set stays whole',
    requires: [],
    run: async (trial) => {
      for (const suspects of [['orders-1'], ['orders-1', 'orders-2'], ['nobody']]) {
        assertBound(
          '/suite/orders',
          await trial.resolve('/suite/orders', suspects),
          sampleContents['/suite/orders'] ?? [],
        );
      }
    },
  },
  {
    name: 'is not changed by what is done to its answers',
    requires: [],
    run: async (trial) => {
      const answer = await trial.resolve('/suite/orders');
      if (answer.kind === 'bound') {
        // A frozen answer refuses, which is as good.
        Reflect.set(answer.endpoints, 0, 'http://127.0.0.1:1');
        Reflect.set(answer.endpoints, 'length', 1);
        Reflect.set(answer, 'kind', 'absent');
      }
      assertBound(
        '/suite/orders',
        await trial.resolve('/suite/orders'),
        sampleContents['/suite/orders'] ?? [],
      );
    },
  },
  {
    name: 'settles soon after a question was aborted, and goes on answering others',
    requires: [],
    run: async (trial) => {
      const [before, during] = [new AbortController(), new AbortController()];
      before.abort(new Error('Nobody waits any more'));
      const settled = Promise.allSettled([
        trial.resolve('/suite/orders', [], before.signal),
        trial.resolve('/suite/nobody', [], during.signal),
      ]);
      during.abort(new Error('Nobody waits any more'));
      for (const result of await settled) {
        if (result.status === 'rejected' && result.reason instanceof assert.AssertionError)
          throw result.reason;
      }
      assertBound(
        '/suite/orders',
        await trial.resolve('/suite/orders'),
        sampleContents['/suite/orders'] ?? [],
      );
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
  '/nobody/**',
];

const queryCases: readonly RegistryCase[] = [
  {
    name: 'lists exactly the names that a glob fits',
    requires: ['list'],
    run: async (trial) => {
      const list = trial.method('list');
      for (const glob of globs) {
        const entries = await trial.settlesSoon(list(glob, openContext()), `list('${glob}')`);
        // Directories on the way may be listed beside what is in them.
        const services = entries.filter(({ kind }) => kind !== 'directory' && kind !== 'mount');
        assert.deepEqual(services.map(({ name }) => name).sort(), namesMatching(glob), `list('${glob}')`);
        for (const { name, endpoints } of services) {
          assert.equal(
            endpoints ?? sampleContents[name]?.length,
            sampleContents[name]?.length,
            `number of endpoints of ${name}`,
          );
        }
      }
    },
  },
  {
    name: 'searches by zone, host, version and attributes, and gives the endpoints that fit all of it',
    requires: ['search'],
    run: async (trial) => {
      const search = trial.method('search');
      const found = async (
        glob: string,
        filter: Readonly<Record<string, string>>,
      ): Promise<Record<string, string[]>> => {
        const entries = await trial.settlesSoon(search(glob, filter, openContext()), `search('${glob}')`);
        return Object.fromEntries(
          entries.map(({ name, endpoints }) => [
            name,
            normalizedEndpoints(endpoints, name).map(({ id }) => id),
          ]),
        );
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
    name: `does not ${ability} by a glob that breaks the rules, but rejects`,
    requires: [ability],
    run: async (trial: RegistryHarness) => {
      for (const glob of ['', 'suite/*', '/suite/', '/suite/***', '/Suite/*', '/a*b*c*d*e*f*g*h*i*']) {
        const asked = Promise.resolve().then<unknown>(() =>
          ability === 'list'
            ? trial.method('list')(glob, openContext())
            : trial.method('search')(glob, { zone: 'a' }, openContext()),
        );
        await assert.rejects(
          trial.settlesSoon(asked, `${ability}('${glob}')`),
          (error) => !(error instanceof assert.AssertionError),
          glob,
        );
      }
    },
  })),
];

const changeCases: readonly RegistryCase[] = [
  {
    name: 'answers with the new set after a change, and with nothing of the old one',
    requires: ['put'],
    run: async (trial) => {
      const put = trial.control('put');
      await trial.resolve('/suite/orders');
      await put('/suite/orders', [{ id: 'orders-9', address: 'http://127.0.0.1:3009' }]);
      await put('/suite/orders/eu', []);
      await put('/suite/new', [{ id: 'new-1', address: 'http://127.0.0.1:3010' }]);
      await trial.eventually(async () => {
        assertBound('/suite/orders', await trial.resolve('/suite/orders'), [
          { id: 'orders-9', address: 'http://127.0.0.1:3009' },
        ]);
        assertBound('/suite/orders/eu', await trial.resolve('/suite/orders/eu'), []);
        assertBound('/suite/new', await trial.resolve('/suite/new'), [
          { id: 'new-1', address: 'http://127.0.0.1:3010' },
        ]);
      });
      assertBound('/other/stock', await trial.resolve('/other/stock'), sampleContents['/other/stock'] ?? []);
    },
  },
  {
    name: 'says absent of a service that was removed',
    requires: ['remove'],
    run: async (trial) => {
      await trial.control('remove')('/suite/orders');
      await trial.eventually(async () => assertAbsent('/suite/orders', await trial.resolve('/suite/orders')));
      assertBound(
        '/suite/orders/eu',
        await trial.resolve('/suite/orders/eu'),
        sampleContents['/suite/orders/eu'] ?? [],
      );
    },
  },
  {
    name: 'hears what is said of endpoints, known or not, if it hears it at all, and goes on naming all of them',
    requires: [],
    run: async (trial) => {
      const { registry } = trial;
      if (registry.report === undefined) return;
      const verdict = 'unreachable';
      const opinions = [
        { name: '/suite/orders', id: 'orders-1', epoch: 3, verdict },
        { name: '/suite/orders', id: 'orders-2', epoch: 77, verdict },
        { name: '/suite/orders', id: 'nobody', epoch: 1, verdict },
        { name: '/suite/nobody', id: 'orders-1', epoch: 3, verdict },
      ] as const;
      const report = registry.report.bind(registry);
      await trial.settlesSoon(
        Promise.resolve().then(() => report({ clerk: 'suite', reports: opinions }, openContext())),
        'report()',
      );
      const answer = await trial.resolve('/suite/orders');
      const ids =
        answer.kind === 'bound'
          ? normalizedEndpoints(answer.endpoints, '/suite/orders').map(({ id }) => id)
          : [];
      assert.deepEqual(ids, ['orders-1', 'orders-2']);
      assertAbsent('/suite/nobody', await trial.resolve('/suite/nobody'));
    },
  },
  {
    name: 'rejects while it cannot tell, never says absent or less than it knows, and answers again afterwards',
    requires: ['fail'],
    run: async (trial) => {
      const fail = trial.control('fail');
      await fail(true);
      for (const [name, endpoints] of [
        ...Object.entries(sampleContents),
        ['/suite/nobody', undefined] as const,
      ]) {
        const answer = await trial.resolve(name).catch((error: unknown) => {
          if (error instanceof assert.AssertionError) throw error;
        });
        if (answer === undefined) continue;
        assert.ok(endpoints, `${name} is ${answer.kind}, says a registry that cannot tell`);
        // What it remembers in full it may say.
        assertBound(name, answer, endpoints);
      }
      await fail(false);
      await trial.eventually(async () =>
        assertBound(
          '/suite/orders',
          await trial.resolve('/suite/orders'),
          sampleContents['/suite/orders'] ?? [],
        ),
      );
    },
  },
];

function namesMatching(glob: string): readonly string[] {
  const pattern = parseGlob(glob);
  return Object.keys(sampleContents)
    .filter((name) => matches(pattern, name))
    .sort();
}

function openContext(): { readonly signal: AbortSignal } {
  return { signal: new AbortController().signal };
}
