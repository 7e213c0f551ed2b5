import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  statfsSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { rotateLog, openLog } from '../../src/runtime/log-rotation.js';

function logPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'logs', 'orders.log');
}

const read = (path: string): string => readFileSync(path, 'utf8');

test('a log file that is too long is copied and emptied, while a program appends to it', async () => {
  const path = logPath();
  const file = openLog(path, 2);
  for (const letter of ['a', 'b', 'c', 'd']) {
    writeSync(file, letter.repeat(90));
    expect(await rotateLog(path, 100, 2)).toBe('kept');
    writeSync(file, letter.repeat(20));
    expect(await rotateLog(path, 100, 2)).toBe('copied');
    expect(statSync(path).size).toBe(0);
  }
  writeSync(file, 'e');
  closeSync(file);
  expect(read(path)).toBe('e');
  expect(read(`${path}.1`)).toBe('d'.repeat(110));
  expect(read(`${path}.2`)).toBe('c'.repeat(110));
  expect(existsSync(`${path}.3`)).toBe(false);
  expect(statSync(`${path}.1`).mode & 0o777).toBe(0o600);
});

test('the files of earlier starts are kept up to their number', () => {
  const path = logPath();
  for (const run of ['first', 'second', 'third', 'fourth']) {
    const file = openLog(path, 2);
    writeSync(file, run);
    closeSync(file);
  }
  expect([path, `${path}.1`, `${path}.2`].map(read)).toEqual(['fourth', 'third', 'second']);
  expect(readdirSync(join(path, '..'))).toHaveLength(3);
});

test('without earlier files, or on an almost full disk, the log file is emptied without a copy', async () => {
  const path = logPath();
  closeSync(openLog(path, 0));
  appendFileSync(path, 'x'.repeat(101));
  expect(await rotateLog(path, 100, 0)).toBe('emptied');
  expect([statSync(path).size, existsSync(`${path}.1`)]).toEqual([0, false]);

  appendFileSync(path, 'x'.repeat(101));
  expect(await rotateLog(path, 100, 1)).toBe('copied');
  appendFileSync(path, 'y'.repeat(101));
  expect(await rotateLog(path, 100, 1, Infinity)).toBe('discarded');
  expect([statSync(path).size, existsSync(`${path}.1`)]).toEqual([0, false]);
});

test('on an almost full disk, a file below its maximum size is emptied, unless the removal of earlier files suffices', async () => {
  const path = logPath();
  closeSync(openLog(path, 2));
  const maxBytes = 1_000_000;
  const write = (file: string, bytes: number): void => appendFileSync(file, Buffer.alloc(bytes));
  const sizes = (): readonly (number | undefined)[] =>
    [path, `${path}.1`, `${path}.2`].map((file) => statSync(file, { throwIfNoEntry: false })?.size);

  write(path, 65_536);
  write(`${path}.1`, 10);
  write(`${path}.2`, 10);
  expect(await rotateLog(path, maxBytes, 2, Infinity)).toBe('discarded');
  expect(sizes()).toEqual([65_536, undefined, undefined]);
  expect(await rotateLog(path, maxBytes, 2, Infinity)).toBe('kept');
  write(path, 1);
  expect(await rotateLog(path, maxBytes, 2, Infinity)).toBe('discarded');
  expect(sizes()).toEqual([0, undefined, undefined]);

  // The space of the earlier file is twice what is missing, because other programs write to this disk too.
  const mebibyte = 1_048_576;
  write(path, 70_000);
  write(`${path}.1`, 16 * mebibyte);
  const { bavail, bsize } = statfsSync(dirname(path));
  expect(await rotateLog(path, maxBytes, 2, bavail * bsize + 8 * mebibyte)).toBe('discarded');
  expect(sizes()).toEqual([70_000, undefined, undefined]);
});

test('of a file that has grown too fast, only the end is copied', async () => {
  const path = logPath();
  closeSync(openLog(path, 1));
  appendFileSync(path, `${'x'.repeat(250)}${'y'.repeat(100)}`);
  expect(await rotateLog(path, 100, 1)).toBe('copied');
  expect(read(`${path}.1`)).toBe('y'.repeat(100));
});
