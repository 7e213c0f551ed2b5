/**
 * What every registry must hold, one of your own too: whole answers, absent as an answer and failure as a rejection,
 * an end soon after an abort, lists and searches of exactly what fits, and watches that tell everything and then keep
 * their word.
 */
import { strict as assert } from 'node:assert';
import { reasonOf } from '../core/errors.js';
import { matches, parseGlob } from '../core/glob.js';
import {
  assertAbsent,
  assertBound,
  contents,
  promisesOnly,
  Trial,
  written,
  type RegistryCase,
  type RegistrySuiteOptions,
} from './registry-under-test.js';
import { watchCases } from './registry-watch-suite.js';
import type { SuiteCase } from './suite.js';

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
  pause = promisesOnly,
}: RegistrySuiteOptions): readonly SuiteCase[] {
  return [...answerCases, ...questionCases, ...changeCases, ...watchCases]
    .filter(({ needs }) => !needs.some((ability) => without.includes(ability)))
    .map(({ name, run }) => ({
      name,
      run: async () => {
        const trial = new Trial(await create(contents), pause);
        try {
          await run(trial);
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          assert.fail(`the registry failed where it should not: ${reasonOf(error)}`);
        } finally {
          await trial.close();
        }
      },
    }));
}

/** Names that are not there, though something like them is. */
const strangers = [
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

const answerCases: readonly RegistryCase[] = [
  {
    name: 'knows each service with all of its endpoints, in full',
    needs: [],
    run: async (trial) => {
      for (const [name, endpoints] of Object.entries(contents))
        assertBound(name, await trial.resolve(name), endpoints);
    },
  },
  {
    name: 'says absent of a name that is not there, and does not fail',
    needs: [],
    run: async (trial) => {
      for (const name of strangers) assertAbsent(name, await trial.resolve(name));
    },
  },
  {
    name: 'answers many questions at once, each with its own answer',
    needs: [],
    run: async (trial) => {
      const names = [...Object.keys(contents), ...strangers, ...Object.keys(contents)];
      const answers = await Promise.all(
        names.map(async (name) => [name, await trial.resolve(name)] as const),
      );
      for (const [name, answer] of answers) {
        const endpoints = contents[name];
        if (endpoints === undefined) assertAbsent(name, answer);
        else assertBound(name, answer, endpoints);
      }
    },
  },
  {
    name: 'takes suspects for a hint: the set stays whole',
    needs: [],
    run: async (trial) => {
      for (const suspects of [['orders-1'], ['orders-1', 'orders-2'], ['nobody']]) {
        assertBound(
          '/suite/orders',
          await trial.resolve('/suite/orders', suspects),
          contents['/suite/orders'] ?? [],
        );
      }
    },
  },
  {
    name: 'is not changed by what is done to its answers',
    needs: [],
    run: async (trial) => {
      const answer = await trial.resolve('/suite/orders');
      if (answer.kind === 'bound') {
        // A frozen answer refuses, which is as good.
        Reflect.set(answer.endpoints, 0, 'http://127.0.0.1:1');
        Reflect.set(answer.endpoints, 'length', 1);
        Reflect.set(answer, 'kind', 'absent');
      }
      assertBound('/suite/orders', await trial.resolve('/suite/orders'), contents['/suite/orders'] ?? []);
    },
  },
  {
    name: 'settles soon after a question was aborted, and goes on answering others',
    needs: [],
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
      assertBound('/suite/orders', await trial.resolve('/suite/orders'), contents['/suite/orders'] ?? []);
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

const questionCases: readonly RegistryCase[] = [
  {
    name: 'lists exactly the names that a glob fits',
    needs: ['list'],
    run: async (trial) => {
      const list = trial.need('list');
      for (const glob of globs) {
        const entries = await trial.soon(list(glob, anybody()), `list('${glob}')`);
        // Directories on the way may be listed beside what is in them.
        const services = entries.filter(({ kind }) => kind !== 'directory' && kind !== 'mount');
        assert.deepEqual(services.map(({ name }) => name).sort(), fitting(glob), `list('${glob}')`);
        for (const { name, endpoints } of services) {
          assert.equal(
            endpoints ?? contents[name]?.length,
            contents[name]?.length,
            `number of endpoints of ${name}`,
          );
        }
      }
    },
  },
  {
    name: 'searches by zone, host, version and attributes, and gives the endpoints that fit all of it',
    needs: ['search'],
    run: async (trial) => {
      const search = trial.need('search');
      const found = async (
        glob: string,
        filter: Readonly<Record<string, string>>,
      ): Promise<Record<string, string[]>> => {
        const entries = await trial.soon(search(glob, filter, anybody()), `search('${glob}')`);
        return Object.fromEntries(
          entries.map(({ name, endpoints }) => [name, written(endpoints, name).map(({ id }) => id)]),
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
    needs: [ability],
    run: async (trial: Trial) => {
      for (const glob of ['', 'suite/*', '/suite/', '/suite/***', '/Suite/*', '/a*b*c*d*e*f*g*h*i*']) {
        const asked = Promise.resolve().then<unknown>(() =>
          ability === 'list'
            ? trial.need('list')(glob, anybody())
            : trial.need('search')(glob, { zone: 'a' }, anybody()),
        );
        await assert.rejects(
          trial.soon(asked, `${ability}('${glob}')`),
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
    needs: ['put'],
    run: async (trial) => {
      const put = trial.lever('put');
      await trial.resolve('/suite/orders');
      await put('/suite/orders', [{ id: 'orders-9', address: 'http://127.0.0.1:3009' }]);
      await put('/suite/orders/eu', []);
      await put('/suite/new', [{ id: 'new-1', address: 'http://127.0.0.1:3010' }]);
      await trial.until(async () => {
        assertBound('/suite/orders', await trial.resolve('/suite/orders'), [
          { id: 'orders-9', address: 'http://127.0.0.1:3009' },
        ]);
        assertBound('/suite/orders/eu', await trial.resolve('/suite/orders/eu'), []);
        assertBound('/suite/new', await trial.resolve('/suite/new'), [
          { id: 'new-1', address: 'http://127.0.0.1:3010' },
        ]);
      });
      assertBound('/other/stock', await trial.resolve('/other/stock'), contents['/other/stock'] ?? []);
    },
  },
  {
    name: 'says absent of a service that was removed',
    needs: ['remove'],
    run: async (trial) => {
      await trial.lever('remove')('/suite/orders');
      await trial.until(async () => assertAbsent('/suite/orders', await trial.resolve('/suite/orders')));
      assertBound(
        '/suite/orders/eu',
        await trial.resolve('/suite/orders/eu'),
        contents['/suite/orders/eu'] ?? [],
      );
    },
  },
  {
    name: 'hears what is said of endpoints, known or not, if it hears it at all, and goes on naming all of them',
    needs: [],
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
      await trial.soon(
        Promise.resolve().then(() => report({ clerk: 'suite', opinions }, anybody())),
        'report()',
      );
      const answer = await trial.resolve('/suite/orders');
      const ids =
        answer.kind === 'bound' ? written(answer.endpoints, '/suite/orders').map(({ id }) => id) : [];
      assert.deepEqual(ids, ['orders-1', 'orders-2']);
      assertAbsent('/suite/nobody', await trial.resolve('/suite/nobody'));
    },
  },
  {
    name: 'rejects while it cannot tell, never says absent or less than it knows, and answers again afterwards',
    needs: ['fail'],
    run: async (trial) => {
      const fail = trial.lever('fail');
      await fail(true);
      for (const [name, endpoints] of [...Object.entries(contents), ['/suite/nobody', undefined] as const]) {
        const answer = await trial.resolve(name).catch((error: unknown) => {
          if (error instanceof assert.AssertionError) throw error;
        });
        if (answer === undefined) continue;
        assert.ok(endpoints, `${name} is ${answer.kind}, says a registry that cannot tell`);
        // What it remembers in full it may say.
        assertBound(name, answer, endpoints);
      }
      await fail(false);
      await trial.until(async () =>
        assertBound('/suite/orders', await trial.resolve('/suite/orders'), contents['/suite/orders'] ?? []),
      );
    },
  },
];

function fitting(glob: string): readonly string[] {
  const pattern = parseGlob(glob);
  return Object.keys(contents)
    .filter((name) => matches(pattern, name))
    .sort();
}

function anybody(): { readonly signal: AbortSignal } {
  return { signal: new AbortController().signal };
}
