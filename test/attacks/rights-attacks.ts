/** Attempts of an enrolled principal to do or to learn more than its rights allow. */
import { paths } from '../../src/protocol/paths.js';
import { refusal, type Answer, type AttackedFleet, type Party } from './attacked-fleet.js';
import type { Attack, Refusal } from './attack.js';

const forbidden = '403 FORBIDDEN';
const changes = 'server/http/authorized-changes.ts';
const plan = 'server/naming/commands/authorize.ts';
const visible = 'server/http/visible-names.ts';

const address = 'https://127.0.0.1:3001';

interface World {
  readonly fleet: AttackedFleet;
  /** May write, link and advertise below `/own`, and read nothing else. */
  readonly writer: Party;
  /** Administrates `/own`, and has no other right. */
  readonly admin: Party;
  snapshot(): Promise<string>;
}

/** The registry of the attacks on rights: `/pay` is hidden from the attackers, `/own` belongs to them. */
export async function startRightsWorld(fleet: AttackedFleet): Promise<World> {
  const [writer, admin] = [await fleet.enrol('/own/writer'), await fleet.enrol('/own/admin')];
  await fleet.allow('/own/writer', '/own/**', 'write', 'advertise', 'launch');
  await fleet.allow('/own/admin', '/own/**', 'admin');
  for (const name of ['/pay/ledger', '/own/orders', '/own/shelf'])
    await fleet.operator.post(paths.define, { name });
  await fleet.operator.post(paths.link, { name: '/own/alias', target: '/pay/ledger' });
  await fleet.operator.post(paths.groups, { name: '/pay/staff', members: ['/pay/clerk'] });
  await fleet.allow('/pay/staff', '/pay/**', 'read', 'admin');
  return { fleet, writer, admin, snapshot: () => fleet.snapshot() };
}

type RightsAttack = Attack<World>;

/** A change that the writer makes where it has no right, and through a link that leads there. */
function change(
  name: string,
  check: string,
  path: string,
  bodies: readonly object[],
  by: (world: World) => Party = ({ writer }) => writer,
  because = 'must have the right',
): RightsAttack {
  return {
    ...{ name, by: 'client', check, because, refusedAs: forbidden },
    run: async (world) => Promise.all(bodies.map(async (body) => refusal(await by(world).post(path, body)))),
  };
}

/** Replaces the names, and what differs between any two responses. */
function visiblePart({ status, text, headers }: Answer, name: string): string {
  const kept = Object.entries(headers).filter(([key]) => !/^(date|clerk-|keep-alive|connection)/.test(key));
  const own = `${String(status)} ${JSON.stringify(kept)} ${text}`;
  return own.replaceAll(name, '/pay/absent').replaceAll(encodeURIComponent(name), '/pay/absent');
}

/** Queries whose responses must not show whether a name exists. The names have the length of `/pay/absent`. */
function oracle(
  name: string,
  check: string,
  ask: (party: Party, name: string) => Promise<Answer>,
  refusedAs: string,
  because: string,
): RightsAttack {
  return {
    ...{ name, by: 'client', check, refusedAs, because },
    async run({ writer }) {
      const absent = await ask(writer, '/pay/absent');
      const refusals: Refusal[] = [refusal(absent)];
      for (const hidden of ['/pay/ledger', '/pay/staffs', '/own/../pay'].slice(0, 2)) {
        const answer = await ask(writer, hidden);
        const isSame = visiblePart(answer, hidden) === visiblePart(absent, '/pay/absent');
        refusals.push(isSame ? refusal(answer) : { as: 'differs from an absent name', because: answer.text });
      }
      return refusals;
    },
  };
}

/** A query that leaves hidden names out: the result must contain nothing of `/pay`. */
function leak(
  name: string,
  check: string,
  ask: (party: Party) => Promise<Answer>,
  secret = /pay|ledger|staff/,
): RightsAttack {
  return {
    ...{ name, by: 'client', check, refusedAs: 'left out', because: '' },
    async run({ writer }) {
      const { status, text } = await ask(writer);
      const isHidden = status === 200 && !secret.test(text);
      return [isHidden ? { as: 'left out', because: '' } : { as: `${String(status)} shown`, because: text }];
    },
  };
}

const asAdmin = ({ admin }: World): Party => admin;
const notFound = '404 NAME_NOT_FOUND';

export const rightsAttacks: readonly RightsAttack[] = [
  change('a service defined under a foreign name', `${changes}: define`, paths.define, [
    { name: '/pay/new' },
    { name: '/pay/ledger', policy: 'random' },
    { name: '/own/alias/below' },
  ]),
  change('a link set under a foreign name', `${changes}: link`, paths.link, [
    { name: '/pay/link', target: '/own/orders' },
    { name: '/pay/ledger', target: '/own/orders' },
  ]),
  change('a directory made under a foreign name', `${changes}: directory`, paths.directory, [
    { name: '/pay/folder' },
    { name: '/pay' },
  ]),
  change('a foreign name moved away', `${changes}: source of a move`, paths.move, [
    { from: '/pay/ledger', to: '/own/ledger' },
    { from: '/pay', to: '/own/pay' },
  ]),
  change('a name moved over a foreign name', `${changes}: target of a move`, paths.move, [
    { from: '/own/shelf', to: '/pay/shelf' },
    { from: '/own/shelf', to: '/shop/orders' },
  ]),
  change('a scheduled change of a foreign name cancelled', `${changes}: cancel`, paths.cancel, [
    { name: '/pay/ledger' },
    { name: '/pay', recursive: true },
  ]),
  change('a foreign name removed', `${changes}: remove`, paths.remove, [
    { name: '/pay/ledger', force: true },
    { name: '/pay', recursive: true, force: true },
  ]),
  change('an endpoint registered under a foreign name', `${changes}: register`, paths.register, [
    { name: '/pay/ledger', id: 'x', addresses: [address] },
    { name: '/pay/new', id: 'x', addresses: [address] },
    { name: '/own/alias', id: 'x', addresses: [address] },
  ]),
  change('a foreign endpoint withdrawn', `${changes}: withdraw`, paths.withdraw, [
    { name: '/shop/orders', id: 'a', epoch: 1, now: true },
  ]),
  {
    name: 'an endpoint of another principal renewed or replaced',
    by: 'client',
    check: 'server/naming/commands/registration-owner.ts: owner of an instance',
    refusedAs: forbidden,
    because: 'was registered by another principal',
    async prepare({ fleet }) {
      await fleet.allow('/own/writer', '/shop/orders', 'advertise');
    },
    run: async ({ writer }) => [
      refusal(await writer.post(paths.register, { name: '/shop/orders', id: 'a', addresses: [address] })),
      refusal(
        await writer.post(paths.register, { name: '/shop/orders', id: 'a', epoch: 1, addresses: [address] }),
      ),
      refusal(await writer.post(paths.withdraw, { name: '/shop/orders', id: 'a', epoch: 1, now: true })),
    ],
  },
  change('a group changed that is not the own one', `${plan}: group`, paths.groups, [
    { name: '/pay/staff', members: ['/own/writer'] },
    { name: '/pay/team', members: ['/own/writer'] },
  ]),
  change(
    'rights given where the client administrates nothing',
    'server/naming/commands/set-access.ts: right admin on the path',
    paths.access,
    [
      { change: 'allow', principal: '/own/writer', path: '/pay/**', rights: ['read'] },
      { change: 'allow', principal: '/own/writer', path: '/**', rights: ['read'] },
      { change: 'remove', principal: '/pay/staff', path: '/pay/**', rights: ['admin'] },
    ],
  ),
  change(
    'rights given that the administrator does not have',
    'server/naming/commands/set-access.ts: given rights',
    paths.access,
    [
      { change: 'allow', principal: '/own/admin', path: '/own/**', rights: ['call'] },
      { change: 'allow', principal: '/own/admin', path: '/own/orders', rights: ['write', 'launch'] },
    ],
    asAdmin,
  ),
  change(
    'globs that match more than the path of the administrator',
    'server/naming/access/caller-access.ts: covered globs',
    paths.access,
    ['/own*/**', '/*/**', '/*/orders', '/**/orders', '/o*/**', '/**/own/**'].map((path) => ({
      ...{ change: 'allow', principal: '/own/admin', path, rights: ['admin'], directory: '/' },
    })),
    asAdmin,
  ),
  {
    ...change(
      'a path outside of the directory that holds it',
      'server/naming/access/access-triple.ts: path below its directory',
      paths.access,
      [
        { change: 'allow', principal: '/own/admin', path: '/pay/**', rights: ['admin'], directory: '/own' },
        {
          change: 'allow',
          principal: '/own/admin',
          path: '/ownother/x',
          rights: ['admin'],
          directory: '/own',
        },
      ],
      asAdmin,
      'must be below its directory',
    ),
    refusedAs: '400 CONFIG_INVALID',
  },
  {
    ...change(
      'a principal pattern that leads above the root',
      'server/naming/access/principal-pattern.ts: root',
      paths.access,
      [
        { change: 'allow', principal: '../../../operator', path: '/own/orders', rights: ['admin'] },
        { change: 'allow', principal: './../../x', path: '/own/orders', rights: ['admin'] },
      ],
      asAdmin,
      'leads above the root',
    ),
    refusedAs: '400 NAME_INVALID',
  },
  {
    ...change(
      'principal and path patterns that are not globs',
      'core/glob.ts: form of a pattern',
      paths.access,
      [
        { change: 'allow', principal: '/own/a**', path: '/own/orders', rights: ['admin'] },
        { change: 'allow', principal: 'own/admin', path: '/own/orders', rights: ['admin'] },
        { change: 'allow', principal: '/own/admin', path: '/own/./orders', rights: ['admin'] },
        { change: 'allow', principal: '/own/admin', path: '/own/..', rights: ['admin'] },
        { change: 'allow', principal: '/own/../pay', path: '/own/x', rights: ['admin'] },
        { change: 'allow', principal: `/own/${'*a'.repeat(9)}`, path: '/own/x', rights: ['admin'] },
      ],
      asAdmin,
      'Glob',
    ),
    refusedAs: '400 NAME_INVALID',
  },
  {
    ...change(
      'unknown rights',
      'protocol/identity-schemas.ts: rights',
      paths.access,
      [
        { change: 'allow', principal: '/own/admin', path: '/own/orders', rights: ['root'] },
        { change: 'allow', principal: '/own/admin', path: '/own/orders', rights: ['__proto__'] },
        { change: 'allow', principal: '/own/admin', path: '/own/orders', rights: [] },
      ],
      asAdmin,
      'rights',
    ),
    refusedAs: '400 CONFIG_INVALID',
  },
  change(
    'a token for a foreign principal',
    'server/naming/commands/issue-token.ts: right admin',
    paths.tokens,
    [{ principal: '/operator' }, { principal: '/pay/clerk' }, { principal: '/own/orders' }],
  ),
  change(
    'the keys of a foreign principal revoked',
    'server/naming/commands/revoke-key.ts: right admin',
    paths.revoke,
    [{ principal: '/operator' }, { principal: '/shop/web' }, { principal: '/absent' }],
  ),
  {
    name: 'the rights of others explained',
    by: 'client',
    check: 'server/http/identity-routes.ts: explanation',
    refusedAs: forbidden,
    because: 'must have the right admin',
    run: async ({ writer }) => [
      refusal(await writer.get('/v1/acl/explain?principal=/operator&path=/pay/ledger&right=read')),
      refusal(await writer.get('/v1/acl/explain?principal=/pay/clerk&path=/own/orders&right=read')),
    ],
  },
  change(
    'a ticket for a service that the client may only read',
    'server/http/identity-routes.ts: right call',
    paths.tickets,
    [{ service: '/own/orders' }],
  ),
  change(
    'a foreign service launched, without a launcher to hide behind',
    'server/http/routes.ts: launcher',
    paths.launch,
    [{ name: '/pay/ledger' }],
    undefined,
    'has no manifests',
  ),
  {
    name: 'names that a client may only see, in the directory that it moves or removes',
    by: 'client',
    check: `${plan}: every name that a change touches`,
    refusedAs: forbidden,
    because: 'every name that the change of',
    async prepare({ fleet }) {
      for (const name of ['/mixed/own', '/mixed/hidden']) await fleet.operator.post(paths.define, { name });
      for (const name of ['/mixed', '/mixed/own', '/own/mixed', '/own/mixed/**'])
        await fleet.allow('/own/writer', name, 'write');
      await fleet.allow('/own/writer', '/mixed/**', 'test');
    },
    run: async ({ writer }) => [
      refusal(await writer.post(paths.remove, { name: '/mixed', recursive: true, force: true })),
      refusal(await writer.post(paths.move, { from: '/mixed', to: '/own/mixed' })),
    ],
  },
  {
    name: 'a directory with rights, moved to where the client administrates nothing',
    by: 'client',
    check: `${plan}: right admin on moved rights`,
    refusedAs: forbidden,
    because: 'must have the right admin',
    async prepare({ fleet }) {
      await fleet.operator.post(paths.directory, { name: '/own/guarded' });
      await fleet.operator.post(paths.define, { name: '/own/guarded/a' });
      await fleet.allow('/shop/web', '/own/guarded/*', 'call');
    },
    run: async ({ writer }) => [
      refusal(await writer.post(paths.move, { from: '/own/guarded', to: '/own/free' })),
    ],
  },
  {
    name: 'an import with a foreign name among own names',
    by: 'client',
    check: `${changes}: names of an import`,
    refusedAs: forbidden,
    because: 'must have the right write',
    run: async ({ writer }) =>
      Promise.all(
        [
          { kind: 'service', name: '/pay/imported' },
          { kind: 'link', name: '/pay/l', target: '/own/orders' },
          { kind: 'group', name: '/pay/staff', members: ['/own/writer'] },
        ].map(async (line) => {
          const lines = [{ kind: 'service', name: '/own/imported' }, line].map((each) =>
            JSON.stringify(each),
          );
          return refusal(
            await writer.post(paths.import, lines.join('\n'), { 'content-type': 'application/x-ndjson' }),
          );
        }),
      ),
  },
  {
    name: 'the name of a hidden directory, by an import with its identifier',
    by: 'client',
    check: 'server/naming/commands/define-entry.ts: owner of an identifier',
    refusedAs: forbidden,
    because: 'belongs to another directory',
    async prepare({ fleet }) {
      return (await fleet.operator.post(paths.directory, { name: '/pay/vault' })).json.id as string;
    },
    async run({ writer }, id: string) {
      const line = JSON.stringify({ kind: 'directory', name: '/own/vault', id });
      const answer = await writer.post(paths.import, line, { 'content-type': 'application/x-ndjson' });
      return [/pay/.test(answer.text) ? { as: 'name shown', because: answer.text } : refusal(answer)];
    },
  },
  {
    name: 'an import of rights',
    by: 'client',
    check: 'server/naming/commands/import-entries.ts: rights in an import',
    refusedAs: forbidden,
    because: 'must have the right admin',
    run: async ({ writer }) => {
      const line = {
        kind: 'access',
        directory: '/own',
        principal: '/own/writer',
        path: '/own/**',
        rights: ['admin'],
      };
      return [
        refusal(
          await writer.post(paths.import, JSON.stringify(line), { 'content-type': 'application/x-ndjson' }),
        ),
      ];
    },
  },
  {
    name: 'a group in place of a principal, with its rights',
    by: 'client',
    check: 'server/naming/commands/set-group.ts: name of a principal',
    refusedAs: forbidden,
    because: 'is the name of a principal',
    async prepare({ fleet }) {
      await fleet.enrol('/own/payer');
      await fleet.token('/own/invited');
      await fleet.allow('/own/payer', '/pay/**', 'admin', 'write');
    },
    run: async ({ writer }) => [
      refusal(await writer.post(paths.groups, { name: '/own/payer', members: ['/own/writer'] })),
      refusal(await writer.post(paths.groups, { name: '/own/invited', members: ['/own/writer'] })),
      refusal(
        await writer.post(
          paths.import,
          JSON.stringify({ kind: 'group', name: '/own/payer', members: ['/own/writer'] }),
          { 'content-type': 'application/x-ndjson' },
        ),
      ),
    ],
  },
  {
    name: 'a principal in place of a group, with its rights',
    by: 'client',
    check: 'server/naming/commands/issue-token.ts: name of a group',
    refusedAs: forbidden,
    because: 'is the name of a group',
    async prepare({ fleet }) {
      await fleet.operator.post(paths.groups, { name: '/own/team', members: ['/pay/clerk'] });
    },
    run: async ({ admin }) => [refusal(await admin.post(paths.tokens, { principal: '/own/team' }))],
  },
  oracle(
    'the existence of a name, by a lookup',
    'server/http/request-rights.ts: right test before a lookup',
    (party, name) => party.get(`/v1/resolve?name=${name}`),
    notFound,
    'does not exist',
  ),
  oracle(
    'the existence of a name, by a lookup in another spelling',
    'server/http/fast-path.ts: spelling of a name',
    (party, name) => party.get(`/v1/resolve?name=${encodeURIComponent(name)}`),
    notFound,
    'does not exist',
  ),
  oracle(
    'the existence of a service, by a request for a ticket',
    'server/http/request-rights.ts: right test before a lookup',
    (party, service) => party.post(paths.tickets, { service }),
    notFound,
    'does not exist',
  ),
  oracle(
    'the existence of a name, by a change without the right',
    `${changes}: remove`,
    (party, name) => party.post(paths.remove, { name }),
    forbidden,
    'must have the right write',
  ),
  oracle(
    'the existence of a principal, by a revocation',
    'server/naming/commands/revoke-key.ts: right admin',
    (party, principal) => party.post(paths.revoke, { principal }),
    forbidden,
    'must have the right admin',
  ),
  {
    name: 'the existence of a name, by a link of the client to it',
    by: 'client',
    check: 'server/http/request-rights.ts: right on the name behind links',
    refusedAs: notFound,
    because: 'does not exist',
    async prepare({ writer }) {
      await writer.post(paths.link, { name: '/own/to-ledger', target: '/pay/ledger' });
      await writer.post(paths.link, { name: '/own/to-absent', target: '/pay/absent' });
    },
    async run({ writer }) {
      const [hidden, absent] = await Promise.all(
        ['/own/to-ledger', '/own/to-absent'].map((name) => writer.get(`/v1/resolve?name=${name}`)),
      );
      const isSame = hidden?.text.replaceAll('to-ledger', 'to-absent') === absent?.text;
      return [hidden, absent].map((answer) =>
        isSame ? refusal(answer as Answer) : { as: 'differs', because: answer?.text ?? '' },
      );
    },
  },
  leak(
    'hidden names in a list',
    `${visible}: list`,
    (party) => party.get('/v1/list?glob=/**'),
    /"name":"\/pay/,
  ),
  leak('hidden names in a search', `${visible}: search`, (party) => party.get('/v1/search?glob=/**')),
  leak(
    'hidden names in an export',
    `${visible}: export`,
    (party) => party.get('/v1/export'),
    /"name":"\/pay|staff/,
  ),
  leak('the owner of an address', `${visible}: whois`, async (party) =>
    party.get(`/v1/whois?address=${encodeURIComponent('https://127.0.0.1:1')}`),
  ),
  leak(
    'the keys of other principals',
    'server/naming/identities.ts: list of keys',
    (party) => party.get('/v1/identities'),
    /sha256/,
  ),
  leak(
    'the rights of others',
    'server/naming/identities.ts: list of rights',
    (party) => party.get('/v1/acl'),
    /operator|staff/,
  ),
  leak(
    'the number of all names in the status',
    'server/http/authorized-changes.ts: totals',
    (party) => party.get(paths.status),
    /"(services|endpoints|links|watches)"/,
  ),
  leak(
    'the number of all names in the health check',
    'server/http/request-context.ts: totals',
    (party) => party.get(paths.health),
    /"(services|endpoints|links|watches)"/,
  ),
  {
    name: 'the metrics, which count all names',
    by: 'client',
    check: 'server/http/request-context.ts: metrics',
    refusedAs: forbidden,
    because: 'must have the right read on /',
    run: async ({ writer, admin }) => [
      refusal(await writer.get(paths.metrics)),
      refusal(await admin.get(paths.metrics)),
    ],
  },
  {
    name: 'a link over a hidden name, to find out whether it exists',
    by: 'client',
    check: 'server/naming/commands/hidden-names.ts: link',
    refusedAs: forbidden,
    because: 'must have the right test on',
    async prepare({ fleet }) {
      await fleet.allow('/own/writer', '/till', 'write');
      await fleet.allow('/own/writer', '/shelf', 'write');
      await fleet.operator.post(paths.define, { name: '/till/hidden' });
    },
    run: async ({ writer }) => [
      refusal(await writer.post(paths.link, { name: '/till', target: '/own/orders' })),
      refusal(await writer.post(paths.link, { name: '/shelf', target: '/own/orders' })),
    ],
  },
  {
    name: 'a group with the name of a member, to get its rights',
    by: 'client',
    check: 'server/naming/commands/group-names.ts: member of a group',
    refusedAs: forbidden,
    because: 'right write on all groups that have',
    async prepare({ fleet }) {
      await fleet.operator.post(paths.groups, { name: '/pay/auditors', members: ['/own/auditor'] });
    },
    run: async ({ writer }) => [
      refusal(await writer.post(paths.groups, { name: '/own/auditor', members: ['/own/writer'] })),
    ],
  },
  {
    name: 'a position of a list that names a hidden name',
    by: 'client',
    check: 'server/http/list-cursors.ts: known cursor',
    refusedAs: '400 CONFIG_INVALID',
    because: 'start the listing again',
    run: async ({ writer }) => [
      refusal(await writer.get(`/v1/list?glob=/**&after=${encodeURIComponent('/pay/!000000000001')}`)),
      refusal(await writer.get(`/v1/list?glob=/**&after=${encodeURIComponent('/!999999999999')}`)),
    ],
  },
  {
    name: 'the watch of another principal edited',
    by: 'client',
    check: 'server/http/open-watches.ts: owner of a watch',
    refusedAs: '404 CLERK_CLOSED',
    because: 'is not open',
    run: async ({ writer }) => [
      refusal(await writer.post(paths.watchEdit, { watch: '0'.repeat(32), add: ['/pay/**'] })),
    ],
  },
  {
    name: 'a group that contains itself, and 100 groups in a chain',
    by: 'client',
    check: 'server/naming/access/nested-groups.ts: depth of groups',
    refusedAs: notFound,
    because: 'does not exist',
    async prepare({ fleet, writer }) {
      const link = (from: string, to: string): Promise<Answer> =>
        writer.post(paths.groups, { name: from, members: [to] });
      await link('/own/cycle/a', '/own/cycle/b');
      await link('/own/cycle/b', '/own/cycle/a');
      for (let i = 0; i < 100; i++) await link(`/own/chain/${String(i)}`, `/own/chain/${String(i + 1)}`);
      await link('/own/chain/100', '/own/writer');
      await fleet.allow('/own/cycle/a', '/pay/**', 'read');
      await fleet.allow('/own/chain/0', '/pay/**', 'read');
    },
    run: async ({ writer }) => [refusal(await writer.get('/v1/resolve?name=/pay/ledger'))],
  },
];
