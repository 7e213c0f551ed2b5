/** The steps by which a registry gets another key. */
import { expect, test } from 'vitest';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import type { ClerkError } from '../../src/core/errors.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { LiveRegistryKey } from '../../src/server/live-registry-key.js';
import {
  registryKeyPath,
  rotateKey,
  rotationStepMs,
  type RegistryKeyState,
  type RegistryKeyStep,
} from '../../src/server/registry-key.js';
import { ManualClock } from '../support/manual-clock.js';

const first = systemKeys.create('/registry');

class Folder {
  readonly clock = new ManualClock();
  state: RegistryKeyState | undefined = { credentials: first, pins: [first.pin] };
  writes = 0;
  operatorPins: readonly string[] | undefined;

  rotate(step: RegistryKeyStep, force = false) {
    return rotateKey(
      { data: '/data', step, force },
      {
        keys: systemKeys,
        wallNow: () => this.clock.wallNow(),
        files: {
          read: (path) => (path === registryKeyPath('/data') ? this.state : undefined),
          write: async (_path, state) => {
            this.writes++;
            this.state = state;
          },
          updateRegistryKeys: async (_path, pins) => {
            this.operatorPins = pins;
          },
        },
      },
    );
  }

  get key(): CheckedCredentials | undefined {
    return this.state?.credentials;
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'ok',
    (error: unknown) => (error as ClerkError).code,
  );
}

test('the key changes in three steps, with a time of both keys before and after the switch', async () => {
  const folder = new Folder();
  const prepared = await folder.rotate('prepare');
  const next = folder.state?.next;
  expect(prepared).toMatchObject({
    registryKey: first.pin,
    registryKeys: [first.pin, next?.pin],
    next: 'switch',
    nextInMs: rotationStepMs,
  });
  expect(folder.key).toBe(first);
  folder.clock.advance(rotationStepMs);
  expect(await folder.rotate('switch')).toMatchObject({
    registryKey: next?.pin,
    registryKeys: [next?.pin, first.pin],
    next: 'retire',
  });
  expect(folder.state).toMatchObject({ credentials: { pin: next?.pin } });
  expect(folder.state?.next).toBeUndefined();
  folder.clock.advance(rotationStepMs);
  expect(await folder.rotate('retire')).toEqual({
    registryKey: next?.pin,
    registryKeys: [next?.pin],
    next: undefined,
    nextInMs: 0,
  });
});

test('a repeated step changes nothing', async () => {
  const folder = new Folder();
  const steps: readonly RegistryKeyStep[] = ['prepare', 'switch', 'retire'];
  for (const [i, step] of steps.entries()) {
    const result = await folder.rotate(step, true);
    const { state } = folder;
    expect(await folder.rotate(step)).toEqual(result);
    expect(folder.state).toBe(state);
    expect(folder.writes).toBe(i + 1);
  }
});

test('a repeated step states the time that remains, and completes the update of the identity file', async () => {
  const folder = new Folder();
  const { registryKeys } = await folder.rotate('prepare');
  folder.clock.advance(9_000);
  folder.operatorPins = undefined;
  expect(await folder.rotate('prepare')).toMatchObject({ nextInMs: rotationStepMs - 9_000 });
  expect(folder.operatorPins).toEqual(registryKeys);
});

test('a step waits for 330 s after the step before it, unless it is forced', async () => {
  const folder = new Folder();
  await folder.rotate('prepare');
  folder.clock.advance(rotationStepMs - 1);
  await expect(folder.rotate('switch')).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY', remainingMs: 1 });
  folder.clock.advance(1);
  await folder.rotate('switch');
  expect(await codeOf(folder.rotate('retire'))).toBe('CHANGE_TOO_EARLY');
  expect(await codeOf(folder.rotate('retire', true))).toBe('ok');
});

test('a step out of order changes nothing', async () => {
  const folder = new Folder();
  expect(await codeOf(folder.rotate('switch', true))).toBe('CONFIG_INVALID');
  await folder.rotate('prepare', true);
  expect(await codeOf(folder.rotate('retire', true))).toBe('CONFIG_INVALID');
  await folder.rotate('switch', true);
  expect(await codeOf(folder.rotate('prepare', true))).toBe('CONFIG_INVALID');
  expect(folder.writes).toBe(2);
  folder.state = undefined;
  expect(await codeOf(folder.rotate('prepare'))).toBe('CONFIG_INVALID');
});

test('a listener of the registry key that throws does not keep the other listeners from the new key, and is logged', () => {
  const clock = new ManualClock();
  const errors: string[] = [];
  const second = systemKeys.create('/registry');
  let stored: RegistryKeyState = { credentials: first, pins: [first.pin] };
  const key = new LiveRegistryKey({
    ...{ initial: stored, read: () => stored, clock },
    logger: { error: (message) => errors.push(message) },
  });
  const seen: string[] = [];
  key.onChanged(() => {
    throw new Error('the disk is full');
  });
  key.onChanged(() => seen.push(key.credentials.pin));
  stored = { credentials: second, pins: [second.pin, first.pin] };
  clock.advance(1_000);
  key.poll();
  expect(seen).toEqual([second.pin]);
  expect(errors).toEqual([
    expect.stringMatching(/^The registry key was reloaded.*: the disk is full; restart the server$/),
  ]);
});

test('a running registry reads its key at most once a second, and keeps the last key while the file is unreadable', () => {
  const clock = new ManualClock();
  const errors: string[] = [];
  const second = systemKeys.create('/registry');
  let stored: RegistryKeyState | undefined = { credentials: first, pins: [first.pin] };
  let reads = 0;
  let changes = 0;
  const key = new LiveRegistryKey({
    initial: stored,
    read: () => {
      reads++;
      return stored;
    },
    clock,
    logger: { error: (message) => errors.push(message) },
  });
  key.onChanged(() => changes++);
  const poll = (): void => {
    for (let i = 0; i < 3; i++) key.poll();
  };
  poll();
  expect(reads).toBe(0);
  clock.advance(1_000);
  poll();
  expect([reads, changes]).toEqual([1, 0]);
  stored = undefined;
  for (let i = 0; i < 2; i++) {
    clock.advance(1_000);
    poll();
  }
  expect([key.credentials.pin, errors.length]).toEqual([first.pin, 1]);
  expect(errors[0]).toContain('missing');
  stored = { credentials: first, next: second, pins: [first.pin, second.pin] };
  clock.advance(1_000);
  poll();
  expect([key.credentials.pin, key.pins.length, changes]).toEqual([first.pin, 2, 1]);
  stored = { credentials: second, pins: [second.pin, first.pin] };
  clock.advance(1_000);
  poll();
  expect([key.credentials.pin, changes]).toEqual([second.pin, 2]);
});
