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

/** Contents in two: what `isFirst` says, and the rest. */
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

/** Contents of the names below a prefix, without it. */
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

/** Names of the cases that a registry does not hold. */
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

/** A good registry with something wrong done to it. */
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

/** A good registry whose answers are changed on their way out. */
function answering(
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

/** A good registry whose watches are changed. */
function watching(
  change: (good: Required<Omit<Registry, 'start' | 'report'>>) => Registry['watch'],
): RegistrySuiteOptions {
  return broken((good) => ({ registry: { ...good, watch: change(good) as NonNullable<Registry['watch']> } }));
}

const bound = (resolution: Resolution, change: (answer: BoundResolution) => unknown): unknown =>
  resolution.kind === 'bound' ? change(resolution) : resolution;

const whole = 'knows each service with all of its endpoints, in full';
const stranger = 'says absent of a name that is not there, and does not fail';
const cannotTell =
  'rejects while it cannot tell, never says absent or less than it knows, and answers again afterwards';
const firstSnapshot = 'first gives the whole snapshot of a watch, not from within the call';
const ended = 'gives nothing more once a watch was ended, however often and soon';
const afterChange = 'gives the whole snapshot after a change, also of what did not change, to every watch';

const faults: Record<string, { readonly options: RegistrySuiteOptions; readonly notices: string }> = {
  'forgets an endpoint': {
    options: answering((r) => bound(r, (b) => ({ ...b, endpoints: b.endpoints.slice(0, 1) }))),
    notices: whole,
  },
  'forgets a zone': {
    options: answering((r) =>
      bound(r, (b) => ({ ...b, endpoints: b.endpoints.map((e) => ({ ...(e as object), zone: 'x' })) })),
    ),
    notices: whole,
  },
  'takes nobody there for no such name': {
    options: answering((r) => bound(r, (b) => (b.endpoints.length === 0 ? { kind: 'absent' } : b))),
    notices: whole,
  },
  'gives a time that is no number': { options: answering((r) => ({ ...r, ttlMs: NaN })), notices: whole },
  'gives a revision that is a number': {
    options: answering((r) => bound(r, (b) => ({ ...b, revision: 7 }))),
    notices: whole,
  },
  'gives nothing at all': { options: answering(() => undefined), notices: whole },
  'answers a prefix': {
    options: answering((r, name) =>
      r.kind === 'absent' && name === '/suite/orders/us' ? { kind: 'bound', endpoints: [] } : r,
    ),
    notices: stranger,
  },
  'rejects unknown names': {
    options: answering((r, name) => {
      if (r.kind === 'absent') throw new AssertionError({ message: `No ${name}` });
      return r;
    }),
    notices: stranger,
  },
  'finds its own constructor': {
    options: answering((r, name) => (name.endsWith('/constructor') ? { kind: 'bound', endpoints: [] } : r)),
    notices: stranger,
  },
  'mixes up concurrent questions': {
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
    notices: 'answers many questions at once, each with its own answer',
  },
  'leaves out suspects': {
    options: answering((r, _name, suspects) =>
      bound(r, (b) => ({
        ...b,
        endpoints: b.endpoints.filter((e) => !suspects.has((e as { id: string }).id)),
      })),
    ),
    notices: 'takes suspects for a hint: the set stays whole',
  },
  'hands out its own state': {
    options: broken((good) => {
      const kept = new Map<string, Resolution>();
      return {
        registry: {
          ...good,
          resolve: async (name, context) => {
            const fresh = await good.resolve(name, context);
            if (fresh.kind !== 'bound') return fresh;
            const answer = kept.get(name) ?? { ...fresh, endpoints: [...fresh.endpoints] };
            kept.set(name, answer);
            return answer;
          },
        },
      };
    }),
    notices: 'is not changed by what is done to its answers',
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
    notices: 'settles soon after a question was aborted, and goes on answering others',
  },
  'lists too much': {
    options: broken((good) => ({
      registry: { ...good, list: (_glob, context) => good.list('/**', context) },
    })),
    notices: 'lists exactly the names that a glob fits',
  },
  'counts wrongly': {
    options: broken((good) => ({
      registry: {
        ...good,
        list: async (glob, context) =>
          (await good.list(glob, context)).map((entry) => ({ ...entry, endpoints: 9 })),
      },
    })),
    notices: 'lists exactly the names that a glob fits',
  },
  'cannot list': {
    options: broken(({ list: _list, ...good }) => ({ registry: good })),
    notices: 'lists exactly the names that a glob fits',
  },
  'lists nothing for a bad glob': {
    options: broken((good) => ({
      registry: { ...good, list: (glob, context) => good.list(glob, context).catch(() => []) },
    })),
    notices: 'does not list by a glob that breaks the rules, but rejects',
  },
  'searches nothing for a bad glob': {
    options: broken((good) => ({
      registry: {
        ...good,
        search: (glob, filter, context) => good.search(glob, filter, context).catch(() => []),
      },
    })),
    notices: 'does not search by a glob that breaks the rules, but rejects',
  },
  'searches by one word only': {
    options: broken((good) => ({
      registry: {
        ...good,
        search: (glob, filter, context) =>
          good.search(glob, Object.fromEntries(Object.entries(filter).slice(0, 1)), context),
      },
    })),
    notices: 'searches by zone, host, version and attributes, and gives the endpoints that fit all of it',
  },
  'remembers the first answer': {
    options: broken((good) => {
      const kept = new Map<string, Resolution>();
      return {
        registry: {
          ...good,
          resolve: async (name, context) => {
            const answer = kept.get(name) ?? (await good.resolve(name, context));
            kept.set(name, answer);
            return answer;
          },
        },
      };
    }),
    notices: 'answers with the new set after a change, and with nothing of the old one',
  },
  'does not remove': {
    options: broken(() => ({ remove: () => {} }) as never),
    notices: 'says absent of a service that was removed',
  },
  'says absent when it is down': {
    options: broken((good) => ({
      registry: {
        ...good,
        resolve: (name, context) =>
          Promise.resolve(good.resolve(name, context)).catch(() => ({ kind: 'absent' })),
      },
    })),
    notices: cannotTell,
  },
  'says nobody is there when it is down': {
    options: broken((good) => ({
      registry: {
        ...good,
        resolve: (name, context) =>
          Promise.resolve(good.resolve(name, context)).catch(() => ({ kind: 'bound', endpoints: [] })),
      },
    })),
    notices: cannotTell,
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
    notices: cannotTell,
  },
  'calls back from within watch': {
    options: watching((good) => (glob, onSnapshot, onError) => {
      onSnapshot({});
      return good.watch(glob, onSnapshot, onError);
    }),
    notices: firstSnapshot,
  },
  'watches everything': {
    options: watching((good) => (_glob, onSnapshot, onError) => good.watch('/**', onSnapshot, onError)),
    notices: firstSnapshot,
  },
  'begins with part of the snapshot': {
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
    notices: firstSnapshot,
  },
  'never tells': { options: watching(() => () => () => {}), notices: firstSnapshot },
  'gives no way to end a watch': {
    options: watching(
      (good) =>
        ((glob: string, onSnapshot: (snapshot: Snapshot) => void) =>
          void good.watch(glob, onSnapshot)) as never,
    ),
    notices: firstSnapshot,
  },
  'tells after the end': {
    options: watching((good) => (glob, onSnapshot, onError) => {
      good.watch(glob, onSnapshot, onError);
      return () => {};
    }),
    notices: ended,
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
    notices: ended,
  },
  'tells only the first snapshot': {
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
    notices: afterChange,
  },
  'tells differences': {
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
    notices: afterChange,
  },
  'keeps what is gone': {
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
    notices: 'tells of a service that came, and leaves out one that went',
  },
  'shows an empty world when it is down': {
    options: watching((good) => (glob, onSnapshot) => good.watch(glob, onSnapshot, () => onSnapshot({}))),
    notices: 'shows no watch an empty world while it cannot tell',
  },
};

for (const [fault, { options, notices }] of Object.entries(faults)) {
  test(`a registry that ${fault} is noticed`, async () => {
    expect(await failures(options)).toContain(notices);
  });
}

test('what a registry cannot do is left out, and nothing else', () => {
  const names = (without: RegistrySuiteOptions['without'] = []): string[] =>
    registrySuite({ create: mutableRegistry, without }).map(({ name }) => name);
  const few = names(['watch', 'list']);
  expect(names().filter((name) => !few.includes(name))).toEqual([
    'lists exactly the names that a glob fits',
    'does not list by a glob that breaks the rules, but rejects',
    firstSnapshot,
    ended,
    afterChange,
    'tells of a service that came, and leaves out one that went',
    'shows no watch an empty world while it cannot tell',
  ]);
  expect(new Set(names()).size).toBe(names().length);
});

test('every case takes down what it made, also when it fails', async () => {
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
