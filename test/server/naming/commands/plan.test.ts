import { expect, test } from 'vitest';
import { isClerkError } from '../../../../src/core/errors.js';
import type {
  NamingCommand,
  Plan,
  PlanContext,
} from '../../../../src/server/naming/commands/naming-command.js';
import { plan } from '../../../../src/server/naming/commands/plan.js';
import { Overlay } from '../../../../src/server/naming/state/overlay.js';
import { decodeRecord, encodeChange } from '../../../../src/server/naming/state/record-codec.js';
import { NamingState } from '../../../../src/server/naming/state/naming-state.js';
import { seededRandom } from '../../../../src/testing/seeded-random.js';
import { localCaller, testRuntime } from '../name-server-harness.js';

/** The guarantee of each name has ended or not, in whatever order a command reads the names. */
const contextOf = (seed: number): PlanContext => ({
  remainingGuaranteeMs: (name, { guaranteedMs }) =>
    seededRandom(seed * 100 + name.length)() < 0.3 ? guaranteedMs : 0,
  now: () => 1_000,
  wallNow: () => 1_790_000_000_000,
  hashing: testRuntime(),
  maxRegistrations: 1_000,
  maxNames: 1_000,
  maxNamesPerPrincipal: 1_000,
  maxGuaranteedMs: 3_600_000,
  maxEndpoints: 10_000,
});

/** A plan whose names are in one order. */
const sorted = ({ brokenGuarantees, ...rest }: Plan): Plan => ({
  ...rest,
  ...(brokenGuarantees && { brokenGuarantees: [...brokenGuarantees].sort() }),
});

/** Replays a log. Returns the result of each command, and the records at the end. */
function play(log: readonly NamingCommand[], seed: number) {
  const state = new NamingState({ onRegistered: () => {}, onStatusApplied: () => {}, onRemoved: () => {} });
  const records = new Map<string, string>();
  const context = contextOf(seed);
  const results = log.map((command) => {
    const before = new Map(records);
    try {
      const { changes, ...rest } = sorted(plan(state, command, context));
      for (const change of changes) {
        state.apply(change);
        const record = encodeChange(change);
        if (record === undefined) continue;
        const { key, value } = record;
        if (value === undefined) records.delete(key);
        else records.set(key, value);
      }
      return rest;
    } catch (error) {
      if (!isClerkError(error)) throw error;
      expect(records).toEqual(before);
      return error.code;
    }
  });
  return { results, records, state };
}

/** Commands of every kind over a few names, so that they conflict. */
function logOf(seed: number, length: number): NamingCommand[] {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const name = (): string => pick(['/a', '/a/b', '/a/b/c', '/d', '/d/e', '/f']);
  const id = (): string => pick(['i', 'j', 'k']);
  const epoch = (): number => 1 + Math.floor(random() * 6);
  const secret = (): string => pick(['s', 't']);
  const flag = (): boolean => random() < 0.5;
  const makers: (() => NamingCommand)[] = [
    () => ({
      kind: 'define',
      request: { name: name(), guaranteedMs: pick([0, 1_000]), whenExpired: flag() },
    }),
    () => ({ kind: 'link', request: { name: name(), target: name(), whenExpired: flag() } }),
    () => ({ kind: 'directory', request: { name: name() }, id: pick(['#1', '#2']) }),
    () => ({ kind: 'move', request: { from: name(), to: name() } }),
    () => ({
      kind: 'remove',
      request: { name: name(), recursive: flag(), force: flag(), whenExpired: flag() },
    }),
    () => ({
      kind: 'register',
      request: {
        name: name(),
        id: id(),
        addresses: [pick(['http://h:1', 'http://h:2'])],
        ...(flag() && { epoch: epoch() }),
        ...(flag() && { secret: secret() }),
      },
      caller: localCaller,
      newSecret: secret(),
    }),
    () => ({
      kind: 'withdraw',
      request: { name: name(), id: id(), epoch: epoch(), secret: secret(), now: flag() },
      caller: pick([localCaller, undefined]),
    }),
    () => ({ kind: 'expire-endpoints', endpoints: [{ name: name(), id: id(), epoch: epoch() }] }),
    () => ({ kind: 'expire-service', name: name() }),
    () => ({ kind: 'apply-pending', name: name() }),
    () => ({ kind: 'remove-launch', name: name(), instance: id() }),
    () => ({
      kind: 'record-intent',
      record: {
        name: name(),
        manifest: 'm',
        instance: id(),
        ticketHash: 'h',
        registryKey: 'k',
        startedAt: 1,
        owner: 'o',
      },
    }),
  ];
  return Array.from({ length }, () => pick(makers)());
}

test('the same log gives the same state, and a rejected command changes nothing', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const log = logOf(seed, 120);
    const first = play(log, seed);
    const second = play(log, seed);
    expect(second.results).toEqual(first.results);
    expect(second.records).toEqual(first.records);
  }
});

test('the records after any log load into the state that they came from', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { records, state } = play(logOf(seed, 120), seed);
    const loaded = new NamingState({
      onRegistered: () => {},
      onStatusApplied: () => {},
      onRemoved: () => {},
    });
    loaded.load(
      [...records].map(([key, value]) => decodeRecord(key, value)),
      1,
    );
    const stateOf = (from: NamingState) => ({
      names: [...from.names.from('')],
      counts: [
        from.services,
        from.links,
        from.registrationTotal,
        from.epochFloor,
        from.registrationCount(localCaller.principal),
      ],
      addressOwners: from
        .registrationsAt('http://h:1')
        .map(({ entry, id, epoch }) => `${entry.name} ${id} ${epoch}`)
        .sort(),
      entries: [...from.entries.values()]
        .map(({ name, record }) => [
          name,
          record,
          from.counter(name),
          [...from.endpoints(name)].map(({ json }) => json).sort(),
          // A displaced holder is not stored.
          [...from.fences(name)].map(([id, { displaced: _, ...fence }]) => [id, fence]),
        ])
        .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
    });
    // A counter that was never used is not stored.
    expect(JSON.stringify(stateOf(loaded))).toBe(JSON.stringify(stateOf(state)));
    expect([...state.entries.keys()].sort()).toEqual([...state.names.from('')].sort());
  }
});

test('a batch that is planned on an overlay has the same result as its commands one by one', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const log = logOf(seed, 120);
    const sequential = play(log, seed);
    const base = new NamingState({ onRegistered: () => {}, onStatusApplied: () => {}, onRemoved: () => {} });
    const context = contextOf(seed);
    const results: unknown[] = [];
    for (let i = 0; i < log.length; i += 10) {
      const overlay = new Overlay(base);
      for (const command of log.slice(i, i + 10)) {
        try {
          const { changes, ...rest } = sorted(plan(overlay, command, context));
          overlay.add(changes);
          results.push(rest);
        } catch (error) {
          if (!isClerkError(error)) throw error;
          results.push(error.code);
        }
      }
      for (const change of overlay.changes) base.apply(change);
    }
    expect(results).toEqual(sequential.results);
    expect([...base.names.from('')]).toEqual([...sequential.state.names.from('')]);
    expect(base.registrationTotal).toBe(sequential.state.registrationTotal);
  }
});
