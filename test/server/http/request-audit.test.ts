/** Which requests an HTTP server records in its audit log. */
import { expect, test } from 'vitest';
import { ClerkError } from '../../../src/core/errors.js';
import type { AuditEntry, AuditLog, Launcher } from '../../../src/server/ports.js';
import { startHarness } from './http-harness.js';

/** An audit log in memory. `steps` are the recorded lines, and the ends of the gated records. */
class FakeAuditLog implements AuditLog {
  failure: ClerkError | undefined;
  readonly steps: string[] = [];
  readonly entries: AuditEntry[] = [];
  gate: Promise<void> = Promise.resolve();

  async recordChange(entry: AuditEntry): Promise<void> {
    this.#add('change', entry);
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
  }

  startChange(): () => void {
    return () => undefined;
  }

  recordTicket(entry: AuditEntry): void {
    this.#add('ticket', entry);
  }

  recordOwnChange(): void {
    throw new Error('The HTTP server makes no changes itself');
  }

  recordError(kind: 'refusal' | 'failure', entry: AuditEntry): void {
    this.#add(kind, entry);
  }

  read(): ReturnType<AuditLog['read']> {
    return Promise.resolve({ lines: [], next: '', more: false });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #add(kind: string, entry: AuditEntry): void {
    this.entries.push(entry);
    this.steps.push(`${kind} ${entry.operation ?? ''} ${entry.result ?? ''}`);
  }
}

async function auditedHarness(launcher: Partial<Launcher> = {}) {
  const log = new FakeAuditLog();
  const harness = await startHarness({ audit: log, launcher: launcher as Launcher });
  return { ...harness, log };
}

test('a start that another request has made, and a stop of nothing, are not changes', async () => {
  const results = { started: true, stopped: 2 };
  const response = () => Promise.resolve({ name: '/a', endpoints: [], started: results.started });
  const { post, log } = await auditedHarness({
    launch: response,
    reset: response,
    stop: () => Promise.resolve({ stopped: results.stopped }),
  });
  const all = async (): Promise<readonly string[]> => {
    for (const path of ['launch', 'stop', 'reset'])
      expect((await post(`/v1/${path}`, { name: '/a' })).status).toBe(200);
    return log.steps.splice(0);
  };
  expect(await all()).toEqual(['change launch ok', 'change stop ok', 'change reset ok']);
  expect(log.entries[1]).toMatchObject({ names: ['/a'], details: { stopped: 2 } });
  Object.assign(results, { started: false, stopped: 0 });
  expect(await all()).toEqual(['change reset ok']);
});

test('a change that may have had an effect is recorded as a failure, and an invalid one is not', async () => {
  let error: Error = new ClerkError('START_FAILED', 'The program ended');
  const { post, log, names } = await auditedHarness({ launch: () => Promise.reject(error) });
  await post('/v1/launch', { name: '/a' });
  error = new ClerkError('DEADLINE_EXCEEDED', 'The service did not register in time');
  await post('/v1/launch', { name: '/a' });
  error = new Error('a bug');
  expect((await post('/v1/launch', { name: '/a' })).status).toBe(500);
  expect(log.steps.splice(0)).toEqual([
    'failure launch START_FAILED',
    'failure launch DEADLINE_EXCEEDED',
    'failure launch REGISTRY_UNREACHABLE',
  ]);
  expect(log.entries[0]).toMatchObject({ names: ['/a'], from: '127.0.0.1', principal: 'address:loopback' });
  names.nextError = new ClerkError('NAME_NOT_FOUND', '/a does not exist');
  expect((await post('/v1/define', { name: '/a' })).status).toBe(404);
  names.nextError = undefined;
  expect((await post('/v1/define', { name: 5 })).status).toBe(400);
  expect((await post('/v1/define', '{')).status).toBe(400);
  expect(log.steps).toEqual([]);
  names.nextError = new ClerkError('CHANGE_TOO_EARLY', 'A guarantee holds', { remainingMs: 5 });
  await post('/v1/define', { name: '/a' });
  names.nextError = new ClerkError('LIMIT_EXCEEDED', 'Too many');
  await post('/v1/register', { name: '/a', id: 'x', addresses: ['http://127.0.0.1:1'] });
  expect(log.steps).toEqual(['refusal define CHANGE_TOO_EARLY', 'refusal register LIMIT_EXCEEDED']);
});

test('lookups, renewals and reports are not recorded', async () => {
  const { get, post, log } = await auditedHarness();
  await get('/v1/resolve?name=/absent');
  await get('/v1/list?glob=/**');
  await post('/v1/renew', { renewals: [{ name: '/a', id: 'x', epoch: 1 }] });
  await post('/v1/report', {
    clerk: 'c',
    reports: [{ name: '/a', id: 'x', epoch: 1, verdict: 'unreachable' }],
  });
  expect(log.steps).toEqual([]);
});

test('the response waits for the record, and a change that cannot be recorded is an error', async () => {
  const { post, log, names } = await auditedHarness();
  let open = (): void => undefined;
  log.gate = new Promise((resolve) => (open = resolve));
  let isAnswered = false;
  const response = post('/v1/define', { name: '/a' }).finally(() => (isAnswered = true));
  await expect.poll(() => log.steps).toEqual(['change define ok']);
  await post('/v1/renew', { renewals: [{ name: '/a', id: 'x', epoch: 1 }] });
  expect(isAnswered).toBe(false);
  log.failure = new ClerkError('REGISTRY_UNREACHABLE', 'The audit log cannot be written');
  open();
  expect((await response).json.error.message).toBe('The audit log cannot be written');
  names.requests.length = 0;
  expect((await post('/v1/define', { name: '/b' })).status).toBe(503);
  expect(names.requests).toEqual([]);
});
