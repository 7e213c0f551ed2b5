import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  codeOf,
  registration,
  localCaller,
  nameServerHarness,
  type NameServerHarness,
} from './name-server-harness.js';

interface ModelEndpoint {
  epoch: number;
  /** Name in the last request of the service; unknown after a restart. */
  used: string | undefined;
  /** The lease expires between these instants. */
  earliest: number;
  latest: number;
}

/** The simplest implementation with the same guarantees. */
class Model {
  now = 0;
  readonly links = new Map<string, string>();
  /** The links that moves have left. */
  readonly moved = new Set<string>();
  readonly services = new Map<string, Map<string, ModelEndpoint>>();

  /** The canonical name; undefined when links form a cycle. */
  canonicalOf(name: string): string | undefined {
    let at = name;
    for (let i = 0; i <= 16; i++) {
      const link = [...this.links.keys()].find((from) => at === from || at.startsWith(`${from}/`));
      if (link === undefined) return at;
      at = this.links.get(link)! + at.slice(link.length);
      if (at.split('/').length > 17) return undefined;
    }
    return undefined;
  }

  below(name: string): string[] {
    return [...this.services.keys(), ...this.links.keys()].filter((other) => other.startsWith(`${name}/`));
  }

  /** The registrations of services that use a name from which no link leads to them any more. */
  usedAs(name: string, id: string): ModelEndpoint[] {
    return [...this.services].flatMap(([entry, endpoints]) => {
      const endpoint = endpoints.get(id);
      return endpoint?.used === name && entry !== name ? [endpoint] : [];
    });
  }

  has(name: string): boolean {
    return this.services.has(name) || this.links.has(name);
  }
}

type Step = fc.AsyncCommand<Model, NameServerHarness>;

const leaseMs = 10_000;

const register = (name: string, id: string): Step => ({
  check: () => true,
  async run(model, { names }) {
    const canonical = model.canonicalOf(name);
    if (canonical === undefined) {
      expect(await codeOf(names.register(registration(name, id), localCaller))).toBe('NAME_NOT_FOUND');
      return;
    }
    const { epoch } = await names.register(registration(name, id), localCaller);
    const before = model.services.get(canonical)?.get(id);
    expect(epoch).toBeGreaterThan(before?.epoch ?? 0);
    const endpoints = model.services.get(canonical) ?? new Map<string, ModelEndpoint>();
    model.services.set(canonical, endpoints);
    endpoints.set(id, { epoch, used: name, ...leaseBounds(model.now) });
  },
  toString: () => `register ${name} ${id}`,
});

const leaseBounds = (now: number) => ({
  earliest: now + leaseMs,
  latest: now + leaseMs + leaseMs / 3 + 1_000,
});

const renew = (name: string, id: string): Step => ({
  check: () => true,
  async run(model, { names }) {
    const canonical = model.canonicalOf(name);
    const direct = canonical === undefined ? undefined : model.services.get(canonical)?.get(id);
    const former = direct === undefined && canonical === name ? model.usedAs(name, id) : [];
    // Several services may have used the name one after the other.
    if (former.length > 1) return;
    const endpoint = direct ?? former[0];
    const epoch = endpoint?.epoch ?? 1;
    const { results, moved } = names.renew({ renewals: [{ name, id, epoch }] });
    const [result] = results;
    if (endpoint === undefined) expect(result).not.toBe('renewed');
    else if (model.now < endpoint.earliest) expect(result).toBe('renewed');
    if (endpoint === undefined || result !== 'renewed') return;
    Object.assign(endpoint, leaseBounds(model.now), { used: name });
    const present = model.canonicalOf(moved?.[0]?.name ?? name);
    expect(model.services.get(present ?? '')?.get(id)).toBe(endpoint);
  },
  toString: () => `renew ${name} ${id}`,
});

const withdraw = (name: string, id: string): Step => ({
  check: () => true,
  async run(model, { names }) {
    const canonical = model.canonicalOf(name);
    const endpoint = canonical === undefined ? undefined : model.services.get(canonical)?.get(id);
    if (canonical === undefined || endpoint === undefined) return;
    endpoint.used = name;
    await names.withdraw({ name, id, epoch: endpoint.epoch, now: true });
    model.services.get(canonical)?.delete(id);
    const again = names.register(registration(name, id, { epoch: endpoint.epoch }), localCaller);
    expect(await codeOf(again)).toBe('FORBIDDEN');
  },
  toString: () => `withdraw ${name} ${id}`,
});

/** The name that a change applies to: links before its last segment are followed. */
const entryNameOf = (model: Model, name: string): string | undefined => {
  const cut = name.lastIndexOf('/');
  if (cut === 0) return name;
  const above = model.canonicalOf(name.slice(0, cut));
  return above === undefined ? undefined : above + name.slice(cut);
};

const define = (name: string): Step => ({
  check: () => true,
  async run(model, { names }) {
    const entryName = entryNameOf(model, name);
    const code = await codeOf(names.define({ name, guaranteedMs: 0 }));
    if (entryName === undefined || model.links.has(entryName)) expect(code).not.toBe('done');
    else if (!model.services.has(entryName)) {
      expect(code).toBe('done');
      model.services.set(entryName, new Map());
    }
  },
  toString: () => `define ${name}`,
});

const link = (name: string, target: string): Step => ({
  check: () => true,
  async run(model, { names, runtime }) {
    await runtime.advance(6_000);
    model.now += 6_000;
    const entryName = entryNameOf(model, name);
    const refused =
      entryName === undefined ||
      model.services.has(entryName) ||
      (!model.links.has(entryName) && model.below(entryName).length > 0) ||
      target === entryName ||
      target.startsWith(`${entryName}/`);
    const code = await codeOf(names.link({ name, target }));
    const isFormer = entryName !== undefined && model.moved.has(entryName);
    // Services may still use the former name.
    if (!refused && isFormer && code === 'CHANGE_TOO_EARLY') return;
    expect(code).toMatch(refused ? /^(FORBIDDEN|CONFIG_INVALID|NAME_NOT_FOUND)$/ : /^done$/);
    if (refused) return;
    if (model.links.get(entryName) !== target) model.moved.delete(entryName);
    model.links.set(entryName, target);
  },
  toString: () => `link ${name} ${target}`,
});

const move = (name: string, to: string): Step => ({
  check: () => true,
  async run(model, { names }) {
    const from = entryNameOf(model, name);
    const target = entryNameOf(model, to);
    const code = await codeOf(names.move({ from: name, to }));
    const isThere = from !== undefined && (model.has(from) || model.below(from).length > 0);
    if (!isThere || target === undefined) return expect(code).not.toBe('done');
    const isBack = model.links.get(target) === from;
    const isTaken = (model.has(target) && !isBack) || model.below(target).length > 0;
    if (target === from || target.startsWith(`${from}/`) || isTaken) return expect(code).toBe('FORBIDDEN');
    expect(code).toBe('done');
    const newNameOf = (each: string) =>
      each === from || each.startsWith(`${from}/`) ? target + each.slice(from.length) : each;
    model.links.delete(target);
    model.moved.delete(target);
    model.moved.delete(from);
    for (const former of model.moved) model.links.set(former, newNameOf(model.links.get(former) as string));
    for (const former of [...model.moved]) {
      model.moved.delete(former);
      model.moved.add(newNameOf(former));
    }
    for (const map of [model.services, model.links] as Map<string, any>[])
      for (const [key, value] of [...map])
        if (key === from || key.startsWith(`${from}/`)) {
          map.delete(key);
          map.set(target + key.slice(from.length), value);
        }
    model.links.set(from, target);
    model.moved.add(from);
  },
  toString: () => `move ${name} ${to}`,
});

const remove = (name: string): Step => ({
  check: () => true,
  async run(model, { names }) {
    const entryName = entryNameOf(model, name);
    const code = await codeOf(names.remove({ name, recursive: true, force: true }));
    if (entryName === undefined) return expect(code).toBe('NAME_NOT_FOUND');
    const all = [...model.below(entryName), ...(model.has(entryName) ? [entryName] : [])];
    expect(code).toBe(all.length > 0 ? 'done' : 'NAME_NOT_FOUND');
    for (const each of all) {
      model.services.delete(each);
      model.links.delete(each);
      model.moved.delete(each);
    }
  },
  toString: () => `remove ${name}`,
});

const wait = (ms: number): Step => ({
  check: () => true,
  async run(model, { runtime }) {
    await runtime.advance(ms);
    model.now += ms;
  },
  toString: () => `wait ${ms}`,
});

const restart: Step = {
  check: () => true,
  async run(model, harness) {
    await harness.restart();
    for (const endpoints of model.services.values())
      for (const endpoint of endpoints.values()) {
        endpoint.latest = leaseBounds(model.now).latest;
        endpoint.used = undefined;
      }
  },
  toString: () => 'restart',
};

/** Compares all names and endpoints, and removes endpoints from the model that may have expired. */
function compare(model: Model, { names }: NameServerHarness): void {
  const listed = names.list('/**', undefined, 1_000).entries;
  expect(listed.map(({ name }) => name).sort()).toEqual(
    [...model.services.keys(), ...model.links.keys()].sort(),
  );
  for (const [name, endpoints] of model.services) {
    const found = new Map(names.resolve(name).endpoints.map(({ id, epoch }) => [id, epoch]));
    for (const [id, { epoch, earliest, latest }] of [...endpoints]) {
      if (model.now < earliest) expect(found.get(id), `${name} ${id} expired too early`).toBe(epoch);
      if (model.now > latest) expect(found.get(id), `${name} ${id} expired too late`).toBeUndefined();
      if (!found.has(id)) endpoints.delete(id);
    }
    expect([...found.keys()].sort()).toEqual([...endpoints.keys()].sort());
  }
}

test('any sequence of requests gives the same names and endpoints as the model', async () => {
  const name = fc.constantFrom('/a', '/a/b', '/a/b/c', '/d', '/d/b', '/e');
  const id = fc.constantFrom('i', 'j');
  const both = [
    fc.tuple(name, id).map((args) => register(...args)),
    fc.tuple(name, id).map((args) => renew(...args)),
    fc.tuple(name, id).map((args) => withdraw(...args)),
    name.map(define),
    fc.tuple(name, name).map((args) => link(...args)),
    fc.tuple(name, name).map((args) => move(...args)),
    name.map(remove),
    fc.constantFrom(1, 500, 3_000, 9_999).map(wait),
    fc.constant(restart),
  ].map((steps) => steps.map(compared));
  await fc.assert(
    fc.asyncProperty(fc.commands(both, { maxCommands: 60, size: 'max' }), async (steps) => {
      const real = await nameServerHarness();
      await fc.asyncModelRun(() => ({ model: new Model(), real }), steps);
      await real.names.close();
    }),
    { numRuns: 500, seed: 3 },
  );
});

/** A step, followed by a comparison. */
function compared(step: Step): Step {
  return {
    check: (model) => step.check(model),
    async run(model, real) {
      await step.run(model, real);
      compare(model, real);
    },
    toString: () => String(step),
  };
}
