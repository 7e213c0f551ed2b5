import { setTimeout } from 'node:timers/promises';
import { AssertionError } from 'node:assert';
import { describe, expect, test } from 'vitest';
import type { BoundResolution, Registry, Resolution, Snapshot } from '../../src/core/registry.js';
import { firstOf } from '../../src/registry/first-of.js';
import { mount } from '../../src/registry/mount.js';
import { staticRegistry } from '../../src/registry/static-registry.js';
import { union } from '../../src/registry/union.js';
import { registrySuite } from '../../src/testing/suites/registry-suite.js';
import type {
  RegistryContents,
  RegistrySuiteOptions,
  RegistryUnderTest,
} from '../../src/testing/suites/registry-harness.js';
import { mutableRegistry } from './mutable-registry.js';

/** Contents in two parts: those for which `isFirst` is true, and the others. */
function split(
  contents: RegistryContents,
  isFirst: (name: string) => boolean,
): [RegistryContents, RegistryContents] {
  const entries = Object.entries(contents);
  return [
    Object.fromEntries(entries.filter(([name]) => isFirst(name))),
    Object.fromEntries(entries.filter(([name]) => !isFirst(name))),
  ];
}

/** Contents below a prefix, with names without the prefix. */
function below(prefix: string, contents: RegistryContents): RegistryContents {
  return Object.fromEntries(
    Object.entries(contents)
      .filter(([name]) => name.startsWith(`${prefix}/`))
      .map(([name, endpoints]) => [name.slice(prefix.length), endpoints]),
  );
}

const without = ['put', 'remove', 'fail'] as const;

const registries: Record<string, RegistrySuiteOptions> = {
  'static addresses': { create: (contents) => ({ registry: staticRegistry(contents) }), without },
  'a registry that changes': { create: mutableRegistry },
  'the same, in real time': { create: mutableRegistry, wait: setTimeout },
  'first-of over static parts': {
    create: (contents) => {
      const [a, b] = split(contents, (name) => name.endsWith('s'));
      return { registry: firstOf(a, { ...b, ...a }) };
    },
    without,
  },
  'first-of over parts that change and fail': {
    create: (contents) => {
      const [a, b] = split(contents, (name) => name.endsWith('s')).map(mutableRegistry) as [
        ReturnType<typeof mutableRegistry>,
        ReturnType<typeof mutableRegistry>,
      ];
      return {
        ...a,
        registry: firstOf(a.registry, b.registry),
        fail: (failing) => {
          a.fail(failing);
          b.fail(failing);
        },
      };
    },
  },
  'first-of with one part that fails': {
    create: (contents) => {
      const [a, b] = split(contents, (name) => name === '/suite/idle');
      const first = mutableRegistry(a);
      return { ...first, registry: firstOf(first.registry, b) };
    },
    without: ['put', 'remove'],
  },
  'a union of halves': {
    create: (contents) => {
      const halves = [0, 1].map((half) =>
        Object.fromEntries(
          Object.entries(contents).map(([name, endpoints]) => [
            name,
            endpoints.filter((_one, i) => i % 2 === half),
          ]),
        ),
      );
      return { registry: union(...halves) };
    },
    without,
  },
  'a union with a part that changes and fails': {
    create: (contents) => {
      const part = mutableRegistry(contents);
      return { ...part, registry: union({}, part.registry) };
    },
  },
  'mounts in one name space': {
    create: (contents) => ({
      registry: firstOf(
        mount('/suite', below('/suite', contents)),
        mount('/other', below('/other', contents)),
      ),
    }),
    without,
  },
  'a mount that changes and fails': {
    create: (contents) => {
      const part = mutableRegistry(below('/suite', contents));
      const inner = (name: string): string => name.slice('/suite'.length);
      return {
        registry: firstOf(
          mount('/suite', part.registry),
          split(contents, (name) => name === '/other/stock')[0],
        ),
        put: (name, endpoints) => part.put(inner(name), endpoints),
        remove: (name) => part.remove(inner(name)),
        fail: (failing) => part.fail(failing),
      };
    },
  },
};

for (const [what, options] of Object.entries(registries)) {
  describe(what, () => {
    for (const { name, run } of registrySuite(options)) test(name, run);
  });
}

/** Names of the cases that a registry fails. */
async function failures(options: RegistrySuiteOptions): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of registrySuite(options)) {
    await run().catch((error: unknown) => {
      if (!(error instanceof AssertionError)) throw error;
      failed.push(name);
    });
  }
  return failed;
}

/** A correct registry with one defect. */
function broken(
  spoil: (
    good: Required<Omit<Registry, 'start' | 'report'>>,
    under: RegistryUnderTest,
  ) => Partial<RegistryUnderTest> & { registry: Registry },
): RegistrySuiteOptions {
  return {
    create: (contents) => {
      const good = mutableRegistry(contents);
      return { ...good, ...spoil(good.registry, good) };
    },
  };
}

/** A correct registry whose responses are altered. */
function withResponses(
  change: (resolution: Resolution, name: string, suspects: ReadonlySet<string>) => unknown,
): RegistrySuiteOptions {
  return broken((good) => ({
    registry: {
      ...good,
      resolve: async (name, context) =>
        change(await good.resolve(name, context), name, context.suspects) as Resolution,
    },
  }));
}

/** A correct registry whose watches are altered. */
function watching(
  change: (good: Required<Omit<Registry, 'start' | 'report'>>) => Registry['watch'],
): RegistrySuiteOptions {
  return broken((good) => ({ registry: { ...good, watch: change(good) as NonNullable<Registry['watch']> } }));
}

const bound = (resolution: Resolution, change: (resolution: BoundResolution) => unknown): unknown =>
  resolution.kind === 'bound' ? change(resolution) : resolution;

const complete = 'resolves each service to all of its endpoints, with all fields';
const unknownName = 'resolves an unknown name to absent';
const backendFails = 'rejects lookups while the backend fails, and resolves all endpoints again afterwards';
const firstSnapshot = 'first delivers the complete snapshot, after watch() has returned';
const ended = 'delivers nothing to a stopped watch, even after an immediate or repeated stop';
const afterChange = 'delivers the complete snapshot after a change, to every watch';

const faults: Record<string, { readonly options: RegistrySuiteOptions; readonly failsCase: string }> = {
  'forgets an endpoint': {
    options: withResponses((r) => bound(r, (b) => ({ ...b, endpoints: b.endpoints.slice(0, 1) }))),
    failsCase: complete,
  },
  'forgets a zone': {
    options: withResponses((r) =>
      bound(r, (b) => ({ ...b, endpoints: b.endpoints.map((e) => ({ ...(e as object), zone: 'x' })) })),
    ),
    failsCase: complete,
  },
  'reports an empty service as absent': {
    options: withResponses((r) => bound(r, (b) => (b.endpoints.length === 0 ? { kind: 'absent' } : b))),
    failsCase: complete,
  },
  'returns a ttlMs of NaN': { options: withResponses((r) => ({ ...r, ttlMs: NaN })), failsCase: complete },
  'returns a revision that is a number': {
    options: withResponses((r) => bound(r, (b) => ({ ...b, revision: 7 }))),
    failsCase: complete,
  },
  'returns undefined': { options: withResponses(() => undefined), failsCase: complete },
  'resolves prefixes': {
    options: withResponses((r, name) =>
      r.kind === 'absent' && name === '/suite/orders/us' ? { kind: 'bound', endpoints: [] } : r,
    ),
    failsCase: unknownName,
  },
  'rejects unknown names': {
    options: withResponses((r, name) => {
      if (r.kind === 'absent') throw new AssertionError({ message: `No ${name}` });
      return r;
    }),
    failsCase: unknownName,
  },
  'finds names like constructor': {
    options: withResponses((r, name) =>
      name.endsWith('/constructor') ? { kind: 'bound', endpoints: [] } : r,
    ),
    failsCase: unknownName,
  },
  'mixes up concurrent lookups': {
    options: broken((good) => {
      let last = '';
      return {
        registry: {
          ...good,
          resolve: async (name, context) => {
            last = name;
            await Promise.resolve();
            return good.resolve(last, context);
          },
        },
      };
    }),
    failsCase: 'resolves many names concurrently',
  },
  'leaves out suspects': {
    options: withResponses((r, _name, suspects) =>
      bound(r, (b) => ({
        ...b,
        endpoints: b.endpoints.filter((e) => !suspects.has((e as { id: string }).id)),
      })),
    ),
    failsCase: 'returns all endpoints, even those in the list of suspects',
  },
  'returns its own state': {
    options: broken((good) => {
      const cached = new Map<string, Resolution>();
      return {
        registry: {
          ...good,
          resolve: async (name, context) => {
            const fresh = await good.resolve(name, context);
            if (fresh.kind !== 'bound') return fresh;
            const resolution = cached.get(name) ?? { ...fresh, endpoints: [...fresh.endpoints] };
            cached.set(name, resolution);
            return resolution;
          },
        },
      };
    }),
    failsCase: 'resolves to the same endpoints after a returned result was modified',
  },
  'hangs when it is aborted': {
    options: broken((good) => ({
      registry: {
        ...good,
        resolve: async (name, context) => {
          await Promise.resolve();
          return context.signal.aborted ? new Promise<never>(() => {}) : good.resolve(name, context);
        },
      },
    })),
    failsCase: 'settles soon after an abort, and still resolves other names',
  },
  'lists too many names': {
    options: broken((good) => ({
      registry: { ...good, list: (_glob, context) => good.list('/**', context) },
    })),
    failsCase: 'lists exactly the names that match a glob',
  },
  'counts endpoints wrongly': {
    options: broken((good) => ({
      registry: {
        ...good,
        list: async (glob, context) =>
          (await good.list(glob, context)).map((entry) => ({ ...entry, endpoints: 9 })),
      },
    })),
    failsCase: 'lists exactly the names that match a glob',
  },
  'cannot list': {
    options: broken(({ list: _list, ...good }) => ({ registry: good })),
    failsCase: 'lists exactly the names that match a glob',
  },
  'accepts an invalid glob in list': {
    options: broken((good) => ({
      registry: { ...good, list: (glob, context) => good.list(glob, context).catch(() => []) },
    })),
    failsCase: 'rejects list with an invalid glob',
  },
  'accepts an invalid glob in search': {
    options: broken((good) => ({
      registry: {
        ...good,
        search: (glob, filter, context) => good.search(glob, filter, context).catch(() => []),
      },
    })),
    failsCase: 'rejects search with an invalid glob',
  },
  'uses one filter attribute only': {
    options: broken((good) => ({
      registry: {
        ...good,
        search: (glob, filter, context) =>
          good.search(glob, Object.fromEntries(Object.entries(filter).slice(0, 1)), context),
      },
    })),
    failsCase: 'finds exactly the endpoints that match every key of the filter',
  },
  'never updates a resolution': {
    options: broken((good) => {
      const cached = new Map<string, Resolution>();
      return {
        registry: {
          ...good,
          resolve: async (name, context) => {
            const resolution = cached.get(name) ?? (await good.resolve(name, context));
            cached.set(name, resolution);
            return resolution;
          },
        },
      };
    }),
    failsCase: 'resolves to the new endpoints after a change, and to no old endpoint',
  },
  'does not remove': {
    options: broken(() => ({ remove: () => {} }) as never),
    failsCase: 'resolves a removed service to absent',
  },
  'reports absent when it is down': {
    options: broken((good) => ({
      registry: {
        ...good,
        resolve: (name, context) =>
          Promise.resolve(good.resolve(name, context)).catch(() => ({ kind: 'absent' })),
      },
    })),
    failsCase: backendFails,
  },
  'reports no endpoints when it is down': {
    options: broken((good) => ({
      registry: {
        ...good,
        resolve: (name, context) =>
          Promise.resolve(good.resolve(name, context)).catch(() => ({ kind: 'bound', endpoints: [] })),
      },
    })),
    failsCase: backendFails,
  },
  'stays down': {
    options: broken((good, under) => {
      let hadFailed = false;
      return {
        registry: good,
        fail: (failing) => {
          hadFailed ||= failing;
          return under.fail?.(hadFailed);
        },
      };
    }),
    failsCase: backendFails,
  },
  'calls back from within watch': {
    options: watching((good) => (glob, onSnapshot, onError) => {
      onSnapshot({});
      return good.watch(glob, onSnapshot, onError);
    }),
    failsCase: firstSnapshot,
  },
  'watches everything': {
    options: watching((good) => (_glob, onSnapshot, onError) => good.watch('/**', onSnapshot, onError)),
    failsCase: firstSnapshot,
  },
  'starts with a partial snapshot': {
    options: watching(
      (good) => (glob, onSnapshot, onError) =>
        good.watch(
          glob,
          (snapshot) => {
            onSnapshot(new Map([...(snapshot as ReadonlyMap<string, Resolution>)].slice(0, 1)));
            onSnapshot(snapshot);
          },
          onError,
        ),
    ),
    failsCase: firstSnapshot,
  },
  'never reports a snapshot': { options: watching(() => () => () => {}), failsCase: firstSnapshot },
  'returns no function that ends a watch': {
    options: watching(
      (good) =>
        ((glob: string, onSnapshot: (snapshot: Snapshot) => void) =>
          void good.watch(glob, onSnapshot)) as never,
    ),
    failsCase: firstSnapshot,
  },
  'reports after the end': {
    options: watching((good) => (glob, onSnapshot, onError) => {
      good.watch(glob, onSnapshot, onError);
      return () => {};
    }),
    failsCase: ended,
  },
  'cannot be ended twice': {
    options: watching((good) => (glob, onSnapshot, onError) => {
      const stop = good.watch(glob, onSnapshot, onError);
      let stopped = false;
      return () => {
        if (stopped) throw new AssertionError({ message: 'Ended twice' });
        stopped = true;
        stop();
      };
    }),
    failsCase: ended,
  },
  'reports only the first snapshot': {
    options: watching((good) => (glob, onSnapshot, onError) => {
      const stop = good.watch(
        glob,
        (snapshot) => {
          stop();
          onSnapshot(snapshot);
        },
        onError,
      );
      return stop;
    }),
    failsCase: afterChange,
  },
  'reports differences': {
    options: watching((good) => (glob, onSnapshot, onError) => {
      let before = new Map<string, string>();
      return good.watch(
        glob,
        (snapshot) => {
          const now = new Map([...(snapshot as ReadonlyMap<string, Resolution>)]);
          onSnapshot(
            new Map([...now].filter(([name, resolution]) => before.get(name) !== JSON.stringify(resolution))),
          );
          before = new Map([...now].map(([name, resolution]) => [name, JSON.stringify(resolution)]));
        },
        onError,
      );
    }),
    failsCase: afterChange,
  },
  'keeps removed names': {
    options: watching((good) => (glob, onSnapshot, onError) => {
      const all = new Map<string, Resolution>();
      return good.watch(
        glob,
        (snapshot) => {
          for (const [name, resolution] of snapshot as ReadonlyMap<string, Resolution>)
            all.set(name, resolution);
          onSnapshot(new Map(all));
        },
        onError,
      );
    }),
    failsCase: 'adds a new service to the snapshot, and omits a removed service',
  },
  'reports an empty snapshot when it is down': {
    options: watching((good) => (glob, onSnapshot) => good.watch(glob, onSnapshot, () => onSnapshot({}))),
    failsCase: 'never delivers an empty snapshot while the backend fails',
  },
};

for (const [fault, { options, failsCase }] of Object.entries(faults)) {
  test(`the suite detects a registry that ${fault}`, async () => {
    expect(await failures(options)).toContain(failsCase);
  });
}

test('cases of operations that a registry lacks are left out, and no others', () => {
  const names = (without: RegistrySuiteOptions['without'] = []): string[] =>
    registrySuite({ create: mutableRegistry, without }).map(({ name }) => name);
  const few = names(['watch', 'list']);
  expect(names().filter((name) => !few.includes(name))).toEqual([
    'lists exactly the names that match a glob',
    'rejects list with an invalid glob',
    firstSnapshot,
    ended,
    afterChange,
    'adds a new service to the snapshot, and omits a removed service',
    'never delivers an empty snapshot while the backend fails',
  ]);
  expect(new Set(names()).size).toBe(names().length);
});

test('every case closes its registry, also when it fails', async () => {
  const made: ReturnType<typeof mutableRegistry>[] = [];
  await failures({
    create: (contents) => {
      const one = mutableRegistry(contents);
      made.push(one);
      return { ...one, registry: { ...one.registry, resolve: () => ({ kind: 'absent' }) } };
    },
  });
  expect(made.length).toBeGreaterThan(10);
  expect(made.map((one) => one.closeCount())).toEqual(made.map(() => 1));
});
