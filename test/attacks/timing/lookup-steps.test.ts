/** A name that a caller may not see takes the steps of an absent name: the same calls of the naming state, in one order. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isClerkError } from '../../../src/core/errors.js';
import { ListCursors } from '../../../src/server/http/list-cursors.js';
import { RequestRights } from '../../../src/server/http/request-rights.js';
import { VisibleNames } from '../../../src/server/http/visible-names.js';
import type { Caller, IdentityService, NameService } from '../../../src/server/ports.js';
import { registration } from '../../server/naming/name-server-harness.js';
import {
  operator,
  pin,
  securedHarness,
  type SecuredHarness,
} from '../../server/naming/identity/identity-harness.js';

let harness: SecuredHarness;
let web: Caller;

beforeAll(async () => {
  harness = await securedHarness();
  const { names, enrol, allow } = harness;
  web = await enrol('/shop/web', pin(1));
  const ledger = await enrol('/pay/ledger', pin(2));
  await allow('/shop/web', '/shop/**', 'read', 'write');
  await names.register(registration('/pay/ledger', 'a'), ledger);
  await names.define({ name: '/pay/secret', policy: 'random' }, operator);
  await names.link({ name: '/pay/folder', target: '/pay/ledger' }, operator);
  await names.link({ name: '/shop/to-hidden', target: '/pay/ledger' }, operator);
  await names.link({ name: '/shop/to-absent', target: '/pay/absent' }, operator);
});
afterAll(() => harness.names.close());

/** Records each call of an object, with its arguments except the name in question. */
function recorded<T extends object>(target: T, label: string, name: string, steps: string[]): T {
  return new Proxy(target, {
    get(object, key) {
      const value: unknown = Reflect.get(object, key);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        const shown = args.map((each) =>
          each === name ? 'NAME' : typeof each === 'string' ? each : typeof each,
        );
        steps.push(`${label}.${String(key)}(${shown.join()})`);
        return (value as (...given: unknown[]) => unknown).apply(object, args);
      };
    },
  });
}

type Query = (names: VisibleNames, rights: RequestRights, name: string) => unknown;

const queries: Readonly<Record<string, Query>> = {
  resolve: (names, _, name) => names.resolve(name),
  resolveJson: (names, _, name) => names.resolveJson(name),
  report: (names, _, name) =>
    names.report(
      { clerk: 'c', reports: [{ name, id: 'a', epoch: 1, verdict: 'unreachable' }] } as never,
      web,
    ),
  ticket: (names, rights, name) => {
    names.resolve(name);
    rights.require(name, 'call');
  },
  write: (_, rights, name) => rights.requireWrite(name),
  launch: (_, rights, name) => rights.require(name, 'launch'),
};

function stepsOf(query: Query, name: string): readonly string[] {
  const steps: string[] = [];
  const { identities, names } = harness;
  const counted = recorded<IdentityService>(identities, 'identities', name, steps);
  const service = recorded<NameService>(names, 'names', name, steps);
  const rights = new RequestRights(web, counted, service);
  try {
    const result = query(new VisibleNames(service, rights, new ListCursors()), rights, name);
    steps.push(`returned ${String(result)}`);
  } catch (error) {
    if (!isClerkError(error)) throw error;
    steps.push(`${error.code} ${error.message.replaceAll(name, 'NAME')}`);
  }
  return steps;
}

test.each(Object.entries(queries))('%s takes the same steps for hidden and absent names', (_, query) => {
  const absent = stepsOf(query, '/pay/absent');
  expect(absent.length).toBeGreaterThan(1);
  for (const name of ['/pay/ledger', '/pay/secret', '/pay/folder', '/pay', '/pay/ledger/below'])
    expect([name, stepsOf(query, name)]).toEqual([name, absent]);
});

test.each(Object.entries(queries))(
  '%s takes the same steps for links to hidden and to absent names',
  (_, query) => {
    const [hidden, absent] = ['ledger', 'absent'].map((end) => {
      const link = end === 'ledger' ? '/shop/to-hidden' : '/shop/to-absent';
      return stepsOf(query, link).map((step) => step.replaceAll(`/pay/${end}`, 'TARGET'));
    });
    expect(hidden).toEqual(absent);
  },
);

test('the steps of a visible name differ, so the comparison can fail', () => {
  const { resolve } = queries as { resolve: Query };
  expect(stepsOf(resolve, '/shop/web')).not.toEqual(stepsOf(resolve, '/pay/absent'));
});
