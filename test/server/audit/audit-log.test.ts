/** The files of the audit log, on a folder in memory and in virtual time. */
import { expect, test } from 'vitest';
import { isClerkError } from '../../../src/core/errors.js';
import { maxLineBytes } from '../../../src/server/audit/audit-line.js';
import { maxQueuedBytes, retryDelayMs, syncDelayMs } from '../../../src/server/audit/audit-writer.js';
import { maxTicketCounts, ticketWindowMs } from '../../../src/server/audit/ticket-window.js';
import { allLines, auditHarness, wallStartAt } from './audit-harness.js';
import { MemoryAuditFolder } from './memory-audit-folder.js';

const change = (name: string) => ({
  operation: 'define',
  names: [name],
  principal: '/shop/web',
  result: 'ok',
});
const errorOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => (isClerkError(error) ? error.code : error),
  );
const at = (ms: number): string => new Date(wallStartAt + ms).toISOString();

test('a recorded change is in the file before the promise resolves, and synced within a second', async () => {
  const { log, folder, runtime } = await auditHarness();
  await runtime.advance(1_000);
  await log.recordChange({ ...change('/a'), key: 'sha256/k', from: '10.0.0.1', revision: '7' });
  expect(folder.lines.at(-1)).toEqual({
    seq: wallStartAt + 1,
    at: at(1_000),
    kind: 'change',
    result: 'ok',
    operation: 'define',
    names: ['/a'],
    principal: '/shop/web',
    key: 'sha256/k',
    from: '10.0.0.1',
    revision: '7',
  });
  expect(String([...folder.synced.values()])).not.toContain('/a');
  await runtime.advance(syncDelayMs);
  expect(syncDelayMs).toBeLessThan(1_000);
  expect(String([...folder.synced.values()])).toContain('/a');
});

test('changes that arrive together share a write, and a second of changes shares a sync', async () => {
  const { log, folder, runtime } = await auditHarness();
  await runtime.advance(1_000);
  folder.operations.length = 0;
  await Promise.all(Array.from({ length: 100 }, (_, i) => log.recordChange(change(`/n${i}`))));
  expect(folder.operations).toEqual(['write']);
  for (let i = 0; i < 50; i++) await log.recordChange(change('/m'));
  await runtime.advance(syncDelayMs);
  expect(folder.operations.filter((operation) => operation === 'sync')).toHaveLength(1);
});

test('files are rotated at their size, and the oldest file is removed', async () => {
  const harness = await auditHarness({ maxFileBytes: 1_000, maxFiles: 3 });
  const { log, folder } = harness;
  for (let i = 0; i < 100; i++) await log.recordChange(change(`/n${i}`));
  // One batch that is longer than a file is spread over files.
  await Promise.all(Array.from({ length: 30 }, (_, i) => log.recordChange(change(`/m${i}`))));
  expect(folder.files.size).toBe(3);
  for (const [name, bytes] of folder.files) {
    const [first] = String(bytes).split('\n');
    expect(name).toBe(`${String(JSON.parse(first as string).seq).padStart(16, '0')}.ndjson`);
    expect(bytes.length).toBeLessThanOrEqual(1_000);
    expect(bytes.at(-1)).toBe(10);
  }
  const seqs = (await allLines(harness)).map(({ seq }) => seq);
  expect(seqs).toEqual(folder.lines.map(({ seq }) => seq));
  expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] ?? 0) + i));
  expect(seqs.at(-1)).toBe(wallStartAt + 130);
  // A file is synced before the next file is written.
  for (const [name, bytes] of folder.files)
    if (name !== [...folder.files.keys()].at(-1)) expect(folder.synced.get(name)).toEqual(bytes);
});

test('a change that arrives while the next file is created is written and acknowledged with it', async () => {
  const { log, folder, runtime } = await auditHarness({ maxFileBytes: 300 });
  await log.recordChange(change('/a'));
  const acknowledged: string[] = [];
  const record = (name: string): void =>
    void log.recordChange(change(name)).then(() => acknowledged.push(name));
  folder.hook = (operation) => {
    if (operation === 'create') record('/c');
  };
  record('/b');
  await runtime.advance(1);
  expect(folder.files.size).toBe(2);
  expect(folder.lines.map(({ names, kind }) => names?.[0] ?? kind)).toEqual(['start', '/a', '/b', '/c']);
  expect(acknowledged).toEqual(['/b', '/c']);
});

test('a restarted server continues the last file, without a gap', async () => {
  const first = await auditHarness();
  await first.log.recordChange(change('/a'));
  await first.log.close();
  const { log, folder } = await auditHarness({ folder: first.folder });
  await log.recordChange(change('/b'));
  expect(folder.files.size).toBe(1);
  expect(folder.lines.map(({ seq, kind }) => [seq - wallStartAt, kind])).toEqual([
    [0, 'start'],
    [1, 'change'],
    [2, 'stop'],
    [3, 'start'],
    [4, 'change'],
  ]);
  expect(folder.lines[0].details).toEqual({ incarnation: 'i1' });
  expect(folder.lines[3].details).toEqual({ incarnation: 'i1', previous: wallStartAt + 2 });
});

test('a log that was restored from an older copy repeats no number of the lines that it lost', async () => {
  const { folder: backup, log, runtime } = await auditHarness();
  await log.recordChange(change('/kept'));
  await log.close();
  let highest = 0;
  for (const history of ['/original', '/restored', '/restored-again']) {
    const folder = backup.copy();
    await runtime.advance(1_000);
    const next = await auditHarness({ folder, runtime });
    for (let i = 0; i < 100; i++) await next.log.recordChange(change(history));
    const [start] = folder.lines.slice(3);
    expect(start).toMatchObject({ kind: 'start', details: { previous: wallStartAt + 2 } });
    expect(start.seq).toBeGreaterThan(highest);
    highest = folder.lines.at(-1).seq as number;
  }
});

test('after a kill, a torn line is cut, and a gap states from which line on lines may be missing', async () => {
  const { log, folder, runtime } = await auditHarness();
  await runtime.advance(5_000);
  await log.recordChange(change('/a'));
  await log.recordChange(change('/b'));
  const whole = folder.text;
  const tornAt = whole.length - 10;
  for (const length of [whole.length, tornAt]) {
    const killed = folder.copy();
    const [name = ''] = killed.files.keys();
    killed.files.set(name, Buffer.from(whole.slice(0, length)));
    const restarted = await auditHarness({ folder: killed });
    const count = length === tornAt ? 2 : 3;
    const lastSeq = wallStartAt + count - 1;
    const [gap, start] = killed.lines.slice(count);
    expect(gap).toMatchObject({ kind: 'gap', missingFrom: lastSeq + 1, since: at(5_000) });
    expect(start).toMatchObject({ kind: 'start', seq: Number(gap.seq) + 1 });
    // No later line gets the number of a lost line.
    expect(gap.seq).toBeGreaterThan(lastSeq + 100_000);
    await restarted.log.close();
  }
});

test('after a power failure, the gap begins at the last synced line', async () => {
  const { log, folder, runtime } = await auditHarness();
  await log.recordChange(change('/synced'));
  await runtime.advance(syncDelayMs);
  for (const name of ['/lost1', '/lost2']) await log.recordChange(change(name));
  const { folder: after } = await auditHarness({ folder: folder.copy(folder.synced) });
  expect(after.lines.map(({ kind, names }) => names?.[0] ?? kind)).toEqual([
    'start',
    '/synced',
    'gap',
    'start',
  ]);
  expect(after.lines[2]).toMatchObject({ missingFrom: wallStartAt + 2, since: at(0) });
  expect(after.lines[2].seq).toBeGreaterThan(folder.lines.at(-1).seq as number);
});

test('after a power failure, zeros at the end and a file without a line are cut', async () => {
  const { log, folder } = await auditHarness();
  await log.recordChange(change('/a'));
  const [name = ''] = folder.files.keys();
  const bytes = folder.files.get(name) as Buffer;
  folder.files.set(name, Buffer.concat([bytes, Buffer.alloc(5_000)]));
  const damaged = '0002000000000000.ndjson';
  folder.files.set(damaged, Buffer.alloc(300));
  const { folder: after } = await auditHarness({ folder });
  expect(String(after.files.get(damaged)).split('\n').slice(0, -1)).toEqual([
    expect.stringContaining('"kind":"gap","missingFrom":2000000000000'),
    expect.stringContaining('"kind":"start"'),
  ]);
  after.files.delete(damaged);
  const again = await auditHarness({ folder: after });
  expect(again.folder.lines.map(({ kind }) => kind)).toEqual(['start', 'change', 'gap', 'start']);
});

test('other files in the folder are ignored', async () => {
  const folder = new MemoryAuditFolder();
  for (const name of ['notes.txt', '1.ndjson', '0000000000000001.ndjson.gz', 'lock'])
    folder.files.set(name, Buffer.from('{"seq":900}\n'));
  const { log } = await auditHarness({ folder });
  await log.recordChange(change('/a'));
  const written = folder.files.get(`000${wallStartAt}.ndjson`);
  expect(String(written)).toContain(`"seq":${wallStartAt + 1}`);
  expect(folder.files.size).toBe(5);
});

test('a full disk refuses changes until the lines are written, and loses no line', async () => {
  const { log, folder, runtime, messages } = await auditHarness();
  folder.hook = (operation) => {
    if (operation === 'write') throw new Error('ENOSPC: no space left on device');
  };
  const failed = await Promise.all(['/a', '/b'].map((name) => errorOf(log.recordChange(change(name)))));
  expect(failed).toEqual(['REGISTRY_UNREACHABLE', 'REGISTRY_UNREACHABLE']);
  expect(log.failure?.message).toContain('ENOSPC');
  log.recordError('refusal', { principal: '/p', result: 'FORBIDDEN' });
  await runtime.advance(10 * retryDelayMs);
  expect(log.failure).toBeDefined();
  expect(messages).toHaveLength(1);
  folder.hook = () => undefined;
  await runtime.advance(retryDelayMs);
  expect(log.failure).toBeUndefined();
  expect(messages).toHaveLength(2);
  await log.recordChange(change('/c'));
  expect(folder.lines.map(({ seq, names, kind }) => [seq - wallStartAt, names?.[0] ?? kind])).toEqual([
    [0, 'start'],
    [1, '/a'],
    [2, '/b'],
    [3, 'refusal'],
    [4, '/c'],
  ]);
});

test('a write that fails halfway is repeated at the same place', async () => {
  const harness = await auditHarness();
  const { log, folder, runtime } = harness;
  const [name = ''] = folder.files.keys();
  folder.hook = (operation) => {
    if (operation !== 'write') return;
    folder.files.set(name, Buffer.concat([folder.files.get(name) as Buffer, Buffer.from('{"seq":2,"at')]));
    throw new Error('EIO');
  };
  await errorOf(log.recordChange(change('/a')));
  expect((await allLines(harness)).map(({ seq }) => seq)).toEqual([wallStartAt]);
  folder.hook = () => undefined;
  await runtime.advance(retryDelayMs);
  expect(folder.lines.map(({ seq }) => seq)).toEqual([wallStartAt, wallStartAt + 1]);
});

test('lines beyond the memory for waiting lines are lost, and a gap states it', async () => {
  const harness = await auditHarness();
  const { log, folder, runtime } = harness;
  folder.hook = (operation) => {
    if (operation === 'write') throw new Error('ENOSPC');
  };
  const long = { ...change('/a'), details: { id: Array.from({ length: 16 }, () => 'x'.repeat(256)) } };
  const count = Math.ceil((1.5 * maxQueuedBytes) / 4_000);
  for (let i = 0; i < count; i++) await errorOf(log.recordChange(long));
  folder.hook = () => undefined;
  await runtime.advance(2 * retryDelayMs);
  await log.recordChange(change('/last'));
  const lines = await allLines(harness);
  const gap = lines.find(({ kind }) => kind === 'gap');
  expect(lines.at(-1)?.names).toEqual(['/last']);
  const seqs = lines.map(({ seq }) => seq);
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  // Exactly the lines from the stated number up to the gap are missing.
  const missing = lines.flatMap(({ seq }, i) => ((lines[i + 1]?.seq ?? seq + 1) > seq + 1 ? [seq + 1] : []));
  expect(missing).toEqual([gap?.missingFrom]);
  expect(folder.text.length).toBeLessThan(maxQueuedBytes + 10_000);
});

test('after a failed sync, a gap states which lines a power failure may have taken', async () => {
  const { log, folder, runtime } = await auditHarness();
  await runtime.advance(1_000);
  await log.recordChange(change('/a'));
  folder.hook = (operation) => {
    if (operation === 'sync') throw new Error('EIO');
  };
  await runtime.advance(syncDelayMs);
  expect(await errorOf(log.recordChange(change('/b')))).toBe('REGISTRY_UNREACHABLE');
  folder.hook = () => undefined;
  await runtime.advance(retryDelayMs);
  expect(log.failure).toBeUndefined();
  expect(folder.lines.find(({ kind }) => kind === 'gap')).toMatchObject({
    missingFrom: wallStartAt + 1,
    since: at(1_000),
  });
});

test('a file that cannot be synced before the next file causes a gap too', async () => {
  const { log, folder, runtime } = await auditHarness({ maxFileBytes: 300 });
  await runtime.advance(syncDelayMs);
  await log.recordChange(change('/a'));
  folder.hook = (operation) => {
    if (operation === 'sync') throw new Error('EIO');
  };
  expect(await errorOf(log.recordChange(change('/b')))).toBe('REGISTRY_UNREACHABLE');
  folder.hook = () => undefined;
  await runtime.advance(retryDelayMs);
  expect(folder.lines.map(({ kind, names }) => names?.[0] ?? kind)).toEqual(['start', '/a', '/b', 'gap']);
  expect(folder.lines[3]).toMatchObject({ missingFrom: wallStartAt + 1, since: at(syncDelayMs) });
});

test('a gap after a failed sync is read, although a power failure has replaced the bytes before it by zeros', async () => {
  const { log, folder, runtime } = await auditHarness();
  await log.recordChange(change('/a'));
  const startBytes = folder.text.indexOf('\n') + 1;
  const lostBytes = folder.text.length;
  folder.hook = (operation) => {
    if (operation === 'sync') throw new Error('EIO');
  };
  await runtime.advance(syncDelayMs);
  folder.hook = () => undefined;
  await runtime.advance(retryDelayMs);
  await log.recordChange(change('/b'));
  const after = folder.copy();
  const [[name, bytes] = ['', Buffer.alloc(0)]] = after.files;
  bytes.fill(0, startBytes, lostBytes);
  after.files.set(name, bytes);
  const restarted = await auditHarness({ folder: after, runtime });
  const lines = await allLines(restarted);
  expect(lines.map(({ kind, names }) => names?.[0] ?? kind)).toEqual(['start', 'gap', '/b', 'gap', 'start']);
  expect(lines[1]).toMatchObject({ missingFrom: wallStartAt + 1 });
});

test('a reader passes a long range of zeros', async () => {
  const { log, folder, runtime } = await auditHarness();
  await log.recordChange(change('/a'));
  const [[name, bytes] = ['', Buffer.alloc(0)]] = folder.files;
  const after = folder.copy();
  after.files.set(name, Buffer.concat([bytes, Buffer.alloc(20 * maxLineBytes), Buffer.from('\n'), bytes]));
  const restarted = await auditHarness({ folder: after, runtime });
  const kinds = (await allLines(restarted)).map(({ kind }) => kind);
  expect(kinds).toEqual(['start', 'change', 'start', 'change', 'gap', 'start']);
});

test('the numbers of a run are not used again after a power failure', async () => {
  const crashed = await auditHarness();
  const second = await auditHarness({ folder: crashed.folder.copy(crashed.folder.synced) });
  await second.log.recordChange(change('/lost'));
  const { seq: lost } = second.folder.lines.at(-1);
  const third = await auditHarness({ folder: second.folder.copy(second.folder.synced) });
  await third.log.recordChange(change('/next'));
  expect(third.folder.lines.map(({ kind, names }) => names?.[0] ?? kind)).toEqual([
    ...['start', 'gap', 'start', 'gap', 'start', '/next'],
  ]);
  const fresh = third.folder.lines.slice(3);
  for (const { seq } of fresh) expect(seq).toBeGreaterThan(lost);
});

test('changes that were made without the log are covered by a gap', async () => {
  const { folder, log } = await auditHarness({ revision: 7 });
  await log.close();
  expect(folder.lines.at(-1)).toMatchObject({ kind: 'stop', revision: '7' });
  const kindsAfter = async (openedRevision: number): Promise<readonly string[]> => {
    const { folder: next } = await auditHarness({ folder: folder.copy(), openedRevision });
    return next.lines.slice(2).map(({ kind }) => kind);
  };
  expect(await kindsAfter(7)).toEqual(['start']);
  expect(await kindsAfter(8)).toEqual(['gap', 'start']);
  // A restored store may have an older revision than the log.
  expect(await kindsAfter(6)).toEqual(['gap', 'start']);
});

test('a log is closed after the records of the changes that have started', async () => {
  const { log, folder, runtime } = await auditHarness();
  const [end, endOfStuck] = [log.startChange(), log.startChange()];
  const closed = log.close();
  await runtime.advance(500);
  expect(folder.lines.at(-1)).toMatchObject({ kind: 'start' });
  await log.recordChange(change('/late'));
  end();
  end();
  await runtime.advance(400);
  expect(folder.lines.at(-1)).toMatchObject({ names: ['/late'] });
  // A change that does not end delays the end of the server by a second at most.
  await runtime.advance(100);
  await closed;
  expect(folder.lines.slice(-2)).toMatchObject([{ names: ['/late'] }, { kind: 'stop' }]);
  endOfStuck();
});

test('the first ticket of a key for a service in an hour is written whole, the others as a count at its end', async () => {
  const { log, folder, runtime } = await auditHarness();
  const issue = (principal: string, service: string): void =>
    log.recordTicket({
      operation: 'ticket',
      principal,
      key: `key of ${principal}`,
      names: [service],
      by: 'x',
    });
  for (let i = 0; i < 5; i++) issue('/web', '/orders');
  issue('/web', '/stock');
  await runtime.advance(ticketWindowMs / 2);
  issue('/app', '/orders');
  issue('/app', '/orders');
  await runtime.advance(ticketWindowMs / 2 - 1);
  expect(folder.lines.slice(1).map(({ kind, principal }) => `${kind} ${principal}`)).toEqual([
    ...['ticket /web', 'ticket /web', 'ticket /app'],
  ]);
  await runtime.advance(1);
  const of = (principal: string) => ({ principal, key: `key of ${principal}`, names: ['/orders'] });
  expect(folder.lines.slice(4)).toEqual([
    expect.objectContaining({ kind: 'tickets', ...of('/web'), count: 4, since: at(0) }),
    expect.objectContaining({ kind: 'tickets', ...of('/app'), count: 1, since: at(ticketWindowMs / 2) }),
  ]);
  issue('/web', '/orders');
  issue('/web', '/orders');
  await log.close();
  expect(folder.lines.slice(-3)).toMatchObject([
    { kind: 'ticket', ...of('/web') },
    { kind: 'tickets', count: 1 },
    { kind: 'stop' },
  ]);
});

test('tickets of a hundred thousand keys take bounded memory and bounded space', async () => {
  const { log, folder, runtime } = await auditHarness();
  const total = 100_000;
  for (let i = 0; i < total; i++)
    log.recordTicket({ operation: 'ticket', principal: `/p${i}`, key: 'k', names: ['/orders'] });
  await runtime.advance(ticketWindowMs);
  const lines = folder.lines.slice(1);
  expect(lines).toHaveLength(maxTicketCounts + 1);
  expect(lines.at(-1)).toMatchObject({ kind: 'tickets', count: total - maxTicketCounts });
  expect(lines.at(-1).principal).toBeUndefined();
});

test('a folder that cannot be written at the start is an error', async () => {
  const folder = new MemoryAuditFolder();
  folder.hook = () => {
    throw new Error('EROFS: read-only file system');
  };
  await expect(auditHarness({ folder })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('EROFS'),
  });
});

test('ten refusals of a client in a minute are written whole, the others as a count at its end', async () => {
  const { log, folder, runtime } = await auditHarness();
  const refuse = (principal: string, result: string): void =>
    log.recordError('refusal', { operation: 'define', principal, from: '10.0.0.1', result });
  for (let i = 0; i < 25; i++) refuse('/a', 'FORBIDDEN');
  for (let i = 0; i < 10; i++) refuse('/b', 'FORBIDDEN');
  await runtime.advance(30_000);
  for (let i = 0; i < 11; i++) refuse('/a', 'TICKET_REFUSED');
  refuse('/a', 'FORBIDDEN');
  await runtime.advance(29_999);
  expect(folder.lines.filter(({ kind }) => kind === 'refusal')).toHaveLength(30);
  expect(folder.text).not.toContain('"refusals"');
  await runtime.advance(1);
  expect(folder.lines.filter(({ kind }) => kind === 'refusals')).toEqual([
    expect.objectContaining({ principal: '/a', result: 'FORBIDDEN', count: 16, since: at(0) }),
    expect.objectContaining({ principal: '/a', result: 'TICKET_REFUSED', count: 1, since: at(30_000) }),
  ]);
  refuse('/a', 'FORBIDDEN');
  await runtime.advance(1);
  expect(folder.lines.at(-1)).toMatchObject({ kind: 'refusal', principal: '/a' });
});

test('the counts of the last minute are written when the server stops', async () => {
  const { log, folder } = await auditHarness();
  for (let i = 0; i < 12; i++) log.recordError('refusal', { from: '10.0.0.1', result: 'IDENTITY_INVALID' });
  await log.close();
  expect(folder.lines.slice(-2)).toMatchObject([
    { kind: 'refusals', from: '10.0.0.1', count: 2 },
    { kind: 'stop' },
  ]);
});

test('refusals of a hundred thousand addresses take bounded memory and bounded space', async () => {
  const { log, folder, runtime } = await auditHarness();
  const total = 100_000;
  for (let i = 0; i < total; i++)
    log.recordError('refusal', { from: `2001:db8::${i.toString(16)}`, result: 'IDENTITY_INVALID' });
  await runtime.advance(60_000);
  const lines = folder.lines.slice(1);
  expect(lines.length).toBeLessThanOrEqual(1_010);
  const counted = lines.reduce<number>((sum, { count = 1 }) => sum + Number(count), 0);
  expect(counted).toBe(total);
  expect(lines.at(-1)).toMatchObject({ kind: 'refusals', count: total - 500 });
  expect(lines.at(-1).from).toBeUndefined();
});

test('long and hostile fields are cut, and every line has bounded bytes', async () => {
  const { log, folder } = await auditHarness();
  for (const text of [
    'a'.repeat(100_000),
    '\ud800'.repeat(100_000),
    '€'.repeat(100_000),
    '\n'.repeat(1_000),
  ]) {
    const entry = {
      operation: text,
      names: Array.from({ length: 1_000 }, () => text),
      principal: text,
      key: text,
      from: text,
      by: text,
      right: text,
      revision: text,
      details: { [text]: text, list: Array.from({ length: 1_000 }, () => text) },
    };
    log.recordError('refusal', entry);
    await log.recordChange(entry);
  }
  const lines = folder.text.trimEnd().split('\n');
  expect(lines).toHaveLength(9);
  for (const line of lines) expect(Buffer.byteLength(line)).toBeLessThan(maxLineBytes);
  for (const line of lines) if (line.includes('refusal')) expect(line.length).toBeLessThan(5_000);
  expect(folder.lines[1]).toMatchObject({ nameCount: 1_000, names: expect.any(Array) });
});
