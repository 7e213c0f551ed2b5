import { expect, test } from 'vitest';
import { isClerkError } from '../../../../src/core/errors.js';
import type { NamingCommand, PlanContext } from '../../../../src/server/naming/commands/naming-command.js';
import { plan } from '../../../../src/server/naming/commands/plan.js';
import { Overlay } from '../../../../src/server/naming/state/overlay.js';
import { decodeRecord, encodeChange } from '../../../../src/server/naming/state/records.js';
import { NamingState } from '../../../../src/server/naming/state/naming-state.js';
import { seededRandom } from '../../../../src/testing/seeded-random.js';
import { localCaller, testRuntime } from '../name-server-harness.js';

const surroundings = (random: () => number): PlanContext => ({
  remainingGuaranteeMs: (_, guaranteedMs) => (random() < 0.3 ? guaranteedMs : 0),
  hashing: testRuntime(),
  maxRegistrations: 1_000,
  maxEndpoints: 10_000,
});

/** Plays a log: what every command came to, and the records in the end. */
function play(log: readonly NamingCommand[], seed: number) {
  const tables = new NamingState({ onRegistered: () => {}, onStatusApplied: () => {}, onRemoved: () => {} });
  const records = new Map<string, string>();
  const around = surroundings(seededRandom(seed));
  const results = log.map((command) => {
    const before = new Map(records);
    try {
      const { changes, ...rest } = plan(tables, command, around);
      for (const change of changes) {
        tables.apply(change);
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
  return { results, records, tables };
}

/** Commands of every kind over a few names, so that they meet. */
function logOf(seed: number, length: number): NamingCommand[] {
  const random = seededRandom(seed);
  const one = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const name = (): string => one(['/a', '/a/b', '/a/b/c', '/d', '/d/e', '/f']);
  const id = (): string => one(['i', 'j', 'k']);
  const epoch = (): number => 1 + Math.floor(random() * 6);
  const flag = (): boolean => random() < 0.5;
  const makers: (() => NamingCommand)[] = [
    () => ({ kind: 'define', request: { name: name(), guaranteedMs: one([0, 1_000]), whenExpired: flag() } }),
    () => ({ kind: 'link', request: { name: name(), target: name(), whenExpired: flag() } }),
    () => ({ kind: 'directory', request: { name: name() }, id: one(['#1', '#2']) }),
    () => ({ kind: 'move', request: { from: name(), to: name() } }),
    () => ({
      kind: 'remove',
      request: { name: name(), recursive: flag(), force: flag(), whenExpired: flag() },
    }),
    () => ({
      kind: 'register',
      request: { name: name(), id: id(), addresses: ['http://h:1'], ...(flag() && { epoch: epoch() }) },
      caller: localCaller,
    }),
    () => ({ kind: 'withdraw', request: { name: name(), id: id(), epoch: epoch(), now: flag() } }),
    () => ({ kind: 'drop', endpoints: [{ name: name(), id: id(), epoch: epoch() }] }),
    () => ({ kind: 'vanish', name: name() }),
    () => ({ kind: 'complete', name: name() }),
    () => ({ kind: 'forget', name: name(), instance: id() }),
    () => ({
      kind: 'intend',
      record: {
        name: name(),
        manifest: 'm',
        instance: id(),
        ticketHash: 'h',
        registryKey: 'k',
        startedAt: 1,
      },
    }),
  ];
  return Array.from({ length }, () => one(makers)());
}

test('the same log gives the same state, and a refusal changes nothing', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const log = logOf(seed, 120);
    const first = play(log, seed);
    const second = play(log, seed);
    expect(second.results).toEqual(first.results);
    expect(second.records).toEqual(first.records);
  }
});

test('what the records say after any log is read back as the state that they came from', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { records, tables } = play(logOf(seed, 120), seed);
    const read = new NamingState({ onRegistered: () => {}, onStatusApplied: () => {}, onRemoved: () => {} });
    read.load(
      [...records].map(([key, value]) => decodeRecord(key, value)),
      1,
    );
    const stateOf = (one: NamingState) => ({
      names: [...one.names.from('')],
      counts: [
        one.services,
        one.links,
        one.registrationTotal,
        one.epochFloor,
        one.registrationCount(localCaller.principal),
      ],
      owners: one
        .registrationsAt('http://h:1')
        .map(({ entry, id, epoch }) => `${entry.name} ${id} ${epoch}`)
        .sort(),
      places: [...one.entries.values()]
        .map(({ name, record }) => [
          name,
          record,
          one.counter(name),
          [...one.endpoints(name)].map(({ json }) => json).sort(),
          Object.fromEntries(one.fences(name)),
        ])
        .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1)),
    });
    // A counter that nobody used reads as none.
    expect(JSON.stringify(stateOf(read))).toBe(JSON.stringify(stateOf(tables)));
    expect([...tables.entries.keys()].sort()).toEqual([...tables.names.from('')].sort());
  }
});

test('a batch planned on the overlay comes to the same as its commands one after the other', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const log = logOf(seed, 120);
    const apart = play(log, seed);
    const base = new NamingState({ onRegistered: () => {}, onStatusApplied: () => {}, onRemoved: () => {} });
    const around = surroundings(seededRandom(seed));
    const results: unknown[] = [];
    for (let i = 0; i < log.length; i += 10) {
      const overlay = new Overlay(base);
      for (const command of log.slice(i, i + 10)) {
        try {
          const { changes, ...rest } = plan(overlay, command, around);
          overlay.add(changes);
          results.push(rest);
        } catch (error) {
          if (!isClerkError(error)) throw error;
          results.push(error.code);
        }
      }
      for (const change of overlay.changes) base.apply(change);
    }
    expect(results).toEqual(apart.results);
    expect([...base.names.from('')]).toEqual([...apart.tables.names.from('')]);
    expect(base.registrationTotal).toBe(apart.tables.registrationTotal);
  }
});
