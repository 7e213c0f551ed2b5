import { expect, test } from 'vitest';
import type { Caller, NameService } from '../../../../src/server/ports.js';
import { codeOf, nameServerHarness, registration } from '../name-server-harness.js';
import { operator, pin, securedHarness } from './identity-harness.js';

type Change = (names: NameService, caller: Caller | undefined) => Promise<unknown>;

/** Each change touches names below `/mine`. */
const changes: Readonly<Record<string, Change>> = {
  define: (names, caller) => names.define({ name: '/mine/a' }, caller),
  link: (names, caller) => names.link({ name: '/mine/l', target: '/other' }, caller),
  directory: (names, caller) => names.directory({ name: '/mine/d' }, caller),
  move: (names, caller) => names.move({ from: '/mine/old', to: '/mine/new' }, caller),
  remove: (names, caller) => names.remove({ name: '/mine/old', force: true }, caller),
  group: (names, caller) =>
    names.identities.setGroup({ name: '/mine/g', members: ['/x'] }, caller ?? { principal: 'address:1' }),
  cancel: (names, caller) => names.cancel({ name: '/mine/held' }, caller),
  import: (names, caller) => names.importLines([{ kind: 'service', name: '/mine/i' }], caller),
};

/** Defines a service to move or remove, and one with a scheduled change. */
async function prepare(names: NameService, caller: Caller | undefined): Promise<void> {
  await names.define({ name: '/mine/old', guaranteedMs: 0 }, caller);
  await names.define({ name: '/mine/held' }, caller);
  names.resolve('/mine/held');
  await names.define({ name: '/mine/held', policy: 'random', whenExpired: true }, caller);
}

test.each(Object.entries(changes))('%s needs the right write', async (_, change) => {
  const run = async (...rights: ('write' | 'read' | 'call' | 'advertise' | 'admin')[]) => {
    const { names, enrol, allow } = await securedHarness();
    await prepare(names, operator);
    const caller = await enrol('/people/ann', pin(1));
    if (rights.length > 0) await allow('/people/ann', '/mine/**', ...rights);
    return codeOf(change(names, caller));
  };
  expect(await run()).toBe('FORBIDDEN');
  expect(await run('read', 'call', 'advertise', 'admin')).toBe('FORBIDDEN');
  expect(await run('write')).toBe('done');
});

test.each(Object.entries(changes))(
  '%s without a proved key is refused in a secured registry',
  async (_, change) => {
    const { names } = await securedHarness();
    await prepare(names, operator);
    expect(await codeOf(change(names, undefined))).toBe('FORBIDDEN');
    expect(await codeOf(change(names, { principal: 'address:127.0.0.1' }))).toBe('FORBIDDEN');
    // A name alone proves nothing.
    expect(await codeOf(change(names, { principal: '/operator' }))).toBe('FORBIDDEN');
  },
);

test('an open registry asks for no right, and has no groups', async () => {
  for (const [what, change] of Object.entries(changes)) {
    const { names } = await nameServerHarness();
    await prepare(names, undefined);
    expect([what, await codeOf(change(names, undefined))]).toEqual([
      what,
      what === 'group' ? 'FORBIDDEN' : 'done',
    ]);
  }
});

test('a refused change does not show whether its names exist', async () => {
  const { names, enrol } = await securedHarness();
  await prepare(names, operator);
  for (const name of ['/mine/a', '/mine/i', '/mine/g'])
    await names.define({ name, guaranteedMs: 0 }, operator);
  const { names: empty, enrol: enrolThere } = await securedHarness();
  const stranger = await enrol('/people/ann', pin(1));
  await enrolThere('/people/ann', pin(1));
  const messageOf = async (promise: Promise<unknown>) =>
    promise.then(String, (error: unknown) => `${JSON.stringify(error)} ${(error as Error).message}`);
  for (const change of Object.values(changes))
    expect(await messageOf(change(names, stranger))).toBe(await messageOf(change(empty, stranger)));
});

test('an import with prune removes only names that the caller may change', async () => {
  const { names, enrol, allow } = await securedHarness();
  const ann = await enrol('/people/ann', pin(1));
  await allow('/people/ann', '/mine/**', 'write');
  for (const name of ['/bank/ledger', '/mine/old']) await names.define({ name, guaranteedMs: 0 }, operator);
  const imported = names.importLines([{ kind: 'service', name: '/mine/i' }], ann, { prune: true });
  expect((await imported).removed.map(({ name }) => name)).toEqual(['/mine/old']);
  expect(names.resolve('/bank/ledger').kind).toBe('service');
});

test('a change through a link needs the right on the name behind the link', async () => {
  const { names, enrol, allow } = await securedHarness();
  const ann = await enrol('/people/ann', pin(1));
  await allow('/people/ann', '/mine/**', 'write');
  await names.define({ name: '/bank/ledger' }, operator);
  expect(await codeOf(names.link({ name: '/mine/way', target: '/bank' }, ann))).toBe('done');
  expect(await codeOf(names.define({ name: '/mine/way/ledger', policy: 'random' }, ann))).toBe('FORBIDDEN');
  expect(await codeOf(names.remove({ name: '/mine/way/ledger', force: true }, ann))).toBe('FORBIDDEN');
  // The refusal does not show where a link of another principal leads.
  await names.link({ name: '/mine/hidden', target: '/bank' }, operator);
  await allow('/people/ann', '/mine/**', 'advertise');
  const refusals = [
    names.define({ name: '/mine/hidden/ledger', policy: 'random' }, ann),
    names.register(registration('/mine/hidden/ledger', 'i'), ann),
    names.withdraw({ name: '/mine/hidden/ledger', id: 'i', epoch: 1 }, ann),
  ];
  for (const refusal of refusals) {
    const message = await refusal.then(String, String);
    expect(message).toContain('/mine/hidden/ledger');
    expect(message).not.toContain('/bank');
  }
});

test('rights are those of the moment at which the change applies', async () => {
  const { names, identities, enrol, allow } = await securedHarness();
  const ann = await enrol('/people/ann', pin(1));
  await allow('/people/ann', '/mine/**', 'write');
  // All three are planned in one batch.
  const results = Promise.all([
    codeOf(names.define({ name: '/mine/a' }, ann)),
    codeOf(
      identities.changeAccess(
        { change: 'remove', principal: '/people/ann', path: '/mine/**', rights: ['write'] },
        operator,
      ),
    ),
    codeOf(names.define({ name: '/mine/b' }, ann)),
  ]);
  expect(await results).toEqual(['done', 'done', 'FORBIDDEN']);
});

test('a recursive removal needs the right on every name below of which the client may know', async () => {
  const { names, enrol, allow } = await securedHarness();
  const ann = await enrol('/people/ann', pin(1));
  await allow('/people/ann', '/mine/*', 'write');
  await names.define({ name: '/mine/a', guaranteedMs: 0 }, ann);
  const remove = () => codeOf(names.remove({ name: '/mine/a', recursive: true, force: true }, ann));
  await names.define({ name: '/mine/a/b', guaranteedMs: 0 }, operator);
  await allow('/people/ann', '/mine/a/b', 'test');
  expect(await remove()).toBe('FORBIDDEN');
  await allow('/people/ann', '/mine/**', 'write');
  expect(await remove()).toBe('done');
});

test('the server itself withdraws endpoints and expires leases without a right', async () => {
  const { names, runtime, enrol } = await securedHarness();
  const service = await enrol('/a', pin(1));
  await names.register(registration('/a', 'i'), service);
  await names.register(registration('/a', 'j'), service);
  expect(await codeOf(names.withdraw({ name: '/a', id: 'j', epoch: 2, now: true }))).toBe('done');
  await runtime.advance(20_000);
  expect(names.resolve('/a').endpoints).toEqual([]);
  await runtime.advance(400_000);
  expect(names.status().services).toBe(0);
});

test('a group never gets the name of a principal, nor a principal the name of a group', async () => {
  const { names, identities, enrol, allow } = await securedHarness();
  const writer = await enrol('/own/writer', pin(1));
  const former = await enrol('/own/former', pin(2));
  await enrol('/own/payer', pin(3));
  await allow('/own/writer', '/own/**', 'write', 'admin');
  await allow('/own/payer', '/pay/**', 'admin');
  await identities.issueToken({ principal: '/own/invited' }, operator);
  await identities.revoke({ principal: former.principal }, operator);
  const members = ['/own/member'];
  const create = (name: string) => codeOf(identities.setGroup({ name, members }, writer));
  for (const name of ['/own/payer', '/own/former', '/own/invited', '/own/writer'])
    expect([name, await create(name)]).toEqual([name, 'FORBIDDEN']);
  expect(await create('/own/team')).toBe('done');
  expect(await codeOf(names.move({ from: '/own/team', to: '/own/payer' }, writer))).toBe('FORBIDDEN');
  const line = { kind: 'group', name: '/own/payer', members, guaranteedMs: 0 } as const;
  expect(await codeOf(names.importLines([line], writer))).toBe('FORBIDDEN');
  expect(identities.access(writer, '/pay/ledger', 'admin')).toBeUndefined();
  expect(await codeOf(identities.issueToken({ principal: '/own/team' }, writer))).toBe('FORBIDDEN');
  expect(await create('/own/team')).toBe('done');
});

test('a writer makes no group of a name that is a member of a group which the writer may not change', async () => {
  const { names, identities, enrol, allow } = await securedHarness();
  const writer = await enrol('/own/writer', pin(1));
  await allow('/own/writer', '/own/**', 'write', 'admin');
  await allow('/pay/staff', '/pay/**', 'call');
  const staff = (members: string[]) =>
    identities.setGroup({ name: '/pay/staff', members, guaranteedMs: 0 }, operator);
  await staff(['/own/clerk', '/own/lead']);
  const create = (name: string, caller = writer) =>
    codeOf(identities.setGroup({ name, members: ['/own/writer'], guaranteedMs: 0 }, caller));
  const isTaken = () => identities.access(writer, '/pay/ledger', 'call') !== undefined;
  expect(await create('/own/clerk')).toBe('FORBIDDEN');
  const line = { kind: 'group', name: '/own/clerk', members: ['/own/writer'], guaranteedMs: 0 } as const;
  expect(await codeOf(names.importLines([line], writer))).toBe('FORBIDDEN');
  expect(await create('/own/team')).toBe('done');
  expect(await codeOf(names.move({ from: '/own/team', to: '/own/clerk' }, writer))).toBe('FORBIDDEN');
  expect(isTaken()).toBe(false);
  // A name that is not a member any more, and a member of a group that the client may change.
  await staff(['/own/lead']);
  expect(await create('/own/clerk')).toBe('done');
  expect(isTaken()).toBe(false);
  expect(await create('/own/lead', operator)).toBe('done');
  expect(isTaken()).toBe(true);
});

test('a writer makes no group of a name that has rights already, for a principal that is enrolled later', async () => {
  const { identities, enrol, allow, names } = await securedHarness();
  const writer = await enrol('/own/writer', pin(1));
  await allow('/own/writer', '/own/**', 'write', 'admin');
  await allow('/own/payer', '/pay/**', 'admin');
  await allow('/own/clerk', '/own/desk/**', 'call');
  const members = [writer.principal];
  const create = (name: string, caller = writer) => codeOf(identities.setGroup({ name, members }, caller));
  expect(await create('/own/payer')).toBe('FORBIDDEN');
  expect(await create('/own/team')).toBe('done');
  expect(await codeOf(names.move({ from: '/own/team', to: '/own/payer' }, writer))).toBe('FORBIDDEN');
  expect(identities.access(writer, '/pay/ledger', 'admin')).toBeUndefined();
  // Who administrates all paths of the rights may give them to a group.
  expect(await create('/own/clerk')).toBe('done');
  expect(await create('/own/payer', operator)).toBe('done');
});
