/** A change must not tell whether a name exists that the client may not see. */
import { expect, test } from 'vitest';
import type { AccessRight } from '../../../../src/core/access-right.js';
import { errorMessage, isClerkError } from '../../../../src/core/errors.js';
import { seededRandom } from '../../../../src/testing/seeded-random.js';
import type { Caller } from '../../../../src/server/ports.js';
import { operator, pin, securedHarness, type SecuredHarness } from './identity-harness.js';

const outcomeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'done',
    (error: unknown) => `${isClerkError(error) ? error.code : ''} ${errorMessage(error)}`,
  );
const codeOf = async (promise: Promise<unknown>): Promise<string> =>
  (await outcomeOf(promise)).split(' ')[0] as string;

const all = ['/a', '/a/b', '/a/b/c', '/a/d', '/x', '/x/b', '/x/b/c'];
const globs = ['/a', '/a/*', '/a/**', '/a/b', '/a/b/**', '/a/d', '/x', '/x/*', '/x/**', '/x/b'];
const rights: readonly AccessRight[] = ['write', 'write', 'read', 'test', 'call'];

interface Change {
  readonly kind: 'link' | 'move' | 'remove' | 'remove-all' | 'remove-later';
  readonly name: string;
  readonly to: string;
}

function run({ names }: SecuredHarness, { kind, name, to }: Change, caller: Caller): Promise<unknown> {
  switch (kind) {
    case 'link':
      return names.link({ name, target: to }, caller);
    case 'move':
      return names.move({ from: name, to }, caller);
    case 'remove':
      return names.remove({ name }, caller);
    case 'remove-all':
      return names.remove({ name, recursive: true, force: true }, caller);
    case 'remove-later':
      return names.remove({ name, recursive: true, whenExpired: true }, caller);
  }
}

test('a change of a writer has one outcome, whether or not names are below that the writer may not see', async () => {
  const outcomes = new Map<string, number>();
  for (let seed = 1; seed <= 150; seed++) {
    const random = seededRandom(seed);
    const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const kindOf = new Map(all.map((name) => [name, one(['none', 'service', 'service', 'link'])]));
    const kinds = ['link', 'move', 'move', 'remove', 'remove-all', 'remove-later'] as const;
    const change = { kind: one(kinds), name: one(all), to: one(all) };
    const given = [
      [change.name, 'write'],
      [random() < 0.7 ? change.to : one(globs), 'write'],
      [one(globs), one(rights)],
    ] as const;
    const isServed = random() < 0.3;
    const results: string[] = [];
    let hasHiddenBelow = false;
    for (const withHidden of [true, false]) {
      const harness = await securedHarness();
      const { names, identities } = harness;
      const writer = await harness.enrol('/people/ann', pin(1));
      for (const [glob, right] of given) await harness.allow(writer.principal, glob, right);
      const isHidden = (name: string): boolean => identities.access(writer, name, 'test') === undefined;
      const put: string[] = [];
      for (const name of all) {
        const kind = kindOf.get(name);
        // Below a link, a name would be put elsewhere. A link that is hidden leads the change elsewhere.
        const isBelowLink = all.some((each) => kindOf.get(each) === 'link' && name.startsWith(`${each}/`));
        if (kind === 'none' || isBelowLink || (isHidden(name) && (!withHidden || kind === 'link'))) continue;
        const isLeaf = !all.some((each) => each.startsWith(`${name}/`));
        if (kind === 'link' && isLeaf)
          await names.link({ name, target: '/elsewhere', guaranteedMs: 0 }, operator);
        else await names.define({ name, guaranteedMs: isServed ? 5_000 : 0 }, operator);
        put.push(name);
      }
      if (isServed) for (const name of put) names.resolveJson(name);
      const hidden = put.filter(isHidden);
      hasHiddenBelow ||= hidden.some((name) => name.startsWith(`${change.name}/`));
      results.push(await outcomeOf(run(harness, change, writer)));
      await harness.runtime.advance(10_000);
      for (const name of hidden) expect(names.resolve(name).canonical, `seed ${seed}`).toBe(name);
    }
    expect(results[0], `seed ${seed}: ${JSON.stringify({ given, change })}`).toBe(results[1]);
    const [code = ''] = (results[0] ?? '').split(' ');
    if (hasHiddenBelow)
      outcomes.set(`${change.kind} ${code}`, (outcomes.get(`${change.kind} ${code}`) ?? 0) + 1);
  }
  const seen = [...outcomes.keys()];
  for (const wanted of [
    'link FORBIDDEN',
    'move FORBIDDEN',
    'remove done',
    'remove-all done',
    'remove NAME_NOT_FOUND',
  ])
    expect(seen).toContain(wanted);
});

test('a name without rights below it becomes a link, or moves, only with the right to know what is below it', async () => {
  const harness = await securedHarness();
  const { names, allow } = harness;
  const ann = await harness.enrol('/people/ann', pin(1));
  await allow(ann.principal, '/own/a', 'write');
  await allow(ann.principal, '/own/z', 'write');
  const link = () => outcomeOf(names.link({ name: '/own/a', target: '/own/z' }, ann));
  expect(await link()).toContain('must have the right test on /own/a/**');
  await names.define({ name: '/own/a' }, ann);
  expect(await codeOf(names.move({ from: '/own/a', to: '/own/z' }, ann))).toBe('FORBIDDEN');
  await allow(ann.principal, '/own/**', 'test');
  expect(await codeOf(names.move({ from: '/own/a', to: '/own/z' }, ann))).toBe('done');
  // Nothing is below a link, so a change of its target needs no further right.
  expect(await codeOf(names.link({ name: '/own/a', target: '/elsewhere', whenExpired: true }, ann))).toBe(
    'done',
  );
});
