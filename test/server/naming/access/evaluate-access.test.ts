import fc from 'fast-check';
import { expect, test } from 'vitest';
import { accessRights, type AccessRight } from '../../../../src/core/access-right.js';
import { compileTriple } from '../../../../src/server/naming/access/access-triple.js';
import {
  describeGrant,
  evaluateAccess,
  type AccessView,
} from '../../../../src/server/naming/access/evaluate-access.js';
import type { AccessTriple } from '../../../../src/server/ports.js';
import spec from '../../../spec/access.json' with { type: 'json' };

const seed = 20_263;
type Directories = Readonly<Record<string, readonly AccessTriple[]>>;

function viewOf(directories: Directories, groups: Readonly<Record<string, readonly string[]>>): AccessView {
  const triples = new Map(
    Object.entries(directories).map(([directory, list]) => [
      directory,
      list.map((triple) => compileTriple(directory, triple)),
    ]),
  );
  const members = new Map(Object.entries(groups));
  return {
    triplesIn: (directory) => triples.get(directory) ?? [],
    membersOf: (name) => members.get(name),
    presentName: (name) => name,
  };
}

interface Case {
  readonly why: string;
  readonly directories?: Directories;
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  readonly expect: readonly (readonly [string, AccessRight, string, string | null])[];
}

test.each((spec.cases as unknown as readonly Case[]).map((each) => [each.why, each] as const))(
  '%s',
  (_, { directories = {}, groups = {}, expect: expected }) => {
    const view = viewOf(directories, groups);
    const found = expected.map(([principal, right, name]) => {
      const grant = evaluateAccess(view, principal, name, right);
      const where = grant?.kind === 'triple' ? grant.directory : grant && 'own name';
      return [principal, right, name, where ?? null];
    });
    expect(found).toEqual(expected);
  },
);

test('a grant names its triple, the including right and the groups on the way', () => {
  const triple: AccessTriple = { principal: '../staff', path: 'orders', rights: ['call'] };
  const view = viewOf({ '/eu/shop': [triple] }, { '/eu/staff': ['/eu/night'], '/eu/night': ['/people/ann'] });
  const grant = evaluateAccess(view, '/people/ann', '/eu/shop/orders', 'read');
  expect(grant).toEqual({
    kind: 'triple',
    directory: '/eu/shop',
    triple,
    right: 'call',
    groups: ['/eu/staff', '/eu/night'],
  });
  expect(describeGrant(grant)).toBe(
    '/eu/shop: ../staff has call on orders, through the group /eu/staff, /eu/night',
  );
  expect(describeGrant(evaluateAccess(view, '/a', '/a', 'read'))).toMatch(/its own name/);
  expect(describeGrant(undefined)).toBe('no entry gives the right');
});

const segment = fc.constantFrom('a', 'b', 'ab');
const nameArbitrary = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => `/${parts.join('/')}`);
const globArbitrary = fc
  .array(fc.constantFrom('a', 'b', 'ab', '*', 'a*', '**'), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join('/'));
const tripleArbitrary = fc.record({
  directory: fc.oneof(fc.constant('/'), nameArbitrary),
  principal: fc.oneof(
    globArbitrary.map((glob) => `/${glob}`),
    globArbitrary.map((glob) => `./${glob}`),
  ),
  path: globArbitrary,
  rights: fc.uniqueArray(fc.constantFrom(...accessRights), { minLength: 1, maxLength: 3 }),
});

/** Matches as the documentation of globs says, by a regular expression. */
function matchesModel(glob: string, name: string): boolean {
  const source = glob
    .split('/')
    .slice(1)
    .map((part) => (part === '**' ? '(?:/[^/]+)*' : `/${part.replaceAll('*', '[^/]*')}`))
    .join('');
  return new RegExp(`^${source}$`).test(name);
}

function includesModel(rights: readonly AccessRight[], right: AccessRight): boolean {
  if (rights.includes(right)) return true;
  const stronger = { read: ['call', 'write'], test: ['read', 'call', 'write'] } as Record<
    string,
    AccessRight[]
  >;
  return (stronger[right] ?? []).some((other) => rights.includes(other));
}

test('the decision agrees with a model that reads every triple', () => {
  fc.assert(
    fc.property(
      fc.array(tripleArbitrary, { maxLength: 6 }),
      nameArbitrary,
      nameArbitrary,
      fc.constantFrom(...accessRights),
      (triples, principal, name, right) => {
        const directories: Record<string, AccessTriple[]> = {};
        for (const { directory, ...triple } of triples) (directories[directory] ??= []).push(triple);
        const modelled =
          (principal === name && ['read', 'test', 'advertise'].includes(right)) ||
          triples.some((triple) => {
            const base = triple.directory === '/' ? '' : triple.directory;
            const principals = triple.principal.startsWith('.')
              ? base + triple.principal.slice(1)
              : triple.principal;
            return (
              includesModel(triple.rights, right) &&
              matchesModel(principals, principal) &&
              matchesModel(`${base}/${triple.path}`, name)
            );
          });
        const grant = evaluateAccess(viewOf(directories, {}), principal, name, right);
        expect(grant !== undefined).toBe(modelled);
      },
    ),
    { seed, numRuns: 5_000 },
  );
});
