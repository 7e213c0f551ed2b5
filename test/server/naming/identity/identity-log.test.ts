import { expect, test } from 'vitest';
import { isClerkError } from '../../../../src/core/errors.js';
import type { NamingCommand, PlanContext } from '../../../../src/server/naming/commands/naming-command.js';
import { plan } from '../../../../src/server/naming/commands/plan.js';
import { decodeRecord, encodeChange } from '../../../../src/server/naming/state/record-codec.js';
import { NamingState } from '../../../../src/server/naming/state/naming-state.js';
import { Overlay } from '../../../../src/server/naming/state/overlay.js';
import type { StateChange } from '../../../../src/server/naming/state/records.js';
import type { Caller } from '../../../../src/server/ports.js';
import { seededRandom } from '../../../../src/testing/seeded-random.js';
import { testRuntime } from '../name-server-harness.js';
import { operator, pin } from './identity-harness.js';

const startAt = 1_790_000_000_000;
const names = ['/a', '/a/b', '/a/b/c', '/d', '/d/e'];

interface Step {
  readonly command: NamingCommand;
  readonly at: number;
}

function logOf(seed: number, length: number): Step[] {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const name = (): string => pick(names);
  const key = () => pin(1 + Math.floor(random() * 5));
  const digest = () => pick(['1', '2', '3']).repeat(64);
  const caller = (): Caller => pick([operator, operator, { principal: name(), pin: key() }]);
  const makers: (() => NamingCommand)[] = [
    () => ({ kind: 'issue-token', request: { principal: name() }, digest: digest(), caller: caller() }),
    () => ({ kind: 'enrol-with-token', principal: name(), tokenDigest: digest(), pin: key() }),
    () => ({ kind: 'rotate-key', principal: name(), from: key(), to: pin(10 + Math.floor(random() * 40)) }),
    () => ({
      kind: 'revoke-keys',
      request: { principal: name(), ...(random() < 0.8 && { key: key() }) },
      caller: caller(),
    }),
    () => ({
      kind: 'change-access',
      request: {
        change: pick(['allow', 'remove']),
        principal: pick(['/a', '../b', '/d/*', '/g']),
        path: pick(['/a/b', '/a/*', '/a/**', '/d/e', '/**']),
        rights: [pick(['read', 'call', 'write', 'advertise', 'admin'])],
      },
      caller: caller(),
    }),
    () => ({
      kind: 'group',
      request: { name: pick(['/g', '/a/g']), members: [name(), '/g'] },
      caller: caller(),
    }),
    () => ({ kind: 'define', request: { name: name() }, caller: caller() }),
    () => ({ kind: 'move', request: { from: name(), to: name() }, caller: caller() }),
    () => ({ kind: 'remove', request: { name: name(), recursive: true, force: true }, caller: caller() }),
    () => ({
      kind: 'register',
      request: { name: name(), id: pick(['i', 'j']), addresses: ['http://h:1'] },
      caller: caller(),
      newSecret: 's',
    }),
    () => ({ kind: 'retire-former-keys', principal: name() }),
  ];
  const first: NamingCommand = { kind: 'enrol-operator', principal: '/operator', pin: pin(0) };
  return [first, ...Array.from({ length }, () => pick(makers)())].map((command, i) => ({
    command,
    at: startAt + i * 20_000,
  }));
}

function emptyState(): NamingState {
  return new NamingState({ onRegistered: () => {}, onStatusApplied: () => {}, onRemoved: () => {} });
}

/** Plans the commands in batches, and returns their results, the records and the state. */
function play(log: readonly Step[], batchSize: number) {
  const state = emptyState();
  const records = new Map<string, string>();
  const results: string[] = [];
  for (let i = 0; i < log.length; i += batchSize) {
    const overlay = new Overlay(state);
    for (const { command, at } of log.slice(i, i + batchSize)) {
      const context: PlanContext = {
        remainingGuaranteeMs: () => 0,
        now: () => 1_000,
        wallNow: () => at,
        hashing: testRuntime(),
        ...{ maxRegistrations: 1_000, maxNames: 1_000, maxEndpoints: 1_000 },
        ...{ maxNamesPerPrincipal: 1_000, maxGuaranteedMs: 3_600_000 },
      };
      try {
        const { changes } = plan(overlay, command, context);
        overlay.add(changes);
        results.push(`${command.kind} done`);
      } catch (error) {
        if (!isClerkError(error)) throw error;
        results.push(`${command.kind} ${error.code}`);
      }
    }
    for (const change of overlay.changes) apply(change, state, records);
  }
  return { state, records, results };
}

function apply(change: StateChange, state: NamingState, records: Map<string, string>): void {
  state.apply(change);
  const record = encodeChange(change);
  if (record?.value === undefined) records.delete(record?.key ?? '');
  else records.set(record.key, record.value);
}

function identitiesOf({ identities }: NamingState) {
  const keys = [...identities.keys()].sort((a, b) => (a.pin < b.pin ? -1 : 1));
  return {
    keys,
    byPrincipal: names.map((name) => [
      name,
      [...identities.keysOf(name)].sort((a, b) => (a.pin < b.pin ? -1 : 1)),
    ]),
    count: identities.keyCount,
    tokens: [...identities.tokens()].sort(([a], [b]) => (a < b ? -1 : 1)),
    triples: [...identities.directoriesWithTriples()]
      .sort()
      .map((directory) => [directory, identities.triplesIn(directory).map(({ triple }) => triple)]),
  };
}

const seeds = Array.from({ length: 60 }, (_, i) => i + 1);

test('a batch of changes of keys and rights has the same result as its commands one by one', () => {
  const done = new Set<string>();
  for (const seed of seeds) {
    const log = logOf(seed, 150);
    const single = play(log, 1);
    const batched = play(log, 8);
    expect([seed, batched.results]).toEqual([seed, single.results]);
    expect(identitiesOf(batched.state)).toEqual(identitiesOf(single.state));
    expect(batched.records).toEqual(single.records);
    for (const result of single.results) if (result.endsWith(' done')) done.add(result);
  }
  // Every kind of command has succeeded in some log.
  expect(done.size).toBe(12);
});

test('the keys and rights after any log load into the state that they came from', () => {
  for (const seed of seeds) {
    const { state, records } = play(logOf(seed, 150), 1);
    const loaded = emptyState();
    loaded.load(
      [...records].map(([key, value]) => decodeRecord(key, value)),
      1,
    );
    expect([seed, identitiesOf(loaded)]).toEqual([seed, identitiesOf(state)]);
  }
});

test('a revoked key is never enrolled again', () => {
  for (const seed of seeds) {
    const log = logOf(seed, 150);
    const early = play(log.slice(0, 75), 1).state;
    const late = play(log, 1).state;
    for (const { pin: key, revokedAt } of early.identities.keys())
      if (revokedAt !== undefined) expect(late.identities.key(key)).toMatchObject({ revokedAt });
  }
});
