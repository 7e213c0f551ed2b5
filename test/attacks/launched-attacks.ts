/** Attacks of a program that the launcher has started, with the key of its instance. */
import type { AccessRight } from '../../src/core/access-right.js';
import type { SpawnOptions } from '../../src/core/processes.js';
import type { RegisterRequest } from '../../src/protocol/registration-messages.js';
import { AuthorizedLauncher } from '../../src/server/http/authorized-launcher.js';
import { RequestRights } from '../../src/server/http/request-rights.js';
import { spawnService } from '../../src/server/launcher/spawn-service.js';
import type { Caller } from '../../src/server/ports.js';
import { registration } from '../server/naming/name-server-harness.js';
import {
  operator,
  pin,
  securedHarness,
  type SecuredHarness,
} from '../server/naming/identity/identity-harness.js';
import { refusalOf, type Attack, type ObservedWorld, type Refusal } from './attack.js';
import { inheritedDescriptors } from './inherited-descriptors.js';

export interface LaunchedWorld extends ObservedWorld {
  readonly harness: SecuredHarness;
  /** The instance `i` of `/a`, which has enrolled its key and has not registered. */
  readonly launched: Caller;
  /** A client with the rights `call`, `write`, `advertise` and `admin`. */
  readonly caller: Caller;
  readonly epoch: number;
  close(): Promise<void>;
}

export async function startLaunchedWorld(): Promise<LaunchedWorld> {
  const harness = await securedHarness();
  const { names, identities, runtime, allow } = harness;
  await names.define({ name: '/a', launch: { manifest: 'm' } }, operator);
  await names.define({ name: '/b', launch: { manifest: 'm' } }, operator);
  const record = async (name: string, instance: string): Promise<number> => {
    const ticketHash = runtime.sha256(`ticket of ${name} ${instance}`);
    const intent = { name, manifest: 'm', instance, startedAt: 1, registryKey: 'proof', ticketHash };
    return (await names.launches.recordIntent(intent)).epoch;
  };
  const epoch = await record('/a', 'i');
  for (const instance of ['j', 'ended']) await record('/a', instance);
  await record('/b', 'i');
  await names.launches.remove('/a', 'ended');
  await harness.enrol('/a', pin(8));
  await identities.enrol({ name: '/a', instance: 'i', epoch, ticket: 'ticket of /a i' }, pin(1));
  // The principal has all rights; the key of an instance has not.
  await allow('/a', '/**', 'read', 'call', 'write', 'advertise', 'launch', 'admin');
  const caller = await harness.enrol('/client', pin(6));
  await allow('/client', '/**', 'call', 'write', 'advertise', 'admin');
  const launched: Caller = { principal: '/a', pin: pin(1), instance: { id: 'i', epoch } };
  return {
    ...{ harness, launched, caller, epoch },
    snapshot: async () =>
      JSON.stringify([
        [...harness.names.exportLines()],
        harness.names.launches.all(),
        harness.identities.listIdentities(undefined, operator).map(({ lastUsedAt: _, ...key }) => key),
        ['/a', '/b'].map((name) => harness.names.resolve(name).endpoints),
      ]),
    close: () => harness.names.close(),
  };
}

type LaunchedAttack = Attack<LaunchedWorld>;

const enrol = 'server/naming/commands/enrol-key.ts';
const owner = 'server/naming/commands/registration-owner.ts';
const refused = 'TICKET_REFUSED';

function attack(
  name: string,
  check: string,
  refusedAs: string,
  because: string,
  attempts: (world: LaunchedWorld) => readonly (() => unknown)[],
): LaunchedAttack {
  return {
    ...{ name, by: 'launched program', check, refusedAs, because },
    async run(world) {
      const refusals: Refusal[] = [];
      for (const attempt of attempts(world)) refusals.push(await refusalOf(attempt));
      return refusals;
    },
  };
}

/** Without changes, the enrolment and the registration succeed. */
export async function enrolHonestly(world: LaunchedWorld): Promise<void> {
  await enrolment(world, {})();
}

/** Enrols key 7 with the launch ticket of the instance `j`, except for the changes. */
const enrolment =
  ({ harness, epoch }: LaunchedWorld, change: object, key = 7) =>
  () =>
    harness.identities.enrol(
      { name: '/a', instance: 'j', epoch: epoch + 1, ticket: 'ticket of /a j', ...change },
      pin(key),
    );

const register =
  (
    { harness, launched }: LaunchedWorld,
    name: string,
    id: string,
    change: Partial<RegisterRequest>,
    by = launched,
  ) =>
  () =>
    harness.names.register(registration(name, id, change), by);

export const launchedAttacks: readonly LaunchedAttack[] = [
  attack(
    'the launch ticket of another instance',
    `${enrol}: ticket of the instance`,
    refused,
    '',
    (world) => [
      enrolment(world, { ticket: 'ticket of /a i' }),
      enrolment(world, { ticket: 'ticket of /b i' }),
      enrolment(world, { ticket: '' }),
    ],
  ),
  attack('a launch ticket under another name', `${enrol}: name of the launch`, refused, '', (world) => [
    enrolment(world, { name: '/b' }),
    enrolment(world, { name: '/operator' }),
  ]),
  attack('a launch ticket with another epoch', `${enrol}: epoch of the launch`, refused, '', (world) => [
    enrolment(world, { epoch: 99 }),
    enrolment(world, { epoch: 0 }),
  ]),
  attack('a second key with one launch ticket', `${enrol}: one key of a launch`, refused, '', (world) => [
    enrolment(world, { instance: 'i', epoch: world.epoch, ticket: 'ticket of /a i' }),
  ]),
  attack('the key of another principal with a launch ticket', `${enrol}: new key`, refused, '', (world) => [
    enrolment(world, {}, 0),
    enrolment(world, {}, 1),
  ]),
  attack(
    'the launch ticket of an instance that has ended',
    `${enrol}: end of a launch`,
    refused,
    '',
    (world) => [
      enrolment(world, { instance: 'ended', epoch: world.epoch + 2, ticket: 'ticket of /a ended' }),
    ],
  ),
  attack(
    'a registration as another instance',
    `${owner}: instance of the key`,
    'FORBIDDEN',
    'is not valid for instance',
    (world) => [register(world, '/a', 'j', { epoch: world.epoch + 1 }), register(world, '/a', 'x', {})],
  ),
  attack(
    'a registration with a later epoch, which would fence the other instances off',
    `${owner}: epoch of the launch`,
    'FORBIDDEN',
    'must register with epoch',
    (world) => [register(world, '/a', 'i', { epoch: 99 }), register(world, '/a', 'i', {})],
  ),
  attack(
    'a registration under another name',
    'server/naming/access/caller-access.ts: own name of a launched instance',
    'FORBIDDEN',
    'must have the right advertise',
    (world) => [register(world, '/b', 'i', { epoch: world.epoch }), register(world, '/c', 'i', { epoch: 1 })],
  ),
  attack(
    'a launch ticket, used by another key',
    'server/naming/commands/redeem-ticket.ts: key of the launch',
    refused,
    'belongs to another instance, epoch or key',
    (world) => [
      register(
        world,
        '/a',
        'i',
        { epoch: world.epoch, ticket: 'ticket of /a i' },
        { principal: '/a', pin: pin(8) },
      ),
    ],
  ),
  attack(
    'changes with the rights of the principal',
    'server/naming/access/caller-access.ts: rights of a launched instance',
    'FORBIDDEN',
    'must have the right',
    ({ harness: { names, identities }, launched }) => [
      () => names.define({ name: '/x' }, launched),
      () => names.remove({ name: '/b', force: true }, launched),
      () => identities.issueToken({ principal: '/a' }, launched),
      () => identities.revoke({ principal: '/operator' }, launched),
      () => identities.setGroup({ name: '/g', members: ['/a'] }, launched),
    ],
  ),
  attack(
    'rights given with the right admin of the principal',
    'server/naming/access/caller-access.ts: rights on globs',
    'FORBIDDEN',
    'must have the right admin',
    ({ harness: { identities }, launched }) =>
      (['read', 'admin'] satisfies AccessRight[]).map(
        (right) => () =>
          identities.changeAccess(
            { change: 'allow', principal: '/a', path: '/**', rights: [right] },
            launched,
          ),
      ),
  ),
  attack(
    'a rotation, after which the key would outlive its instance',
    'server/naming/commands/rotate-key.ts: key of a principal',
    refused,
    '',
    ({ harness: { identities } }) => [
      () => identities.enrol({ name: '/a', rotate: { spki: 'AA', proof: 'AA' } }, pin(1)),
    ],
  ),
  {
    ...attack(
      'a request with the key of an instance that has ended meanwhile',
      'server/naming/commands/authorize.ts: live key',
      'IDENTITY_INVALID',
      'is no longer valid',
      () => [],
    ),
    async prepare({ harness: { names, identities, runtime } }) {
      const ticketHash = runtime.sha256('last');
      const intent = {
        name: '/b',
        manifest: 'm',
        instance: 'last',
        startedAt: 1,
        registryKey: 'p',
        ticketHash,
      };
      const { epoch } = await names.launches.recordIntent(intent);
      await identities.enrol({ name: '/b', instance: 'last', epoch, ticket: 'last' }, pin(9));
      await names.launches.remove('/b', 'last');
      return { principal: '/b', pin: pin(9), instance: { id: 'last', epoch } } satisfies Caller;
    },
    run: async (world, ended: Caller) => [
      await refusalOf(register(world, '/b', 'last', { epoch: ended.instance?.epoch ?? 0 }, ended)),
    ],
  },
  {
    ...attack(
      'a launch ticket that has registered already',
      'server/naming/commands/redeem-ticket.ts: one use of a launch ticket',
      refused,
      'was already used',
      () => [],
    ),
    prepare: (world) =>
      register(world, '/a', 'i', { epoch: world.epoch, ticket: 'ticket of /a i' })() as Promise<unknown>,
    run: async (world) => [
      await refusalOf(register(world, '/a', 'i', { epoch: world.epoch, ticket: 'ticket of /a i' })),
    ],
  },
  ...(['launch', 'stop', 'reset'] as const).map((operation) => ({
    ...attack(
      `a service that a client may call and change, with the request ${operation}`,
      `server/http/authorized-launcher.ts: ${operation}`,
      'FORBIDDEN',
      'must have the right launch',
      ({ harness, caller }) => {
        const started = (): never => {
          throw new Error('The launcher was reached');
        };
        const launcher = {
          launch: started,
          stop: started,
          reset: started,
          checkRule: () => undefined,
          outdated: () => [],
        };
        const rights = new RequestRights(caller, harness.identities, harness.names);
        const authorized = new AuthorizedLauncher(launcher, rights);
        return ['/a', '/b', '/absent'].map((name) => () => authorized[operation]({ name }, undefined));
      },
    ),
    by: 'client' as const,
  })),
  {
    name: 'the environment of the registry, with its secrets',
    by: 'launched program',
    check: 'server/launcher/spawn-service.ts: listed variables',
    refusedAs: 'CLERK_INSTANCE CLERK_LAUNCHED CLERK_OWNER LANG PATH',
    because: '',
    async run() {
      const secrets = {
        CLERK_IDENTITY: '/operator.identity',
        AWS_SECRET_ACCESS_KEY: 'x',
        LD_PRELOAD: 'x.so',
      };
      const environment: Record<string, string> = { ...secrets, LANG: 'C' };
      let passed: SpawnOptions | undefined;
      const processes = {
        env: (name: string) => environment[name],
        spawn: async (options: SpawnOptions) => void (passed = options),
      };
      const names = { formerNames: () => [] };
      const context = { names, processes, registryUrls: () => [], logs: undefined };
      const manifest = { env: ['LANG'], args: [], exec: '/x', programPath: '/x', cwd: '/', maxLogFiles: 1 };
      const record = { name: '/a', instance: 'i', epoch: 1, owner: 'o' };
      const keys = { ticket: 't', registryKey: 'k' };
      await spawnService(context as never, manifest as never, [], record as never, keys);
      const variables = Object.keys(passed?.env ?? {})
        .toSorted()
        .join(' ');
      const isClean = !JSON.stringify(passed?.args).includes('t') && passed?.stdin.includes('"ticket":"t"');
      return [{ as: isClean === true ? variables : 'ticket outside of the standard input', because: '' }];
    },
  },
  inheritedDescriptors,
];
