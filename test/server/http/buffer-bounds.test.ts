/** The table of all buffers in docs/limits.md, compared with the constants. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { maxNameBytes } from '../../../src/core/name.js';
import { limits } from '../../../src/protocol/limits.js';
import { maxQueuedBytes } from '../../../src/server/audit/audit-writer.js';
import { maxUnsentBytes } from '../../../src/server/http/http-server.js';
import { maxImportBytes } from '../../../src/server/http/import-export.js';
import { maxWaitingRequests } from '../../../src/server/http/pipelined-requests.js';
import { maxRecentLookups } from '../../../src/server/http/recent-lookups.js';
import { maxTransfers } from '../../../src/server/http/transfer-slots.js';
import { maxCachedBytes } from '../../../src/server/naming/lookup-cache.js';
import { maxLoggedChanges } from '../../../src/server/naming/watch/change-log.js';

const mebibyte = 2 ** 20;
/** A name, the id of an instance, and the id of a clerk or principal. */
const keyBytes = maxNameBytes + 128 + 128;

const buffers: Readonly<Record<string, number>> = {
  'heads of requests': limits.maxConnections * (1 + maxWaitingRequests) * limits.maxHeaderBytes,
  'bodies of requests': limits.maxConnections * limits.maxBodyBytes,
  'imports that arrive': maxTransfers * maxImportBytes,
  'bytes that clients have not read': maxUnsentBytes,
  'events that wait for slow watches': limits.maxConnections * limits.maxQueuedBytes,
  'names and globs of all watches': limits.maxGlobBytesOfAll,
  'cached responses': maxCachedBytes,
  'names that were looked up in the last minutes': 2 * maxRecentLookups * maxNameBytes,
  'changes that an interrupted watch may have missed': 2 * maxLoggedChanges * maxNameBytes,
  'reports that count': limits.maxStoredReportsOfAll * keyBytes,
  fences: limits.maxFences * keyBytes,
  'lines of the audit log that wait for the disk': maxQueuedBytes,
};

const page = readFileSync(new URL('../../../docs/limits.md', import.meta.url), 'utf8');
const section = page.slice(page.indexOf('## All buffers together'));

/** @returns the MiB that the table states for a buffer */
function statedMiB(buffer: string): number {
  const line = section.split('\n').find((row) => row.startsWith(`| ${buffer} |`));
  return Number(line?.split('|').at(-2)?.trim().replace(',', ''));
}

test.each(Object.entries(buffers))('docs/limits.md states the bound of: %s', (buffer, bytes) => {
  expect(statedMiB(buffer)).toBe(Math.ceil(bytes / mebibyte));
});

test('docs/limits.md has each buffer once, and their sum', () => {
  const rows = section.split('\n').filter((row) => /^\|.*\d \|$/.test(row));
  expect(rows).toHaveLength(Object.keys(buffers).length + 1);
  const sum = Object.values(buffers).reduce((total, bytes) => total + Math.ceil(bytes / mebibyte), 0);
  expect(statedMiB('**together**')).toBe(sum);
});
